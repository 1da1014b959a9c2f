/**
 * The keys that a request carries, without repeats: from `x-APIKey`, and from `Authorization: Bearer` (other schemes
 * are ignored). When it returns two keys, the caller must refuse the request, because nobody knows which key was meant.
 */
export function readApiKeys(header: (name: string) => string | undefined): string[] {
  const own = header('x-APIKey')?.trim();
  const bearer = /^Bearer +(.*)$/i.exec(header('Authorization') ?? '')?.[1]?.trim();
  return [...new Set([own, bearer])].filter((key) => key !== undefined).filter((key) => key !== '');
}
