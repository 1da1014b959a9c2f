import { Hono } from 'hono';
import { allowsCostlyRead } from '../../domain/limits.ts';
import { createOrganisation } from '../../domain/organisations/create-organisation.ts';
import { listOrganisations } from '../../domain/organisations/find-organisation.ts';
import { messagesByField } from '../../http/middleware/validated.ts';
import { newOrganisationBody, organisationListQuery } from '../../http/schemas/users.ts';
import { answerUnavailable } from '../answer-failure.tsx';
import { answerPage } from '../answer-page.ts';
import { answerNotFound, answerRefusal, type SessionContext } from '../answer-refusal.tsx';
import type { SessionEnv } from '../context.ts';
import { signedInFrameOf } from '../frame-of.ts';
import { links } from '../links.ts';
import { requires } from '../middleware/requires.ts';
import { limitActs } from '../middleware/session.tsx';
import { OrganisationsPage } from '../pages/organisations.tsx';

const PER_PAGE = 30;

/** `/console/organisations`, which only PROVIDER sees. */
export const organisationsRoutes = new Hono<SessionEnv>()

  .get('/', requires('user_read'), (c) => answerList(c, '', null))

  .post('/', requires('user_manage'), limitActs, async (c) => {
    const { services, caller, form } = c.var;
    const name = form.get('name') ?? '';
    const parsed = newOrganisationBody.safeParse({ name });
    if (!parsed.success) return answerList(c, name, messagesByField(parsed.error.issues).name ?? 'Write a name.');
    const created = await createOrganisation(services, caller, parsed.data.name);
    if (created.refused === 'invalid') return answerList(c, name, Object.values(created.fields).join(' '));
    if (created.refused) return answerRefusal(c, created);
    return c.redirect(links.organisations(), 303);
  });

async function answerList(c: SessionContext, name: string, error: string | null): Promise<Response> {
  const { services, caller } = c.var;
  if (caller.user.role !== 'PROVIDER') return answerNotFound(c);
  const query = (c.req.query('query') ?? '').trim();
  if (query !== '' && !(await allowsCostlyRead(c.var))) return answerUnavailable(c, 'rate_limited');
  const page = c.req.query('page');
  const request = organisationListQuery.safeParse({
    per_page: String(PER_PAGE),
    ...(query === '' ? {} : { query }),
    ...(page === undefined ? {} : { page }),
  });
  if (!request.success) return c.redirect(links.organisations(), 303);
  const found = await listOrganisations(services, caller, request.data);
  if (found.refused) return answerRefusal(c, found);
  return answerPage(
    c,
    <OrganisationsPage
      frame={signedInFrameOf(c)}
      query={{ query: query === '' ? undefined : query }}
      organisations={found.organisations}
      page={request.data.page}
      perPage={PER_PAGE}
      found={found.count}
      name={name}
      error={error}
    />,
    error === null ? 200 : 400,
  );
}
