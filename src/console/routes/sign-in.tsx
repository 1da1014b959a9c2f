import { type Context, Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { signInByAccess } from '../../domain/sessions/sign-in-by-access.ts';
import { signInByKey } from '../../domain/sessions/sign-in-by-key.ts';
import { lookAtLink, signInByLink } from '../../domain/sessions/sign-in-by-link.ts';
import type { SignInOutcome, SignInRefusal } from '../../domain/sessions/start-session.ts';
import { signInPath } from '../../wire/sign-in-path.ts';
import { answerForeignForm, answerUnavailable } from '../answer-failure.tsx';
import { answerPage } from '../answer-page.ts';
import { type ConsoleContext, type ConsoleEnv, clientIpOf } from '../context.ts';
import { frameOf } from '../frame-of.ts';
import { links } from '../links.ts';
import { readForm } from '../middleware/read-form.ts';
import { setSessionCookie } from '../middleware/session-cookie.ts';
import { SignInPage } from '../pages/sign-in.tsx';
import { SignInLinkPage } from '../pages/sign-in-link.tsx';
import { personName } from '../parts/names.ts';
import { describeSignInRefusal } from '../sign-in-refusals.ts';

/** `/console/sign-in` */
export const signInRoutes = new Hono<ConsoleEnv>()

  .get('/', (c) => answerSignInPage(c, null))

  .post('/', async (c) => {
    const form = await readForm(c);
    if (form === null) return answerForeignForm(c);
    const apiKey = (form.get('api_key') ?? '').trim();
    return answerSignIn(c, await signInByKey(c.var.services, apiKey, clientIpOf(c)));
  })

  .get('/link', async (c) => {
    const token = c.req.query('token') ?? '';
    const found = await lookAtLink(c.var.services, token);
    if (found.refused) return answerRefusal(c, found);
    const name = personName({ id: '', ...found });
    const link = { name, organisation: found.organisation, endsAt: found.expiresAt };
    return answerPage(c, <SignInLinkPage frame={frameOf(c)} link={link} action={signInPath(token)} />);
  })

  .post('/link', async (c) =>
    answerSignIn(c, await signInByLink(c.var.services, c.req.query('token') ?? '', clientIpOf(c))),
  )

  .post('/access', async (c) => {
    const token = c.req.header('Cf-Access-Jwt-Assertion') ?? null;
    return answerSignIn(c, await signInByAccess(c.var.services, token, clientIpOf(c)));
  });

/** The session's cookie, and the first page; or why there is none. */
function answerSignIn(c: Context<ConsoleEnv>, outcome: SignInOutcome): Response | Promise<Response> {
  if (outcome.refused) return answerRefusal(c, outcome);
  setSessionCookie(c, outcome.sealed);
  return c.redirect(links.keys(), 303);
}

function answerRefusal(c: ConsoleContext, refusal: SignInRefusal): Response | Promise<Response> {
  if (refusal.refused === 'link_ended') {
    c.set('code', 'LINK_ENDED');
    return answerPage(c, <SignInLinkPage frame={frameOf(c)} link={null} action={links.signIn} />, 410);
  }
  const { status, code, message } = describeSignInRefusal(refusal);
  c.set('code', code);
  if (message === null) return answerUnavailable(c, code === 'RATE_LIMITED' ? 'rate_limited' : reasonOf(refusal));
  return answerSignInPage(c, message, status);
}

function reasonOf({ refused }: SignInRefusal): 'no_keyring' | 'contended' | 'unavailable' {
  return refused === 'no_keyring' || refused === 'contended' ? refused : 'unavailable';
}

function answerSignInPage(
  c: ConsoleContext,
  error: string | null,
  status?: ContentfulStatusCode,
): Response | Promise<Response> {
  const { settings } = c.var.services;
  const page = (
    <SignInPage
      frame={frameOf(c)}
      keyPrefix={settings.keyPrefix}
      clientIp={clientIpOf(c)}
      hasAccess={settings.access !== null}
      error={error}
    />
  );
  return answerPage(c, page, status);
}
