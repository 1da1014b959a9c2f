import { Hono } from 'hono';
import { logFailure } from '../log.ts';
import { isStorageError } from '../storage/storage-error.ts';
import type { HttpEnv } from './context.ts';
import { fail } from './errors.ts';
import { accessLog } from './middleware/access-log.ts';
import { authenticate } from './middleware/authenticate.ts';
import { limitRate } from './middleware/limit-rate.ts';
import { noStore } from './middleware/no-store.ts';
import { type Compose, provideServices } from './middleware/provide-services.ts';
import { requestId } from './middleware/request-id.ts';
import { securityHeaders } from './middleware/security-headers.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { auditRoutes } from './routes/audit-events.ts';
import { organisationRoutes } from './routes/organisations.ts';
import { permissionRoutes } from './routes/permissions.ts';
import { userRoutes } from './routes/users.ts';
import { verificationRoutes } from './routes/verification.ts';

/** The HTTP API. `compose` gives what one request works with. */
export function createApp(compose: Compose) {
  const app = new Hono<HttpEnv>();

  // What every answer has, whatever becomes of the request.
  app.use(requestId);
  app.use(securityHeaders);
  app.use(accessLog());
  app.use('/v2/*', noStore);

  // Who calls, and how often: before anything else about the request is looked at.
  app.use('/v2/*', provideServices(compose));
  app.use('/v2/*', authenticate);
  // Before the limit, which does not hold for it: a backend verifies as often as it is called itself.
  app.route('/v2/api_keys/verify', verificationRoutes);
  app.use('/v2/*', limitRate);

  app.route('/v2/api_keys', apiKeyRoutes);
  app.route('/v2/user', userRoutes);
  app.route('/v2/org', organisationRoutes);
  app.route('/v2/audit_events', auditRoutes);
  app.route('/v2/permissions', permissionRoutes);

  app.notFound((c) => fail(c, { refused: 'not_found' }));
  app.onError((error, c) => {
    logFailure('request failed', error, { request_id: c.get('requestId') });
    return fail(c, { refused: isStorageError(error) ? 'storage_failed' : 'internal' });
  });
  return app;
}
