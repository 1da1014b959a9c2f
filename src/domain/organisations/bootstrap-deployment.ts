import { commitKeyChange } from '../../storage/commit-change.ts';
import { insertFirstSecret, insertKey, keyIdOfSecret } from '../../storage/keys.ts';
import { insertOrganisation, newestOrganisation } from '../../storage/organisations.ts';
import { insertUser, nameOfUser } from '../../storage/users.ts';
import type { Outcome } from '../authority/refusal.ts';
import { foldText } from '../fold-text.ts';
import { mintSecret } from '../secrets/mint-secret.ts';
import type { Services } from '../services.ts';
import { newUserId } from '../users/user-id.ts';
import { foldedUserFields, type UserFields } from '../users/user-rules.ts';

export interface FirstUser extends UserFields {
  organisationName: string;
}

const KEY_LABEL = 'First key of the deployment';

/**
 * Makes what everything else is made with: the deployment's own organisation, its PROVIDER user and that user's key,
 * all at once or not at all.
 * @returns the key's secret; refused as `contended` when the deployment has its organisation already
 */
export async function bootstrapDeployment(
  services: Services,
  { organisationName, firstName, lastName, email }: FirstUser,
): Promise<Outcome<{ apiKey: string }>> {
  const secret = await mintSecret(services);
  if (secret === null) return { refused: 'no_keyring' };
  const { db } = services;
  const now = services.now();
  const userId = newUserId();
  const key = await commitKeyChange(services, {
    rows: [
      insertOrganisation(db, {
        name: organisationName,
        nameFolded: foldText(organisationName),
        isDeployment: true,
        createdAt: now,
      }),
      insertUser(db, {
        id: userId,
        orgId: newestOrganisation(),
        role: 'PROVIDER',
        firstName,
        lastName,
        email,
        ...foldedUserFields({ firstName, lastName, email }),
        createdAt: now,
      }),
      insertKey(db, {
        userId,
        label: KEY_LABEL,
        labelFolded: foldText(KEY_LABEL),
        description: null,
        hint: secret.hint,
        hintFolded: secret.hintFolded,
        expirationDate: null,
        ipWhitelist: [],
        hasRestrictedPermissions: false,
        permissions: [],
        createdBy: userId,
        createdByName: nameOfUser(userId),
        createdAt: now,
      }),
      insertFirstSecret(db, { ...secret, createdAt: now, mintedBy: userId }),
    ],
    keyId: keyIdOfSecret(secret.hash),
    audit: { action: 'deployment.bootstrapped', changes: { name: [null, organisationName], email: [null, email] } },
    actor: { operator: 'bootstrap' },
    now,
  });
  return key === null ? { refused: 'contended' } : { apiKey: secret.apiKey };
}
