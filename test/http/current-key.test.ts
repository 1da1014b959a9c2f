import { beforeAll, expect, test } from 'vitest';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

test('a key learns what it is and what it may do', async () => {
  const made = await createKey(keys.ORG_ADMIN, { label: 'mine', ip_whitelist: ['10.0.0.0/8'] });
  const answer = await call(made.api_key, 'GET /v2/api_keys/current', { ip: '10.1.2.3' });
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({ id: made.id, label: 'mine', client_ip: '10.1.2.3' });
});
