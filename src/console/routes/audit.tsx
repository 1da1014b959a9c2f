import { Hono } from 'hono';
import { listAuditEvents } from '../../domain/audit/list-audit-events.ts';
import { nameEvents } from '../../domain/keys/name-events.ts';
import { allowsCostlyRead } from '../../domain/limits.ts';
import { administersKeys } from '../../domain/permissions/roles.ts';
import { listUsers } from '../../domain/users/find-user.ts';
import { messagesByField } from '../../http/middleware/validated.ts';
import { auditListQuery } from '../../http/schemas/audit-events.ts';
import { answerUnavailable } from '../answer-failure.tsx';
import { answerPage } from '../answer-page.ts';
import type { SessionEnv } from '../context.ts';
import { signedInFrameOf } from '../frame-of.ts';
import { AuditPage, type AuditPageProps } from '../pages/audit.tsx';
import { personName } from '../parts/names.ts';
import { DAY } from '../words.ts';

const PER_PAGE = 50;
const MAX_USERS = 100;

/** `/console/audit` */
export const auditRoutes = new Hono<SessionEnv>().get('/', async (c) => {
  const { services, caller } = c.var;
  if (!(await allowsCostlyRead(c.var))) return answerUnavailable(c, 'rate_limited');
  const given = Object.fromEntries(Object.entries(c.req.query()).filter(([, value]) => value !== ''));
  const request = auditListQuery.safeParse({ per_page: String(PER_PAGE), ...given });
  const errors: AuditPageProps['errors'] = {};
  if (!request.success) {
    for (const [name, message] of Object.entries(messagesByField(request.error.issues))) {
      errors[name === 'user_id' ? 'user_id' : name === 'api_key_id' ? 'api_key_id' : 'action'] = message;
    }
  }
  const page = request.success ? request.data.page : 1;
  const seesOthers = administersKeys(caller.user.role);
  const [found, users] = await Promise.all([
    request.success
      ? listAuditEvents(services, caller, request.data)
      : { events: [], count: 0, countIsExact: true as boolean },
    seesOthers && caller.reach.permissions.includes('user_read')
      ? listUsers(services, caller, { words: [], page: 1, perPage: MAX_USERS })
      : null,
  ]);
  const people = users === null || users.refused ? [] : users.users;
  const names = await nameEvents(services, caller, found.events);
  return answerPage(
    c,
    <AuditPage
      frame={signedInFrameOf(c)}
      keepDays={services.settings.auditKeepMs / DAY}
      query={{ action: given.action, user_id: given.user_id, api_key_id: given.api_key_id, page }}
      errors={errors}
      users={seesOthers ? people.map((user) => ({ id: user.id, name: personName(user) })) : null}
      events={found.events}
      names={{
        keys: new Map([...names.keys].map(([id, { label }]) => [id, label])),
        users: new Map([...names.users].map(([id, user]) => [id, personName(user)])),
      }}
      page={page}
      perPage={PER_PAGE}
      count={found.count}
      countIsExact={found.countIsExact}
    />,
    Object.keys(errors).length === 0 ? 200 : 400,
  );
});
