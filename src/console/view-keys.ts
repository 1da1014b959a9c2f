import type { Shortfall } from '../domain/authority/refusal.ts';
import type { Key } from '../domain/keys/key.ts';
import { findHindrances, type Hindrance } from '../domain/keys/key-acts.ts';
import { findPreviousSecrets, type PreviousSecret } from '../domain/keys/previous-secret.ts';
import { findRecentUses, type RecentUse } from '../domain/usage/find-recent-uses.ts';
import { type DenialCode, isDenialCode } from '../wire/denial.ts';
import type { SessionEnv } from './context.ts';
import type { CallCount, KeyActs, KeyUse, KeyView } from './parts/key-view.ts';
import { DAY } from './words.ts';

const STRIP_DAYS = 14;
const ALLOWED = 'VALID';

/** Keys as pages show them: with their use of late, the secret that goes, and what the viewer may do. */
export async function viewKeys(
  { services, caller, session }: SessionEnv['Variables'],
  keys: readonly Key[],
): Promise<KeyView[]> {
  const [uses, previous] = await Promise.all([
    findRecentUses(
      services,
      keys.map(({ id }) => id),
      STRIP_DAYS,
    ),
    findPreviousSecrets(services, keys),
  ]);
  const now = services.now();
  return keys.map((key) => ({
    key,
    use: uses === null ? null : useOf(uses.get(key.id), now),
    oldSecret: oldSecretOf(previous.get(key.id)),
    acts: actsOf(findHindrances(caller, key), key),
    isOfSession: session.by === 'key' && caller.apiKeyId === key.id,
    pausedAt: key.pausedAt,
  }));
}

/** One key as its page shows it. */
export async function viewKey(variables: SessionEnv['Variables'], key: Key): Promise<KeyView> {
  const [view] = await viewKeys(variables, [key]);
  if (view === undefined) throw new Error('A key has a view');
  return view;
}

function useOf(use: RecentUse | undefined, now: number): KeyUse {
  const today = Math.floor(now / DAY);
  const counts = use?.days ?? [];
  const sum = (day: number, isAllowed: boolean) =>
    counts.reduce(
      (total, count) => (count.day === day && (count.code === ALLOWED) === isAllowed ? total + count.count : total),
      0,
    );
  const days = Array.from({ length: STRIP_DAYS }, (_, index): CallCount => {
    const day = today - (STRIP_DAYS - 1 - index);
    return { at: day * DAY, allowed: sum(day, true), refused: sum(day, false) };
  });
  return {
    lastUsedAt: use?.lastUsedAt ?? null,
    lastNetwork: use?.lastNetwork ?? null,
    days,
    allowedIn24h: use?.allowedIn24h ?? 0,
    refusedToday: counts
      .flatMap(({ day, code, count }): [DenialCode, number][] => {
        return day === today && isDenialCode(code) ? [[code, count]] : [];
      })
      .sort(([, a], [, b]) => b - a),
  };
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

function inFewWords(hindrance: Hindrance): string | null {
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
