import { createMiddleware } from 'hono/factory';
import { timingSafeEqual } from 'hono/utils/buffer';
import { noteUse, readSession } from '../../domain/authority/read-session.ts';
import { allowsCall } from '../../domain/limits.ts';
import { csrfTokenOf, openToken } from '../../domain/sessions/token.ts';
import { answerForeignForm, answerSessionEnded, answerUnavailable, isRead } from '../answer-failure.tsx';
import { type ConsoleContext, clientIpOf, type SessionEnv } from '../context.ts';
import { links } from '../links.ts';
import { readForm } from './read-form.ts';
import { dropSessionCookie, readSessionCookie } from './session-cookie.ts';

/**
 * Finds out who is signed in, and puts the session and the caller into the context.
 *
 * A form is read before the session is: its sender may take seconds over it, and what was judged before would be stale by
 * then. A cookie that this deployment did not seal is refused before either, so a stranger costs no read. A form has to
 * carry the token of its session.
 */
export const session = createMiddleware<SessionEnv>(async (c, next) => {
  const { services } = c.var;
  const cookie = readSessionCookie(c);
  if (cookie === null) return askToSignIn(c);
  const keyring = await services.keyring();
  if (keyring === null) return answerUnavailable(c, 'no_keyring');
  const opened = await openToken(keyring, 'console-session', cookie);
  if (opened === null) {
    dropSessionCookie(c);
    return askToSignIn(c);
  }
  const { hash, token } = opened;
  // It bounds what the holder of a cookie costs, and keeps a limit of its own for what takes rights away.
  if (services.settings.limitsCalls && !(await services.limits.takingAway.allows(`session ${hash}`))) {
    return answerUnavailable(c, 'rate_limited');
  }

  const form = isRead(c) ? new URLSearchParams() : await readForm(c);
  if (form === null) return answerForeignForm(c);
  const clientIp = clientIpOf(c);
  const read = await readSession(services, hash, { clientIp, needs: [] });
  if (read.refused === 'session_ended') {
    // A key may be let in again, from another address for example.
    if (read.why !== 'key') dropSessionCookie(c);
    return answerSessionEnded(c, read.why);
  }
  if (read.refused) return answerUnavailable(c, 'unavailable');
  const csrfToken = csrfTokenOf(token);
  if (!isRead(c) && !(await timingSafeEqual(form.get('csrf') ?? '', csrfToken))) return answerForeignForm(c);

  c.set('session', read.session);
  c.set('csrfToken', csrfToken);
  c.set('caller', read.caller);
  c.set('form', form);
  noteUse(services, hash, read.lastSeenAt);
  if (isRead(c) && !(await allowsCall(c.var))) return answerUnavailable(c, 'rate_limited');
  await next();
});

/** The general limit, for acts that take no rights away. Pages that are read have it already. */
export const limitActs = createMiddleware<SessionEnv>(async (c, next) => {
  if (!(await allowsCall(c.var))) return answerUnavailable(c, 'rate_limited');
  await next();
});

/** Whoever opens a page is sent to sign in; whoever sent a form is told that it was not done. */
function askToSignIn(c: ConsoleContext): Response | Promise<Response> {
  return isRead(c) ? c.redirect(links.signIn, 303) : answerSessionEnded(c, 'gone');
}
