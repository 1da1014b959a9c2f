import type { SignInRefusal } from '../domain/sessions/start-session.ts';
import { answerPage } from './answer-page.ts';
import type { ConsoleContext } from './context.ts';
import { frameOf } from './frame-of.ts';
import { links } from './links.ts';
import { ForeignFormPage } from './pages/foreign-form.tsx';
import { SessionEndedPage, type SessionEndedPageProps } from './pages/session-ended.tsx';
import { UnavailablePage, type UnavailablePageProps } from './pages/unavailable.tsx';

/*
 * The pages for what fails before, or apart from, any act. Each notes its code for the access log.
 */

/** The session is over. Whoever has none learns no more than that. */
export function answerSessionEnded(
  c: ConsoleContext,
  why: Extract<SignInRefusal, { refused: 'session_ended' }>['why'],
): Response | Promise<Response> {
  c.set('code', 'SESSION_ENDED');
  const reason: SessionEndedPageProps['reason'] = why === 'gone' ? 'unknown' : why;
  const wasActing = !isRead(c);
  return answerPage(c, <SessionEndedPage frame={frameOf(c)} reason={reason} wasActing={wasActing} />, 401);
}

/** A form that was not sent from a page of this session. */
export function answerForeignForm(c: ConsoleContext): Response | Promise<Response> {
  c.set('code', 'FOREIGN_FORM');
  return answerPage(c, <ForeignFormPage frame={frameOf(c)} />, 403);
}

const STATUS = { rate_limited: 429, internal: 500 } as const;

/** No answer to what was asked for: the service cannot, or may not so often. */
export function answerUnavailable(
  c: ConsoleContext,
  reason: UnavailablePageProps['reason'],
): Response | Promise<Response> {
  const status = reason === 'rate_limited' || reason === 'internal' ? STATUS[reason] : 503;
  c.set('code', status === 429 ? 'RATE_LIMITED' : status === 500 ? 'INTERNAL' : 'UNAVAILABLE');
  if (status !== 500) c.header('Retry-After', status === 429 ? '60' : '5');
  const graceSeconds = c.var.services.settings.outageGraceMs / 1000;
  const page = (
    <UnavailablePage
      frame={frameOf(c)}
      reason={reason}
      graceSeconds={graceSeconds}
      requestId={c.var.requestId}
      retry={isRead(c) ? c.req.path : links.keys()}
    />
  );
  return answerPage(c, page, status);
}

export function isRead(c: ConsoleContext): boolean {
  return c.req.method === 'GET' || c.req.method === 'HEAD';
}
