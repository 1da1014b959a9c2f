import { Hono } from 'hono';
import { listAuditEvents } from '../../domain/audit/list-audit-events.ts';
import type { CallEnv } from '../context.ts';
import { limitCostlyReads } from '../middleware/limit-costly-reads.ts';
import { requires } from '../middleware/requires.ts';
import { validQuery } from '../middleware/validated.ts';
import { auditEventObject } from '../objects/audit-event-object.ts';
import { pageOf } from '../objects/page.ts';
import { auditListQuery } from '../schemas/audit-events.ts';

/** `/v2/audit_events` */
export const auditRoutes = new Hono<CallEnv>().get(
  '/',
  requires('api_key_read'),
  limitCostlyReads,
  validQuery(auditListQuery),
  async (c) => {
    const { services, caller } = c.var;
    const query = c.req.valid('query');
    const found = await listAuditEvents(services, caller, query);
    const page = { ...pageOf(query, found.count), ...(found.countIsExact ? {} : { count_is_exact: false }) };
    return c.json({ ...page, audit_events: found.events.map(auditEventObject) });
  },
);
