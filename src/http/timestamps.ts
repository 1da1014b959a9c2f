/** A moment (unix milliseconds) as the contract writes it: `2019-08-22 11:46:38.914467+00`, UTC, six decimals. */
export function formatTimestamp(moment: number): string {
  const [date, time] = new Date(moment).toISOString().slice(0, -1).split('T');
  return `${date} ${time}000+00`;
}
