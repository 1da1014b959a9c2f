import { type Context, Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { ID } from '../http/middleware/accessible.ts';
import { type Compose, provideServices } from '../http/middleware/authenticate.ts';
import { logFailure } from '../log.ts';
import { isStorageError } from '../storage/storage-error.ts';
import { answerForeignForm, answerUnavailable } from './answer-failure.tsx';
import { answerPage } from './answer-page.ts';
import type { ConsoleEnv } from './context.ts';
import { frameOf } from './frame-of.ts';
import { links } from './links.ts';
import { pageHeaders } from './middleware/page-headers.ts';
import { sameSite } from './middleware/same-site.ts';
import { session } from './middleware/session.tsx';
import { NotFoundPage } from './pages/not-found.tsx';
import { auditRoutes } from './routes/audit.tsx';
import { keyRoutes } from './routes/key.tsx';
import { keyActRoutes } from './routes/key-acts.tsx';
import { keysRoutes } from './routes/keys.tsx';
import { organisationsRoutes } from './routes/organisations.tsx';
import { signInRoutes } from './routes/sign-in.tsx';
import { signOutRoutes } from './routes/sign-out.ts';
import { usersRoutes } from './routes/users.tsx';

/** The console, which the site mounts under `/console`. `compose` builds the services for one request. */
export function createConsole(compose: Compose) {
  const console = new Hono<ConsoleEnv>();
  console.use(pageHeaders);
  console.use(provideServices(compose));
  console.use(sameSite);
  console.route('/sign-in', signInRoutes);

  // Everything below needs someone who is signed in.
  console.use(session);
  console.route('/sign-out', signOutRoutes);
  console.get('/', (c) => c.redirect(links.keys(), 303));
  console.route('/keys', keysRoutes);
  console.route(`/keys/${ID}`, keyRoutes);
  console.route(`/keys/${ID}`, keyActRoutes);
  console.route('/users', usersRoutes);
  console.route('/audit', auditRoutes);
  console.route('/organisations', organisationsRoutes);

  // hono does not ask a mounted app for its page for what there is not, so a last route has it.
  console.all('*', (c) => answerPage(c, <NotFoundPage frame={frameOf(c)} />, 404));
  console.onError(answerSurprise);
  return console;
}

/** The page for an error that no handler expected. Logs it, unless it is the refusal of a form from another site. */
function answerSurprise(error: Error, c: Context<ConsoleEnv>): Response | Promise<Response> {
  if (error instanceof HTTPException && error.status === 403) return answerForeignForm(c);
  logFailure('request failed', error, { request_id: c.get('requestId') });
  return answerUnavailable(c, isStorageError(error) ? 'storage_failed' : 'internal');
}
