import { Hono } from 'hono';
import { checkHealth } from '../../domain/health/check-health.ts';
import type { ServedEnv } from '../context.ts';
import { fail } from '../errors.ts';
import { noStore } from '../middleware/answer-headers.ts';
import { type Compose, provideServices } from '../middleware/authenticate.ts';

/**
 * `/health`, for monitors, without a key. Both answers say nothing that a stranger could use.
 *
 * `/health` asks no storage: the Worker runs, and its settings can be read. `/health/ready` asks every part.
 */
export function createHealth(compose: Compose) {
  const routes = new Hono<ServedEnv>();
  routes.use(noStore);
  routes.use(provideServices(compose));

  routes.get('/', (c) => c.json({ status: 'ok' }));

  routes.get('/ready', async (c) => {
    const health = await checkHealth(c.var.services, c.req.header('CF-Connecting-IP') ?? null);
    if (health.refused) return fail(c, health);
    const { report } = health;
    if (report.status === 'unavailable') return fail(c, { refused: 'not_ready', report });
    return c.json(report);
  });

  return routes;
}
