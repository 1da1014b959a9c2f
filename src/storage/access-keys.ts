import * as z from 'zod';

/*
 * Fetches the public keys by which Cloudflare Access signs its tokens.
 */

/** A public key as Access publishes it (RFC 7517). Fields that are not listed are left out. */
const accessKey = z.object({
  kid: z.string().max(200),
  kty: z.literal('RSA'),
  alg: z.literal('RS256').default('RS256'),
  use: z.literal('sig').default('sig'),
  n: z.string().max(2_000),
  e: z.string().max(20),
});

export type AccessKey = z.infer<typeof accessKey>;

/** Access publishes two or three. */
const certificates = z.object({ keys: z.array(accessKey).min(1).max(20) });

const BUDGET_MS = 2_000;

/**
 * Fetches the keys of a team.
 * @param teamDomain e.g. `acme.cloudflareaccess.com`
 * @throws when they cannot be fetched within 2 s, or cannot be read
 */
export async function fetchAccessKeys(teamDomain: string): Promise<AccessKey[]> {
  const response = await fetch(`https://${teamDomain}/cdn-cgi/access/certs`, {
    signal: AbortSignal.timeout(BUDGET_MS),
  });
  if (!response.ok) throw new Error(`Access answered with ${response.status}`);
  return certificates.parse(await response.json()).keys;
}
