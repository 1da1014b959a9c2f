import { Hono } from 'hono';
import { createOrganisation } from '../../domain/organisations/create-organisation.ts';
import { findOrganisationById, listOrganisations } from '../../domain/organisations/find-organisation.ts';
import type { CallEnv } from '../context.ts';
import { fail } from '../errors.ts';
import { ID, readId } from '../middleware/accessible.ts';
import { jsonBody } from '../middleware/body.ts';
import { limitSearches } from '../middleware/limit-costly-reads.ts';
import { confirmed, requires, requiresToWrite } from '../middleware/requires.ts';
import { replayHeaders, retryable } from '../middleware/retryable.ts';
import { validJson, validQuery } from '../middleware/validated.ts';
import { organisationObject } from '../objects/organisation-object.ts';
import { pageOf } from '../objects/page.ts';
import { newOrganisationBody, organisationListQuery } from '../schemas/users.ts';

/** `/v2/org` */
export const organisationRoutes = new Hono<CallEnv>()

  .get('/search', requires('user_read'), limitSearches, validQuery(organisationListQuery), async (c) => {
    const { services, caller } = c.var;
    const query = c.req.valid('query');
    const found = await listOrganisations(services, caller, query);
    if (found.refused) return fail(c, found);
    return c.json({ ...pageOf(query, found.count), orgs: found.organisations.map(organisationObject) });
  })

  .post(
    '/',
    requiresToWrite('user_manage'),
    jsonBody,
    confirmed('user_manage'),
    retryable,
    ...validJson(newOrganisationBody),
    async (c) => {
      const { services, caller } = c.var;
      const created = await createOrganisation(services, caller, c.req.valid('json').name, c.var.retry);
      if (created.refused) return fail(c, created);
      return c.json({ org_id: created.orgId, id: created.orgId, status: 'success' }, 200, replayHeaders(created));
    },
  )

  .get(`/${ID}`, async (c) => {
    const { services, caller } = c.var;
    const id = readId(c.req.param('id'));
    const organisation = id === null ? null : await findOrganisationById(services, caller, id);
    if (organisation === null) return fail(c, { refused: 'not_found' });
    return c.json(organisationObject(organisation));
  });
