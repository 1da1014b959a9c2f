import type { Refusal } from '../domain/authority/refusal.ts';
import { describeShortfall } from '../http/errors.ts';
import { answerSessionEnded, answerUnavailable } from './answer-failure.tsx';
import { answerPage } from './answer-page.ts';
import type { ConsoleContext, SessionEnv } from './context.ts';
import { signedInFrameOf } from './frame-of.ts';
import { NotFoundPage } from './pages/not-found.tsx';
import { RefusedPage } from './pages/refused.tsx';

/** The context of a request in a session. */
export type SessionContext = ConsoleContext & { readonly var: Readonly<SessionEnv['Variables']> };

/** The page for an act that the domain refused. Routes answer `invalid` with the form, where there is one. */
export function answerRefusal(c: SessionContext, refusal: Refusal): Response | Promise<Response> {
  switch (refusal.refused) {
    case 'out_of_reach':
      return answerRefused(c, describeShortfall(refusal.shortfall));
    case 'denied':
      return refusal.code === 'PERMISSION_DENIED'
        ? answerRefused(c, `The permission ${'missing' in refusal ? refusal.missing.join(', ') : ''}.`)
        : answerSessionEnded(c, 'key');
    case 'invalid':
      return answerRefused(c, Object.values(refusal.fields).join(' '), 'This cannot be done');
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

function answerRefused(
  c: SessionContext,
  missing: string,
  heading = 'You may not do this here',
): Response | Promise<Response> {
  c.set('code', 'PERMISSION_DENIED');
  const frame = signedInFrameOf(c);
  const page = (
    <RefusedPage
      frame={frame}
      heading={heading}
      missing={missing}
      helper={null}
      instead={null}
      requestId={c.var.requestId}
    />
  );
  return answerPage(c, page, 403);
}
