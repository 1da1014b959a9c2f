/** The id of a key or an organisation in a path; null for what cannot be one, and so names nothing that exists. */
export function readId(text: string | undefined): number | null {
  if (text === undefined || !/^[1-9][0-9]*$/.test(text)) return null;
  const id = Number(text);
  return Number.isSafeInteger(id) ? id : null;
}
