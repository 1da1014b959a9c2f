import type { JointUse, JointUses } from '../../storage/joint-uses.ts';
import type { KeyDenialCode } from '../../wire/denial.ts';
import type { KeyRecord } from '../verification/key-record.ts';
import { DELETED, type Judgement, judgeBy, judgeUncounted } from './judge-use.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Sources, permissions and keys that are listed. The sums beside the lists are of all of them. */
const MAX_LISTED = 100;

/** A change as one key would feel it. */
export interface RehearsedKey {
  /** The key as it stands. */
  before: KeyRecord;
  /** The key as it would be; null: deleted with its user. */
  after: KeyRecord | null;
  /** Secrets of the key that the change ends by itself, by when they were made (unix milliseconds). */
  endedSecrets?: ReadonlySet<number>;
}

type RefusalCode = KeyDenialCode | 'UNKNOWN_KEY';

export interface Rehearsal {
  /** How many calls were allowed: those that would be let in, `refused` and `unknown`. */
  calls: number;
  refused: number;
  /** Those of the refused that the key as it stands refuses too, as far as the counts can tell. */
  refusedAlready: number;
  /** Calls that the counts cannot tell. */
  unknown: number;
  byCode: Partial<Record<RefusalCode, number>>;
  /** Where refused calls came from, the most calls first. */
  sources: { network: string | null; code: RefusalCode; count: number; lastSeen: number }[];
  /** What calls lacked that were refused for a permission, the most calls first. */
  permissions: { name: string; count: number; lastSeen: number }[];
  /** The keys that were called, the most refused calls first. */
  keys: { id: number; label: string; calls: number; refused: number }[];
  /** Since when there are counts to judge by, in unix milliseconds. */
  since: number;
}

/**
 * What a change would have done to the calls of the last days. The decision that judges real calls judges them, at the time
 * of the call. What is not sure is `unknown`. Pure.
 * @param sinceDay the first day that the counts are of (days since the epoch)
 * @param now unix milliseconds
 */
export function rehearse(
  keys: readonly RehearsedKey[],
  { uses, totals, countedSinceDay }: JointUses,
  { sinceDay, now }: { sinceDay: number; now: number },
): Rehearsal {
  const usesOf = Map.groupBy(uses, ({ keyId }) => keyId);
  const judged = keys.map((key) => {
    const { keyId, label } = key.before;
    const counted = judgeCounted(key, usesOf.get(keyId) ?? []);
    const rest = (totals.get(keyId)?.calls ?? 0) - sumOf(counted);
    const groups = rest > 0 ? [...counted, judgeRest(key, rest, sinceDay)] : counted;
    return { id: keyId, label, groups };
  });
  const groups = judged.flatMap((key) => key.groups);
  const refused = groups.filter(isRefused);
  const created = Math.min(...keys.map(({ before }) => before.createdAt));
  return {
    calls: sumOf(groups),
    refused: sumOf(refused),
    refusedAlready: sumOf(refused.filter(({ wasRefused }) => wasRefused)),
    unknown: sumOf(groups.filter(({ judgement }) => judgement === 'unknown')),
    byCode: Object.fromEntries(
      [...Map.groupBy(refused, ({ judgement }) => judgement.code)].map(([code, some]) => [code, sumOf(some)]),
    ),
    sources: listSources(refused),
    permissions: listPermissions(refused),
    keys: judged
      .map(({ id, label, groups }) => ({ id, label, calls: sumOf(groups), refused: sumOf(groups.filter(isRefused)) }))
      .filter(({ calls }) => calls > 0)
      .toSorted((a, b) => b.refused - a.refused || b.calls - a.calls || b.id - a.id)
      .slice(0, MAX_LISTED),
    since: Math.max(
      sinceDay * DAY_MS,
      keys.length > 0 ? created : 0,
      countedSinceDay === null ? now : countedSinceDay * DAY_MS,
    ),
  };
}

/** Calls of which the same is known. */
interface Group {
  count: number;
  judgement: Judgement;
  /** Whether the key as it stands is sure to refuse them. */
  wasRefused: boolean;
  /** Null: the calls are in no joint count. */
  use: JointUse | null;
}

type RefusedGroup = Group & { judgement: Extract<Judgement, { allowed: false }> };

function isRefused(group: Group): group is RefusedGroup {
  return group.judgement !== 'unknown' && !group.judgement.allowed;
}

function judgeCounted({ before, after, endedSecrets }: RehearsedKey, uses: readonly JointUse[]): Group[] {
  const judgeBefore = judgeBy(before);
  const judgeAfter = after === null ? () => DELETED : judgeBy(after);
  const judgeEnded = after === null ? () => DELETED : judgeBy({ ...after, revoked: true });
  return uses.map((use) => {
    const present = judgeBefore(use);
    return {
      count: use.count,
      judgement: endedSecrets?.has(use.secret) ? judgeEnded(use) : judgeAfter(use),
      wasRefused: present !== 'unknown' && !present.allowed,
      use,
    };
  });
}

function judgeRest({ before, after }: RehearsedKey, count: number, sinceDay: number): Group {
  return {
    count,
    judgement: after === null ? DELETED : judgeUncounted(after, sinceDay),
    wasRefused: judgeUncounted(before, sinceDay) !== 'unknown',
    use: null,
  };
}

function listSources(refused: readonly RefusedGroup[]): Rehearsal['sources'] {
  const sources = new Map<string, Rehearsal['sources'][number]>();
  for (const { judgement, use } of refused) {
    if (use === null) continue;
    const { code } = judgement;
    addUse(sources, `${code} ${use.network}`, { network: use.network, code }, use);
  }
  return inOrder(sources);
}

function listPermissions(refused: readonly RefusedGroup[]): Rehearsal['permissions'] {
  const permissions = new Map<string, Rehearsal['permissions'][number]>();
  for (const { judgement, use } of refused) {
    if (use === null || judgement.code !== 'PERMISSION_DENIED') continue;
    for (const name of judgement.missing) addUse(permissions, name, { name }, use);
  }
  return inOrder(permissions);
}

interface Sum {
  count: number;
  lastSeen: number;
}

function addUse<What extends object>(
  sums: Map<string, What & Sum>,
  name: string,
  what: What,
  { count, lastSeen }: JointUse,
): void {
  const sum = sums.get(name);
  sums.set(name, {
    ...what,
    count: (sum?.count ?? 0) + count,
    lastSeen: Math.max(sum?.lastSeen ?? lastSeen, lastSeen),
  });
}

/** The most calls first, then the latest, then by name: the same counts give the same list. */
function inOrder<Listed extends Sum>(sums: ReadonlyMap<string, Listed>): Listed[] {
  return [...sums]
    .toSorted(
      ([nameA, a], [nameB, b]) =>
        b.count - a.count || b.lastSeen - a.lastSeen || (nameA < nameB ? -1 : nameA > nameB ? 1 : 0),
    )
    .slice(0, MAX_LISTED)
    .map(([, listed]) => listed);
}

function sumOf(groups: readonly { count: number }[]): number {
  return groups.reduce((sum, { count }) => sum + count, 0);
}
