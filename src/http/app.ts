import { Hono } from 'hono';
import type { HttpEnv } from './context.ts';
import { noStore } from './middleware/answer-headers.ts';
import { authenticate, type Compose, provideServices } from './middleware/authenticate.ts';
import { limitRate } from './middleware/limit-rate.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { auditRoutes } from './routes/audit-events.ts';
import { organisationRoutes } from './routes/organisations.ts';
import { permissionRoutes } from './routes/permissions.ts';
import { userRoutes } from './routes/users.ts';
import { introspectionRoutes, verificationRoutes } from './routes/verification.ts';

/** The HTTP API, which the site mounts under `/v2`. `compose` builds the services for one request. */
export function createApi(compose: Compose) {
  const api = new Hono<HttpEnv>();
  api.use(noStore);

  // The caller and the rate limit are checked before anything else about the request.
  api.use(provideServices(compose));
  // Before the general way to say who calls, for this one takes HTTP Basic too; and before the limit, as below.
  api.route('/introspect', introspectionRoutes);
  api.use(authenticate);
  // Mounted before the rate limit, which does not hold for it: a backend verifies as often as it is called itself. A setting limits it.
  api.route('/api_keys/verify', verificationRoutes);
  api.use(limitRate);

  api.route('/api_keys', apiKeyRoutes);
  api.route('/user', userRoutes);
  api.route('/org', organisationRoutes);
  api.route('/audit_events', auditRoutes);
  api.route('/permissions', permissionRoutes);
  return api;
}
