import { addProviderKey } from '../../storage/change-organisations.ts';
import { foldCompatible } from '../../storage/fold-text.ts';
import { hasDeployment } from '../../storage/organisations.ts';
import { readProviders } from '../../storage/users.ts';
import { mintSecret } from '../secrets/mint-secret.ts';
import type { Secrets, Stores } from '../services.ts';
import { newUserId, type PersonFields } from '../users/user.ts';
import { findWrongPersonTexts } from '../users/user-rules.ts';
import { UNRESTRICTED_FIELDS } from './bootstrap-deployment.ts';

/**
 * Whom the new key is for: an enabled PROVIDER user by email (left out: the first one that was created), or a new
 * PROVIDER user. If an enabled PROVIDER user has the email of the new one, the key is for the existing one.
 */
export type Recipient = { email?: string | undefined } | Omit<PersonFields, 'role'>;

/** Why no key was made. */
export type RecoveryRefusal =
  | 'no_keyring'
  | 'no_deployment'
  /** There is no enabled PROVIDER user, or none with this email. */
  | 'no_provider'
  /** Another user has the email of the new user. */
  | 'email_taken';

/**
 * Creates a key for an enabled PROVIDER user of the deployment, or together with a new PROVIDER user. It is the
 * operator's way back when no key of a PROVIDER user is left. Existing users and keys stay as they are.
 * @returns the key's secret, and the email of its user. Refused as `invalid`, with messages by field, when the API
 * would not accept a text
 */
export async function recoverDeployment(
  services: Stores & Secrets,
  recipient: Recipient,
): Promise<
  | { refused?: never; apiKey: string; email: string }
  | { refused: RecoveryRefusal }
  | { refused: 'invalid'; fields: Record<string, string> }
> {
  const { db } = services;
  if (!(await hasDeployment(db))) return { refused: 'no_deployment' };
  const newUser = 'firstName' in recipient ? recipient : null;
  const providers = await readProviders(db);
  const found = providers.find(({ email }) => recipient.email === undefined || isSame(email, recipient.email));
  if (found === undefined && newUser === null) return { refused: 'no_provider' };
  const wrong = found === undefined && newUser !== null ? findWrongPersonTexts(newUser) : {};
  if (Object.keys(wrong).length > 0) return { refused: 'invalid', fields: wrong };
  const secret = await mintSecret(services);
  if (secret === null) return { refused: 'no_keyring' };

  const id = found?.id ?? newUserId();
  const email = found?.email ?? recipient.email ?? '';
  const key = await addProviderKey(
    services,
    {
      user: found === undefined && newUser !== null ? { ...newUser, id, role: 'PROVIDER' } : { id },
      key: { fields: { ...UNRESTRICTED_FIELDS, label: 'Key made by an operator' }, secret },
    },
    {
      audit: {
        action: 'deployment.recovered',
        changes: { key_hint: [null, secret.hint], ...(found === undefined ? { email: [null, email] } : {}) },
      },
      actor: { operator: 'bootstrap --recover' },
      now: services.now(),
    },
  );
  if (key === null) return { refused: found === undefined ? 'email_taken' : 'no_provider' };
  return { apiKey: secret.apiKey, email };
}

function isSame(email: string | null, wanted: string): boolean {
  return email !== null && foldCompatible(email) === foldCompatible(wanted);
}
