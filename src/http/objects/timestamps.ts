/** A moment (unix milliseconds) as the contract writes it: `2019-08-22 11:46:38.914467+00`, UTC, six decimals. */
export function formatTimestamp(moment: number): string {
  const [date, time] = new Date(moment).toISOString().slice(0, -1).split('T');
  return `${date} ${time}000+00`;
}

/** RFC 3339, or a timestamp as above: they differ in the letter between date and time, and in the length of the offset. */
const MOMENT = /^(\d{4}-\d{2}-\d{2})[Tt ]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(\.\d{1,9})?([Zz]|[+-]\d{2}(?::?\d{2})?)$/;

/** Parses such a moment into unix milliseconds; null for anything else, a day that does not exist included. */
export function parseMoment(text: string): number | null {
  const [, date, time, fraction = '', offset = ''] = MOMENT.exec(text) ?? [];
  if (date === undefined || time === undefined) return null;
  // Date.parse would take 30 February for 2 March.
  const day = Date.parse(`${date}T00:00:00Z`);
  if (Number.isNaN(day) || new Date(day).toISOString().slice(0, 10) !== date) return null;
  const [sign, hours = '00', minutes = '00'] = [offset.slice(0, 1), offset.slice(1, 3), offset.slice(-2)];
  const zone = /z/i.test(sign) ? 'Z' : `${sign}${hours}:${offset.length > 3 ? minutes : '00'}`;
  const moment = Date.parse(`${date}T${time}${fraction.slice(0, 4)}${zone}`);
  return Number.isNaN(moment) ? null : moment;
}
