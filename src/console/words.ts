/*
 * How the console writes numbers, dates and times. Pure: moments are unix milliseconds, and `now` is an argument. A
 * number and its unit are joined by a space that does not break. Static/console.js writes relative times in the same
 * way, to keep them true on a page that stays open.
 */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const UNBROKEN = '\u00a0';
const GROUPS = new Intl.NumberFormat('en-US');

/** `18402` → `18,402`. */
export function number(value: number): string {
  return GROUPS.format(value);
}

/** `1 key`, `18,402 keys`. `many` is for what does not only take an s. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${number(value)}${UNBROKEN}${value === 1 ? one : many}`;
}

const SMALL = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'] as const;

/** A small number as a word, to begin a sentence with: `Four`. Above ten in digits. */
export function inWords(value: number): string {
  const word = SMALL[value] ?? number(value);
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** `2026-11-25`, in UTC. */
export function day(moment: number): string {
  return new Date(moment).toISOString().slice(0, 10);
}

/** `14:02:50`, in UTC. */
export function clock(moment: number): string {
  return new Date(moment).toISOString().slice(11, 19);
}

/** `2026-11-25 14:02:50 UTC`. */
export function moment(at: number): string {
  return `${day(at)} ${clock(at)}${UNBROKEN}UTC`;
}

/** `2026-11-25 14:02 UTC`, where seconds do not matter. */
export function minute(at: number): string {
  return `${day(at)} ${clock(at).slice(0, 5)}${UNBROKEN}UTC`;
}

/** A moment for the `datetime` of a `<time>`: `2026-11-25T14:02:50Z`. */
export function machineMoment(at: number): string {
  return `${day(at)}T${clock(at)}Z`;
}

/** When a key with this expiration date stops working: `2027-11-21 at 00:00 UTC`. */
export function expiry(date: string): string {
  return `${date} at 00:00${UNBROKEN}UTC`;
}

/** The day `days` from now, as `YYYY-MM-DD`. */
export function dayFrom(now: number, days: number): string {
  return day(now + days * DAY);
}

/** A length of time in its largest unit, rounded down: `19 h`, `1 day`, `97 days`. */
export function span(milliseconds: number): string {
  const units = [
    [DAY, 'day', 'days'],
    [HOUR, 'h', 'h'],
    [MINUTE, 'min', 'min'],
  ] as const;
  for (const [size, one, many] of units) {
    if (milliseconds >= size) return counted(Math.floor(milliseconds / size), one, many);
  }
  return counted(Math.max(0, Math.floor(milliseconds / SECOND)), 's', 's');
}

/** `just now` (under 10 s), `12 min ago`, `in 5 days`. */
export function relative(at: number, now: number): string {
  const apart = Math.abs(now - at);
  if (apart < 10 * SECOND) return 'just now';
  return at <= now ? `${span(apart)} ago` : `in ${span(apart)}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function list(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
