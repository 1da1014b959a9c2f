/**
 * The keys that a request carries, each once: from `x-APIKey`, and from `Authorization: Bearer` (other schemes are not
 * ours to read). Two that differ are no key: whichever were taken, the caller may have meant the other.
 */
export function readApiKeys(header: (name: string) => string | undefined): string[] {
  const own = header('x-APIKey')?.trim();
  const bearer = /^Bearer +(.*)$/i.exec(header('Authorization') ?? '')?.[1]?.trim();
  return [...new Set([own, bearer])].filter((key) => key !== undefined).filter((key) => key !== '');
}
