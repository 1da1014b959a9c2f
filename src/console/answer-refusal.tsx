import type { Refusal, Shortfall } from '../domain/authority/refusal.ts';
import { findAdministrator } from '../domain/users/find-administrator.ts';
import { describeShortfall } from '../http/errors.ts';
import { answerSessionEnded, answerUnavailable } from './answer-failure.tsx';
import { answerPage } from './answer-page.ts';
import type { ConsoleContext, SessionEnv } from './context.ts';
import { signedInFrameOf } from './frame-of.ts';
import { links } from './links.ts';
import { NotFoundPage } from './pages/not-found.tsx';
import { RefusedPage, type RefusedPageProps } from './pages/refused.tsx';
import { personName } from './parts/names.ts';

/** The context of a request in a session. */
export type SessionContext = ConsoleContext & { readonly var: Readonly<SessionEnv['Variables']> };

/** The page for an act that the domain refused. Routes answer `invalid` with the form, where there is one. */
export function answerRefusal(c: SessionContext, refusal: Refusal): Response | Promise<Response> {
  switch (refusal.refused) {
    case 'out_of_reach':
      return answerRefused(c, describeShortfall(refusal.shortfall), adviceOn(c, refusal.shortfall));
    case 'denied':
      return refusal.code === 'PERMISSION_DENIED'
        ? answerLacking(c, 'missing' in refusal ? refusal.missing : [])
        : answerSessionEnded(c, 'key');
    case 'invalid':
      return answerImpossible(c, Object.values(refusal.fields).join(' '));
    case 'not_found':
      return answerNotFound(c);
    case 'session_ended':
      return answerSessionEnded(c, refusal.why);
    case 'rate_limited':
    case 'no_keyring':
    case 'contended':
    case 'unavailable':
      return answerUnavailable(c, refusal.refused);
    case 'idempotency':
      throw new Error('The console sends no Idempotency-Key');
  }
}

/** There is no such thing, or the viewer may not know of it. */
export function answerNotFound(c: SessionContext): Response | Promise<Response> {
  c.set('code', 'NOT_FOUND');
  return answerPage(c, <NotFoundPage frame={signedInFrameOf(c)} />, 404);
}

/** The viewer lacks permissions. */
export function answerLacking(c: SessionContext, missing: readonly string[]): Promise<Response> {
  return answerRefused(c, `The permission ${missing.join(', ')}.`, { asksAdministrator: true, instead: null });
}

/** Nobody can do this: to a revoked key, for example. */
function answerImpossible(c: SessionContext, text: string): Response | Promise<Response> {
  c.set('code', 'INVALID_REQUEST');
  const said = { heading: 'This cannot be done', reason: { is: 'impossible', text } } as const;
  return answerPage(c, pageOf(c, { ...said, helper: null, instead: null }), 400);
}

interface Advice {
  /** Whether an administrator of the organisation could do it. */
  asksAdministrator: boolean;
  instead: RefusedPageProps['instead'];
}

async function answerRefused(c: SessionContext, text: string, advice: Advice): Promise<Response> {
  c.set('code', 'PERMISSION_DENIED');
  const { services, caller } = c.var;
  const found = advice.asksAdministrator ? await findAdministrator(services, caller) : null;
  const helper = found === null ? null : { name: personName({ id: '', ...found }), email: found.email };
  const said = { heading: 'You may not do this here', reason: { is: 'missing', text } } as const;
  return answerPage(c, pageOf(c, { ...said, helper, instead: advice.instead }), 403);
}

function pageOf(c: SessionContext, said: Omit<RefusedPageProps, 'frame' | 'requestId'>) {
  return <RefusedPage frame={signedInFrameOf(c)} {...said} requestId={c.var.requestId} />;
}

/** Who can help with what is out of the viewer's reach, and what the viewer can do about it. */
function adviceOn(c: SessionContext, shortfall: Shortfall): Advice {
  switch (shortfall.rule) {
    case 'old_secret':
      return { asksAdministrator: false, instead: signInWith('the new secret') };
    case 'permissions':
    case 'unrestricted':
    case 'open_caller':
    case 'networks':
    case 'expiry':
      return { asksAdministrator: true, instead: widerSession(c) };
    case 'administrators_only':
    case 'role':
      return { asksAdministrator: true, instead: ownKey(c) };
    case 'signed_in_before':
    case 'paused_by_another':
      return { asksAdministrator: true, instead: null };
    case 'owner':
    case 'provider_only':
    case 'provider_keys':
      return { asksAdministrator: false, instead: null };
  }
}

/** A session reaches as far as the key that it was started with. */
function widerSession(c: SessionContext): Advice['instead'] {
  return c.var.session.by === 'key' ? signInWith('a key that has no such limits, or by a sign-in link') : null;
}

function signInWith(what: string): Advice['instead'] {
  return { text: `End this session, and with ${what}`, href: links.signIn, link: 'sign in again' };
}

function ownKey(c: SessionContext): Advice['instead'] {
  if (c.var.caller.user.type === 'bot' || !c.var.caller.reach.permissions.includes('api_key_manage')) return null;
  return { text: 'For the same work', href: links.createKey(), link: 'create a personal key' };
}
