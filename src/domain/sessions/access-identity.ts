import { verifyWithJwks } from 'hono/jwt';
import * as z from 'zod';
import type { Settings } from '../../env.ts';
import { logFailure } from '../../log.ts';
import type { AccessKey } from '../../storage/access-keys.ts';
import type { AccessChecks } from '../services.ts';

/*
 * Checks the token with which Cloudflare Access says who made a request.
 */

/** An identity of Access, with an email that Access has verified. */
export interface AccessIdentity {
  sub: string;
  email: string;
}

/** What a token says of a person. A service's token has no email and an empty `sub`. */
const claims = z.object({
  type: z.literal('app'),
  sub: z.string().min(1).max(200),
  email: z.string().min(1).max(320),
  email_verified: z.literal(true).optional(),
  exp: z.number(),
  iat: z.number(),
});

const FRESH_MS = 60 * 60_000;
/** Access goes on using a key for days after it published the next one. */
const USABLE_MS = 24 * FRESH_MS;
const MINUTE_MS = 60_000;
/** Anyone can send a token with a made-up key id. So keys are fetched this often a minute at most, in each isolate. */
const MAX_FETCHES_PER_MINUTE = 5;

/**
 * Reads the identity out of a token, if Access of this team signed it for this application and it is in its time.
 * @param token the header `Cf-Access-Jwt-Assertion`
 * @returns null when the token does not hold; `unavailable` when the keys to check it by cannot be had
 */
export async function readAccessIdentity(
  services: AccessChecks,
  access: NonNullable<Settings['access']>,
  token: string,
): Promise<AccessIdentity | 'unavailable' | null> {
  const keys = await keysFor(services, access.teamDomain, keyIdOf(token));
  if (keys === null) return 'unavailable';
  try {
    const payload = await verifyWithJwks(token, {
      keys,
      allowedAlgorithms: ['RS256'],
      verification: { iss: `https://${access.teamDomain}`, aud: access.audience },
    });
    const { success, data } = claims.safeParse(payload);
    return success ? { sub: data.sub, email: data.email } : null;
  } catch {
    return null;
  }
}

/** The keys in the isolate's memory, or fetched; null when there are none. */
async function keysFor(services: AccessChecks, teamDomain: string, keyId: string | null): Promise<AccessKey[] | null> {
  const { accessKeys: held } = services;
  const now = services.now();
  const age = now - held.fetchedAt;
  const isFresh = age >= 0 && age < FRESH_MS;
  if (isFresh && held.keys.some(({ kid }) => kid === keyId)) return held.keys;
  const minute = Math.floor(now / MINUTE_MS);
  if (held.minute !== minute) Object.assign(held, { minute, fetches: 0 });
  if (held.fetches < MAX_FETCHES_PER_MINUTE) {
    held.fetches += 1;
    try {
      held.keys = await services.fetchAccessKeys(teamDomain);
      held.fetchedAt = services.now();
      return held.keys;
    } catch (error) {
      logFailure('the keys of Cloudflare Access could not be fetched', error);
    }
  }
  return held.keys.length > 0 && age >= 0 && age < USABLE_MS ? held.keys : null;
}

/** The key id that a token's header names; null when it names none. */
function keyIdOf(token: string): string | null {
  try {
    const [header = ''] = token.split('.', 1);
    const parsed: unknown = JSON.parse(atob(header.replaceAll('-', '+').replaceAll('_', '/')));
    return z.object({ kid: z.string() }).safeParse(parsed).data?.kid ?? null;
  } catch {
    return null;
  }
}
