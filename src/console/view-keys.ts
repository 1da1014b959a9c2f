import type { Shortfall } from '../domain/authority/refusal.ts';
import type { Key } from '../domain/keys/key.ts';
import { findHindrances, type Hindrance } from '../domain/keys/key-acts.ts';
import { findPreviousSecrets, type PreviousSecret } from '../domain/keys/previous-secret.ts';
import { findUses } from '../domain/usage/find-uses.ts';
import type { SessionEnv } from './context.ts';
import type { KeyActs, KeyView } from './parts/key-view.ts';

/** Keys as pages show them: with their use of late, the secret that goes, and what the viewer may do. */
export async function viewKeys(
  { services, caller, session }: SessionEnv['Variables'],
  keys: readonly Key[],
): Promise<KeyView[]> {
  const [uses, previous] = await Promise.all([
    findUses(
      services,
      keys.map(({ id }) => id),
    ),
    findPreviousSecrets(services, keys),
  ]);
  return keys.map((key) => ({
    key,
    use: uses?.get(key.id) ?? null,
    oldSecret: oldSecretOf(previous.get(key.id)),
    acts: actsOf(findHindrances(caller, key), key),
    isOfSession: session.by === 'key' && caller.apiKeyId === key.id,
  }));
}

/** One key as its page shows it. */
export async function viewKey(variables: SessionEnv['Variables'], key: Key): Promise<KeyView> {
  const [view] = await viewKeys(variables, [key]);
  if (view === undefined) throw new Error('A key has a view');
  return view;
}

function oldSecretOf(previous: PreviousSecret | undefined): KeyView['oldSecret'] {
  return previous === undefined ? null : { hint: previous.hint ?? 'before', retiresAt: previous.retiresAt };
}

function actsOf(
  { change, rotate, see, revoke, pause, resume }: ReturnType<typeof findHindrances>,
  { pausedAt }: Key,
): KeyActs {
  return {
    change: inFewWords(change),
    rotate: inFewWords(rotate),
    see: inFewWords(see),
    revoke: inFewWords(revoke),
    pause: inFewWords(pausedAt === null ? pause : resume),
  };
}

/** What hinders the viewer, to stand beside an act that cannot be clicked; null: nothing does. */
export function inFewWords(hindrance: Hindrance): string | null {
  if (hindrance === null) return null;
  if (hindrance === 'revoked') return 'It is revoked';
  if (hindrance === 'permission') return 'Needs api_key_manage';
  return SHORTFALLS[hindrance.rule];
}

const SHORTFALLS: Record<Shortfall['rule'], string> = {
  owner: 'Its user’s alone',
  old_secret: 'Sign in with the new secret',
  administrators_only: 'Administrators only',
  signed_in_before: 'Administrators only',
  provider_only: 'PROVIDER only',
  provider_keys: 'PROVIDER only',
  paused_by_another: 'An administrator paused it',
  role: 'Your role does not reach it',
  permissions: 'It has more permissions than you',
  unrestricted: 'It has all permissions, you have a list',
  open_caller: 'You signed in with a narrowed key',
  networks: 'It has addresses that you have not',
  expiry: 'It ends later than your key',
};
