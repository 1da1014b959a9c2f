import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { compose } from '../../src/compose.ts';
import type { Role } from '../../src/domain/permissions/roles.ts';
import { seedDemoData } from '../../src/setup/demo-data.ts';

/** The keys of a fresh deployment: the PROVIDER user's, and one of a user of each other role in one organisation. */
export type RoleKeys = Record<Role, string>;

/** Fills the empty database of a test file with the demo data, as `npm start` does. */
export async function deploy(): Promise<RoleKeys> {
  const context = createExecutionContext();
  const keys = await seedDemoData(compose(env, context));
  await waitOnExecutionContext(context);
  if (keys === null) throw new Error('The database of this test file was not empty');
  return {
    PROVIDER: keyOf(keys, 'PROVIDER'),
    ORG_ADMIN: keyOf(keys, 'ORG_ADMIN'),
    ORG_MANAGER: keyOf(keys, 'ORG_MANAGER'),
    GROUP_MANAGER: keyOf(keys, 'GROUP_MANAGER'),
    BUSINESS_MANAGER: keyOf(keys, 'BUSINESS_MANAGER'),
    PUBLISHER: keyOf(keys, 'PUBLISHER'),
  };
}

function keyOf(keys: Record<string, string>, role: Role): string {
  const key = keys[role];
  if (key === undefined) throw new Error(`The demo data has no ${role}`);
  return key;
}
