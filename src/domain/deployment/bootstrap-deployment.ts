import { addDeployment } from '../../storage/change-organisations.ts';
import type { Outcome } from '../authority/refusal.ts';
import type { KeyFields } from '../keys/key.ts';
import { MAX_ORGANISATION_NAME_LENGTH } from '../organisations/create-organisation.ts';
import { mintSecret } from '../secrets/mint-secret.ts';
import type { Secrets, Stores } from '../services.ts';
import { findLineProblem } from '../text-rules.ts';
import { newUserId, type PersonFields } from '../users/user.ts';
import { findWrongPersonTexts } from '../users/user-rules.ts';

export interface FirstUser extends Omit<PersonFields, 'role'> {
  organisationName: string;
}

/** The fields of a key that has all permissions of its user, no allowlist and no expiry. */
export const UNRESTRICTED_FIELDS: Omit<KeyFields, 'label'> = {
  description: null,
  expirationDate: null,
  ipWhitelist: [],
  hasRestrictedPermissions: false,
  permissions: [],
};

/**
 * Creates the deployment's own organisation, its first PROVIDER user and that user's key, in one transaction. With this
 * key everything else is created.
 * @returns the key's secret. Refused as `invalid` when the API would not accept a text, as `no_keyring` when secrets
 * cannot be sealed, as `contended` when the deployment already has its organisation
 */
export async function bootstrapDeployment(
  services: Stores & Secrets,
  { organisationName, firstName, lastName, email }: FirstUser,
): Promise<Outcome<{ apiKey: string }>> {
  const nameProblem = findLineProblem(organisationName, MAX_ORGANISATION_NAME_LENGTH);
  const wrong = {
    ...(nameProblem === null ? {} : { organisation: nameProblem }),
    ...findWrongPersonTexts({ firstName, lastName, email }),
  };
  if (Object.keys(wrong).length > 0) return { refused: 'invalid', fields: wrong };
  const secret = await mintSecret(services);
  if (secret === null) return { refused: 'no_keyring' };
  const id = newUserId();
  const key = await addDeployment(
    services,
    {
      name: organisationName,
      user: { id, role: 'PROVIDER', firstName, lastName, email },
      key: { fields: { ...UNRESTRICTED_FIELDS, label: 'First key of the deployment' }, secret },
    },
    {
      audit: { action: 'deployment.bootstrapped', changes: { name: [null, organisationName], email: [null, email] } },
      actor: { operator: 'bootstrap' },
      now: services.now(),
    },
  );
  return key === null ? { refused: 'contended' } : { apiKey: secret.apiKey };
}
