import { statusOf } from '../../domain/keys/key.ts';
import { expiryMoment } from '../../domain/verification/expiration.ts';
import type { DenialCode } from '../../wire/denial.ts';
import { links } from '../links.ts';
import { counted, DAY, day, number, span } from '../words.ts';
import { Bars, Clock, FullDot, Ring, StruckRing, Triangle, Turning } from './icons.tsx';
import type { KeyView } from './key-view.ts';

/*
 * The status of a key: a shape, a word, and a second line that says what it means now. Only what deserves a look is
 * coloured, so that a healthy list is quiet.
 */

const SOON_DAYS = 14;
const LONG_UNUSED_DAYS = 90;

/** What a refusal is about, in a word. */
const ABOUT: Partial<Record<string, string>> = {
  IP_NOT_ALLOWED: 'address',
  PERMISSION_DENIED: 'permission',
  RATE_LIMITED: 'rate',
} satisfies Partial<Record<DenialCode, string>>;

export interface KeyStatusWords {
  word: 'Active' | 'Calls refused' | 'Expires soon' | 'Paused' | 'Expired' | 'Revoked';
  shape: 'dot' | 'turning' | 'triangle' | 'clock' | 'bars' | 'ring' | 'struck';
  tone: 'ok' | 'warn' | 'bad' | 'dim';
  /** What it means now; null: nothing to add. */
  detail: string | null;
  /** Whether the detail is explained on the key's page. */
  isExplained: boolean;
}

/** The status of a key in words. The first that holds: Revoked, Expired, Paused, Calls refused, Expires soon, Active. */
export function describeStatus({ key, use, oldSecret, isOfSession }: KeyView, now: number): KeyStatusWords {
  const quiet = { isExplained: false, detail: null } as const;
  const refused = use === null ? 0 : use.refusedToday.reduce((sum, [, count]) => sum + count, 0);
  // The API names the pause first. On a page an expired key is expired: resuming it would not help.
  const status = statusOf({ ...key, pausedAt: null }, now);
  if (status === 'disabled') {
    const detail = refused > 0 ? refusedTimes(refused) : key.revokedAt === null ? null : `on ${day(key.revokedAt)}`;
    return { ...quiet, word: 'Revoked', shape: 'struck', tone: 'dim', detail };
  }
  if (status === 'expired') {
    return {
      ...quiet,
      word: 'Expired',
      shape: 'ring',
      tone: 'dim',
      detail: refused > 0 ? refusedTimes(refused) : null,
    };
  }
  if (key.pausedAt !== null) {
    return { ...quiet, word: 'Paused', shape: 'bars', tone: 'dim', detail: `since ${day(key.pausedAt)}` };
  }
  const [commonest] = use?.refusedToday ?? [];
  if (refused > 0 && commonest !== undefined) {
    const calls = refused + (use?.days.at(-1)?.allowed ?? 0);
    const about = ABOUT[commonest[0]] ?? commonest[0];
    const detail = `${number(refused)} of ${number(calls)} today: ${about}`;
    return { word: 'Calls refused', shape: 'triangle', tone: 'bad', detail, isExplained: true };
  }
  if (key.expirationDate !== null && expiryMoment(key.expirationDate) - now <= SOON_DAYS * DAY) {
    const used = use === null || use.allowedIn24h === 0 ? null : `Used ${counted(use.allowedIn24h, 'time')} in 24 h`;
    return { ...quiet, word: 'Expires soon', shape: 'clock', tone: 'warn', detail: used };
  }
  const active = { ...quiet, word: 'Active', shape: 'dot', tone: 'ok' } as const;
  if (oldSecret !== null) {
    return { ...active, shape: 'turning', detail: `Old secret ends in ${span(oldSecret.retiresAt - now)}` };
  }
  if (isOfSession) return { ...active, detail: 'Signed in now' };
  if (use === null) return active;
  if (use.lastUsedAt === null) return { ...active, detail: 'Never used' };
  const unused = now - use.lastUsedAt;
  return unused >= LONG_UNUSED_DAYS * DAY ? { ...active, detail: `Unused for ${span(unused)}` } : active;
}

function refusedTimes(count: number): string {
  return `Refused ${counted(count, 'time')} today`;
}

function Shape({ shape }: Pick<KeyStatusWords, 'shape'>) {
  switch (shape) {
    case 'dot':
      return <FullDot />;
    case 'turning':
      return <Turning />;
    case 'triangle':
      return <Triangle />;
    case 'clock':
      return <Clock />;
    case 'bars':
      return <Bars />;
    case 'ring':
      return <Ring />;
    case 'struck':
      return <StruckRing />;
  }
}

/** The shape and the word. */
export function StatusWord({
  status,
  note,
}: {
  status: Pick<KeyStatusWords, 'shape' | 'tone'> & { word: string };
  note?: string;
}) {
  return (
    <span class={`state ${status.tone}`}>
      <Shape shape={status.shape} />
      {status.word}
      {note}
    </span>
  );
}

/** The shape, the word, and the second line. */
export function KeyStatus({ view, now }: { view: KeyView; now: number }) {
  const status = describeStatus(view, now);
  return (
    <>
      <StatusWord status={status} />
      {status.detail !== null && (
        <span class="two">
          {status.isExplained ? <a href={`${links.key(view.key.id)}#ask`}>{status.detail}</a> : status.detail}
        </span>
      )}
    </>
  );
}
