import { type Caller, callerOf } from '../domain/authority/caller.ts';
import type { Outcome } from '../domain/authority/refusal.ts';
import { bootstrapDeployment } from '../domain/deployment/bootstrap-deployment.ts';
import { createKey } from '../domain/keys/create-key.ts';
import { createOrganisation } from '../domain/organisations/create-organisation.ts';
import { listOrganisations } from '../domain/organisations/find-organisation.ts';
import { ROLES, type Role } from '../domain/permissions/roles.ts';
import { hashApiKey } from '../domain/secrets/api-key-format.ts';
import type { Acting, Secrets } from '../domain/services.ts';
import { createUser } from '../domain/users/create-user.ts';
import { payerOfAddress } from '../domain/verification/miss-budget.ts';
import { verifyKey } from '../domain/verification/verify-key.ts';
import { readKeyByHash } from '../storage/keys.ts';
import { hasDeployment } from '../storage/organisations.ts';
import { readHolderOfEmail } from '../storage/users.ts';

/** The demo keys on disk: what an earlier seeding left, and how to write a key down. */
interface KeptKeys {
  /** The keys of an unfinished seeding, by the role of their user. Null: no seeding was begun. */
  begun: Record<string, string> | null;
  /**
   * Writes all keys down. It is called for each new key before the key's row is written, so no key is lost when the
   * process is killed.
   */
  keep: (keys: Readonly<Record<string, string>>) => void;
}

/**
 * Fills an empty database: the deployment's own organisation with its PROVIDER user, and another organisation with a
 * user of each other role. Each user gets a key. The same acts as the API's make them. When an earlier seeding was
 * stopped, at any moment, this one continues it.
 * @returns the keys by the role of their user; null when the database has other data
 */
export async function seedDemoData(
  services: Acting & Secrets,
  { begun, keep }: KeptKeys = { begun: null, keep: () => {} },
): Promise<Record<string, string> | null> {
  const keys: Record<string, string> = { ...begun };
  const keeping = (role: Role) =>
    keepSecrets(services, (apiKey) => {
      keys[role] = apiKey;
      keep(keys);
    });
  if (!(await works(services, keys.PROVIDER))) {
    if (await hasDeployment(services.db)) return null;
    done(await bootstrapDeployment(keeping('PROVIDER'), PROVIDER));
  }
  const provider = keys.PROVIDER ?? '';

  const orgId = await ensureOrganisation(services, await signIn(services, provider));
  for (const role of ROLES) {
    if (role === 'PROVIDER' || (await works(services, keys[role]))) continue;
    const caller = await signIn(services, provider);
    const userId = await ensureUser(services, caller, orgId, role);
    await addKey(keeping(role), caller, userId, role);
  }
  return keys;
}

/** Services that pass each secret to `keep` before sealing it, and so before its row is written. */
function keepSecrets(services: Acting & Secrets, keep: (apiKey: string) => void): Acting & Secrets {
  return {
    ...services,
    keyring: async () => {
      const keyring = await services.keyring();
      return (
        keyring && {
          ...keyring,
          seal: (apiKey, hash) => {
            keep(apiKey);
            return keyring.seal(apiKey, hash);
          },
        }
      );
    },
  };
}

const PROVIDER = {
  organisationName: 'Latchkey',
  firstName: 'Demo',
  lastName: 'Provider',
  email: 'provider@demo.example',
};
const ORGANISATION = 'Demo organisation';

async function ensureOrganisation(services: Acting & Secrets, caller: Caller): Promise<number> {
  const page = { page: 1, perPage: 100 };
  const { organisations } = done(await listOrganisations(services, caller, { ...page, query: ORGANISATION }));
  const there = organisations.find(({ name }) => name === ORGANISATION);
  return there?.id ?? done(await createOrganisation(services, caller, ORGANISATION)).orgId;
}

async function ensureUser(services: Acting & Secrets, caller: Caller, orgId: number, role: Role): Promise<string> {
  const name = nameOf(role);
  const email = emailOf(role);
  const there = await readHolderOfEmail(services.db, email);
  if (there !== null) return there;
  const { userId } = done(
    await createUser(services, caller, {
      firstName: 'Demo',
      lastName: name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase()),
      email,
      role,
      orgId,
    }),
  );
  return userId;
}

async function addKey(services: Acting & Secrets, caller: Caller, userId: string, role: Role): Promise<void> {
  done(
    await createKey(services, caller, {
      label: `Demo key of the ${nameOf(role)}`,
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
}

/** The email of a demo user. */
export function emailOf(role: Role): string {
  return `${nameOf(role).replaceAll(' ', '-')}@demo.example`;
}

function nameOf(role: Role): string {
  return role.toLowerCase().replaceAll('_', ' ');
}

/** Whether the key is in the database. A seeding that was stopped may only have written it down. */
async function works(services: Acting & Secrets, apiKey: string | undefined): Promise<boolean> {
  return apiKey !== undefined && (await readKeyByHash(services.db, hashApiKey(apiKey))) !== null;
}

async function signIn(services: Acting & Secrets, apiKey: string): Promise<Caller> {
  const verdict = await verifyKey(services, apiKey, { clientIp: null, needs: [] }, () => payerOfAddress(null));
  if (!verdict.allowed) throw new Error(`The first key was refused: ${verdict.code}`);
  return callerOf({ secretHash: verdict.secretHash, needs: [], record: verdict.record }, null);
}

function done<Value>(outcome: Outcome<Value>): Value {
  if ('refused' in outcome && outcome.refused !== undefined) throw new Error(`Demo data: ${outcome.refused}`);
  return outcome;
}
