import type { Call } from '../domain/verification/decide-access.ts';

/** A parsed call, with a value for everything that was left out. */
interface ParsedCall {
  apiKey: string | null;
  call: Call;
  /** The organisation whose keys the calling Worker accepts. Null: any. */
  orgId: number | null;
  /** The Cloudflare location of the call. Null: not said. */
  colo: string | null;
}

/** Stands for a key that is not a string. It does not have the form of a key, so it is refused as malformed. */
const NO_KEY_AT_ALL = '?';

/**
 * Parses what another Worker passed. Types do not exist at run time, so nothing is trusted. The key comes from the
 * Worker's client, so a key of any wrong type is refused. The rest comes from the Worker's own code.
 * @throws TypeError when anything but the key has a wrong type, which is a mistake in the Worker's code
 */
export function parseCall(given: unknown): ParsedCall {
  if (typeof given !== 'object' || given === null) {
    throw new TypeError('verify takes one object: { apiKey, ip, permissions?, orgId?, colo? }');
  }
  const fields: { [name in 'apiKey' | 'ip' | 'permissions' | 'orgId' | 'colo']?: unknown } = given;
  const { apiKey, ip, permissions, orgId, colo } = fields;
  return {
    apiKey: apiKey === undefined || apiKey === null ? null : typeof apiKey === 'string' ? apiKey : NO_KEY_AT_ALL,
    call: { clientIp: parseIp(ip), needs: parsePermissions(permissions) },
    orgId: parseOrgId(orgId),
    colo: parseColo(colo),
  };
}

/** Left out, the address is unknown, and a key with an allowlist is refused. */
function parseIp(ip: unknown): string | null {
  if (ip === undefined || ip === null) return null;
  if (typeof ip !== 'string') throw new TypeError('verify: ip must be a string, or null when it is not known');
  return ip;
}

/** Names that are not in the catalogue are kept. No key has them, so the call is refused. */
function parsePermissions(permissions: unknown): string[] {
  if (permissions === undefined) return [];
  const message = 'verify: permissions must be a list of names';
  if (!Array.isArray(permissions)) throw new TypeError(message);
  return permissions.map((name: unknown) => {
    if (typeof name !== 'string') throw new TypeError(message);
    return name;
  });
}

/** Another type than a number throws: it would match no organisation, and every key would be unknown. */
function parseOrgId(orgId: unknown): number | null {
  if (orgId === undefined) return null;
  if (typeof orgId !== 'number') throw new TypeError('verify: orgId must be a number, or left out');
  return orgId;
}

/** It only says which region is near, so a code that is not known is no mistake. */
function parseColo(colo: unknown): string | null {
  if (colo === undefined || colo === null) return null;
  if (typeof colo !== 'string') throw new TypeError('verify: colo must be a string, or left out');
  return colo;
}
