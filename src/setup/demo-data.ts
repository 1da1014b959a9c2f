import { type Caller, callerOf } from '../domain/authority/caller.ts';
import type { Outcome } from '../domain/authority/refusal.ts';
import { createKey } from '../domain/keys/create-key.ts';
import { bootstrapDeployment } from '../domain/organisations/bootstrap-deployment.ts';
import { createOrganisation } from '../domain/organisations/create-organisation.ts';
import { ROLES, type Role } from '../domain/permissions/roles.ts';
import type { Services } from '../domain/services.ts';
import { createUser } from '../domain/users/create-user.ts';
import { payerOfAddress } from '../domain/verification/miss-budget.ts';
import { verifyKey } from '../domain/verification/verify-key.ts';

/**
 * Fills an empty database: the deployment's own organisation with its PROVIDER user, and another one with a user of
 * each other role, each with a key. It goes through the same acts as the API.
 * @returns the keys by the role of their user; null when the database is not empty
 */
export async function seedDemoData(services: Services): Promise<Record<string, string> | null> {
  const first = await bootstrapDeployment(services, {
    organisationName: 'Latchkey',
    firstName: 'Demo',
    lastName: 'Provider',
    email: 'provider@demo.example',
  });
  if (first.refused === 'contended') return null;
  const provider = done(first).apiKey;
  const caller = await signIn(services, provider);
  const { orgId } = done(await createOrganisation(services, caller, 'Demo organisation'));

  const keys: Record<string, string> = { PROVIDER: provider };
  for (const role of ROLES) {
    if (role !== 'PROVIDER') keys[role] = await seedUser(services, caller, orgId, role);
  }
  return keys;
}

async function seedUser(services: Services, caller: Caller, orgId: number, role: Role): Promise<string> {
  const name = role.toLowerCase().replaceAll('_', ' ');
  const { userId } = done(
    await createUser(services, caller, {
      firstName: 'Demo',
      lastName: name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase()),
      email: `${name.replaceAll(' ', '-')}@demo.example`,
      role,
      orgId,
    }),
  );
  const { apiKey } = done(
    await createKey(services, caller, {
      label: `Demo key of the ${name}`,
      description: null,
      expirationDate: null,
      ipWhitelist: [],
      hasRestrictedPermissions: false,
      permissions: [],
      userType: undefined,
      userId,
      orgId: undefined,
    }),
  );
  return apiKey;
}

async function signIn(services: Services, apiKey: string): Promise<Caller> {
  const verdict = await verifyKey(services, apiKey, { clientIp: null, needs: [] }, () => payerOfAddress(null));
  if (!verdict.allowed) throw new Error(`The first key was refused: ${verdict.code}`);
  return callerOf({ secretHash: verdict.secretHash, needs: [], record: verdict.record }, null);
}

function done<Value>(outcome: Outcome<Value>): Value {
  if ('refused' in outcome && outcome.refused !== undefined) throw new Error(`Demo data: ${outcome.refused}`);
  return outcome;
}
