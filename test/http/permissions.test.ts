import { beforeAll, expect, test } from 'vitest';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

const NOT_PUBLISHER = ['PUBLISHER'];
const MANAGERS = ['GROUP_MANAGER', 'BUSINESS_MANAGER', 'PUBLISHER'];

function permission(name: string, order: number, depends_on: string | null, disabled_for_roles: string[]) {
  return { name, order, feature: null, depends_on, disabled_for_roles };
}

test('the catalogue is told as the contract has it', async () => {
  const { status, body } = await call(keys.PUBLISHER, 'GET /v2/permissions');
  expect(status).toBe(200);
  expect(body).toEqual({
    sections: [
      {
        name: 'presence',
        order: 1,
        subsections: [
          {
            name: 'presence_pages',
            order: 1,
            permissions: [
              permission('business_edit', 1, null, NOT_PUBLISHER),
              permission('business_edit_name', 2, 'business_edit', NOT_PUBLISHER),
              permission('business_edit_categories', 3, 'business_edit', NOT_PUBLISHER),
              permission('business_edit_open_hours', 4, 'business_edit', NOT_PUBLISHER),
            ],
          },
        ],
      },
      {
        name: 'reviews',
        order: 2,
        subsections: [
          {
            name: 'review_management',
            order: 1,
            permissions: [
              permission('review_read', 1, null, []),
              permission('review_reply', 2, 'review_read', NOT_PUBLISHER),
            ],
          },
        ],
      },
      {
        name: 'settings',
        order: 3,
        subsections: [
          {
            name: 'api_keys',
            order: 1,
            permissions: [
              permission('api_key_read', 1, null, []),
              permission('api_key_manage', 2, 'api_key_read', NOT_PUBLISHER),
              permission('api_key_verify', 3, null, MANAGERS),
            ],
          },
          {
            name: 'users',
            order: 2,
            permissions: [
              permission('user_read', 1, null, NOT_PUBLISHER),
              permission('user_manage', 2, 'user_read', MANAGERS),
            ],
          },
        ],
      },
    ],
  });
});

test('no permission is needed', async () => {
  const { api_key } = await createKey(keys.ORG_ADMIN, { has_restricted_permissions: true, permissions: [] });
  expect((await call(api_key, 'GET /v2/permissions')).status).toBe(200);
});
