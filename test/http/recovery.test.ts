import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { compose } from '../../src/compose.ts';
import { recoverDeployment } from '../../src/domain/deployment/recover-deployment.ts';
import { call } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { readEvents } from '../support/events.ts';

/* What `npm run bootstrap -- --recover` does: an operator can always make a PROVIDER key anew. The tests go on from each other. */

let keys: RoleKeys;

async function recover(recipient: Parameters<typeof recoverDeployment>[1]) {
  const context = createExecutionContext();
  const outcome = await recoverDeployment(compose(env, context), recipient);
  await waitOnExecutionContext(context);
  return outcome;
}

async function keyOf(recipient: Parameters<typeof recoverDeployment>[1]): Promise<string> {
  const outcome = await recover(recipient);
  if (outcome.refused !== undefined) throw new Error(outcome.refused);
  return outcome.apiKey;
}

test('without a deployment there is nothing to recover', async () => {
  expect(await recover({})).toEqual({ refused: 'no_deployment' });
});

test('with the only PROVIDER key revoked, a new one is made, works, and is on record', async () => {
  keys = await deploy();
  expect((await call(keys.PROVIDER, 'POST /v2/api_keys/revoke/1')).status).toBe(200);
  expect((await call(keys.PROVIDER, 'GET /v2/user/me')).body.code).toBe('REVOKED');

  keys.PROVIDER = await keyOf({});
  const { body } = await call(keys.PROVIDER, 'GET /v2/api_keys/current');
  expect(body).toMatchObject({ user_role: 'PROVIDER', label: 'Key made by an operator' });
  const { audit_events } = await readEvents(keys.PROVIDER, '?action=deployment.recovered');
  expect(audit_events).toMatchObject([
    { actor_name: 'bootstrap --recover', actor_user_id: null, api_key_id: body.id, user_id: body.user_id },
  ]);
  expect(JSON.stringify(audit_events)).not.toContain(keys.PROVIDER);
});

test('the user is found by its email, whatever the case; one of another role is not', async () => {
  expect(await recover({ email: 'Provider@DEMO.example' })).toMatchObject({ email: 'provider@demo.example' });
  for (const email of ['org-admin@demo.example', 'nobody@demo.example']) {
    expect(await recover({ email })).toEqual({ refused: 'no_provider' });
  }
});

test('a disabled PROVIDER user gets none, and the next one that is enabled does', async () => {
  const second = { first_name: 'Second', last_name: 'Provider', email: 'second@demo.example', role: 'PROVIDER' };
  const added = await call(keys.PROVIDER, 'POST /v2/user', { body: second });
  expect(added.status).toBe(200);
  const { body: me } = await call(keys.PROVIDER, 'GET /v2/user/me');
  const other = await keyOf({ email: second.email });
  expect((await call(other, `POST /v2/user/${me.id}`, { body: { disabled: true } })).status).toBe(200);
  keys.PROVIDER = other;

  expect(await recover({ email: 'provider@demo.example' })).toEqual({ refused: 'no_provider' });
  expect(await recover({})).toMatchObject({ email: second.email });
});

test('with names, a PROVIDER user is made where there is none with this email', async () => {
  const third = { firstName: 'Third', lastName: 'Provider', email: 'third@demo.example' };
  const key = await keyOf(third);
  expect((await call(key, 'GET /v2/user/me')).body).toMatchObject({ email: third.email, role: 'PROVIDER', org_id: 1 });
  // Once more, it is that user's.
  const again = await keyOf(third);
  const people = await Promise.all([key, again].map(async (each) => (await call(each, 'GET /v2/user/me')).body.id));
  expect(people[0]).toBe(people[1]);
  // An email that someone else has makes no second person, and no key.
  const taken = { ...third, email: 'org-admin@demo.example' };
  const before = (await call(key, 'GET /v2/api_keys')).body.count;
  expect(await recover(taken)).toEqual({ refused: 'email_taken' });
  expect((await call(key, 'GET /v2/api_keys')).body.count).toBe(before);
});
