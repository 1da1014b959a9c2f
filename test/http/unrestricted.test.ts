import { beforeAll, describe, expect, test } from 'vitest';
import { PERMISSION_NAMES, permissionsOfRole } from '../../src/domain/permissions/permissions.ts';
import { type Answer, call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectOutOfReach } from '../support/expect-error.ts';
import { writingNothing } from '../support/stored.ts';

/*
 * An unrestricted key has whatever its user will ever have. A list that happens to hold all of today's permissions is not
 * that: compared as lists, a restricted key would make a key that outgrows it.
 */

let keys: RoleKeys;
let listed: string;
let listedId: number;
beforeAll(async () => {
  keys = await deploy();
  const made = await createKey(keys.ORG_ADMIN, {
    has_restricted_permissions: true,
    permissions: PERMISSION_NAMES.filter((name) => permissionsOfRole('ORG_ADMIN').has(name)),
  });
  listed = made.api_key;
  listedId = made.id;
  expect((await readCurrent(listed)).permissions).toEqual((await readCurrent(keys.ORG_ADMIN)).permissions);
});

const RESTRICTED = { has_restricted_permissions: true, permissions: ['review_read'] };
const UNRESTRICTED = { has_restricted_permissions: false, permissions: [] };

const ATTEMPTS: [string, (open: number) => [route: string, body?: unknown]][] = [
  ['make an unrestricted key', () => ['POST /v2/api_keys', { label: 'open' }]],
  ['make an unrestricted main key', () => ['POST /v2/api_keys', { label: 'open', user_type: 'bot' }]],
  ['become unrestricted', () => [`PUT /v2/api_keys/${listedId}`, UNRESTRICTED]],
  ['change an unrestricted key', (open) => [`PUT /v2/api_keys/${open}`, { label: 'renamed' }]],
  ['see an unrestricted key', (open) => [`GET /v2/api_keys/key/${open}`]],
  ['rotate an unrestricted key', (open) => [`POST /v2/api_keys/rotate/${open}`, {}]],
];

function make(key: string, [route, body]: [route: string, body?: unknown]): Promise<Answer> {
  return call(key, route, body === undefined ? {} : { body });
}

describe('a key with a list of all that its user can do', () => {
  test.each(ATTEMPTS)('does not %s', async (_, attempt) => {
    const open = await createKey(keys.ORG_ADMIN);
    const tried = attempt(open.id);
    expectOutOfReach(await writingNothing(() => make(listed, tried)), /list of permissions/);
    if (!JSON.stringify(tried).includes(`PUT /v2/api_keys/${listedId}`)) {
      expect((await make(keys.ORG_ADMIN, tried)).status).toBeLessThan(300);
    }
  });

  test('makes, changes, sees and rotates restricted keys, for another user too', async () => {
    const { user_id } = await readCurrent(keys.BUSINESS_MANAGER);
    expect((await make(listed, ['POST /v2/api_keys', { label: 'a key', user_id, ...RESTRICTED }])).status).toBe(201);
    const { id } = await createKey(listed, RESTRICTED);
    expect((await make(listed, [`PUT /v2/api_keys/${id}`, { label: 'renamed' }])).status).toBe(200);
    expect((await make(listed, [`GET /v2/api_keys/key/${id}`])).status).toBe(200);
    expect((await make(listed, [`POST /v2/api_keys/rotate/${id}`, {}])).status).toBe(200);
  });

  test('revokes an unrestricted key: taking away is not reaching further', async () => {
    const { id } = await createKey(keys.ORG_ADMIN);
    expect((await make(listed, [`POST /v2/api_keys/revoke/${id}`])).status).toBe(200);
  });
});
