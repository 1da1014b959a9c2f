import { type Context, Hono } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { createConsole } from './console/app.tsx';
import { createApi } from './http/app.ts';
import type { HttpEnv } from './http/context.ts';
import { fail } from './http/errors.ts';
import { accessLog } from './http/middleware/access-log.ts';
import { requestId, securityHeaders } from './http/middleware/answer-headers.ts';
import type { Compose } from './http/middleware/authenticate.ts';
import { createHealth } from './http/routes/health.ts';
import { logFailure } from './log.ts';
import { isStorageError } from './storage/storage-error.ts';

/** Builds the whole site. `compose` makes the services that one request uses. */
export function createApp(compose: Compose) {
  const app = new Hono<HttpEnv>();

  // Every response has these headers and its log line, whatever becomes of the request.
  app.use(requestId);
  app.use(securityHeaders);
  app.use(accessLog());
  // It reads the methods of a path from what is mounted. A stranger never gets that far under /v2: there a 401 comes first.
  app.use(methodNotAllowed({ app, onMethodNotAllowed: (c, methods) => fail(c, { refused: 'wrong_method', methods }) }));

  app.route('/health', createHealth(compose));
  app.route('/v2', createApi(compose));
  app.route('/console', createConsole(compose));

  app.notFound((c) => fail(c, { refused: 'not_found' }));
  app.onError(answerSurprise);
  return app;
}

/** Logs an error that no handler expected, and answers with a 503 for a storage error, else with a 500. */
function answerSurprise(error: Error, c: Context<HttpEnv>): Response {
  logFailure('request failed', error, { request_id: c.get('requestId') });
  return fail(c, { refused: isStorageError(error) ? 'storage_failed' : 'internal' });
}
