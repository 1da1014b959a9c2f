import type { Call } from '../domain/verification/decide-access.ts';

/** A call as it is decided: what is left out is filled in. */
interface ParsedCall {
  apiKey: string | null;
  call: Call;
  /** The only organisation whose keys the asking Worker knows of; null: any. */
  orgId: number | null;
}

/** What stands for a key that is no text: nothing that has the form of a key. */
const NO_KEY_AT_ALL = '?';

/**
 * Reads what another Worker gave. Types are gone at run time, so nothing of it is trusted.
 * A key is the client's, so that a wrong one is refused, of whatever type; the rest is the Worker's own.
 * @throws TypeError when what is the Worker's own has a wrong type, which is a mistake in its code
 */
export function parseCall(given: unknown): ParsedCall {
  if (typeof given !== 'object' || given === null) {
    throw new TypeError('verify takes one object: { apiKey, ip, permissions?, orgId? }');
  }
  const { apiKey, ip, permissions, orgId }: { [name in 'apiKey' | 'ip' | 'permissions' | 'orgId']?: unknown } = given;
  return {
    apiKey: apiKey === undefined || apiKey === null ? null : typeof apiKey === 'string' ? apiKey : NO_KEY_AT_ALL,
    call: { clientIp: parseIp(ip), needs: parsePermissions(permissions) },
    orgId: parseOrgId(orgId),
  };
}

/** Left out, it is not known, which a key with an allowlist does not pass. */
function parseIp(ip: unknown): string | null {
  if (ip === undefined || ip === null) return null;
  if (typeof ip !== 'string') throw new TypeError('verify: ip must be a string, or null when it is not known');
  return ip;
}

/** Names that are not in the catalogue stay: no key has them, so that the call is refused. */
function parsePermissions(permissions: unknown): string[] {
  if (permissions === undefined) return [];
  const message = 'verify: permissions must be a list of names';
  if (!Array.isArray(permissions)) throw new TypeError(message);
  return permissions.map((name: unknown) => {
    if (typeof name !== 'string') throw new TypeError(message);
    return name;
  });
}

/** Anything but a number would match no organisation, and say of every key that it does not exist. */
function parseOrgId(orgId: unknown): number | null {
  if (orgId === undefined) return null;
  if (typeof orgId !== 'number') throw new TypeError('verify: orgId must be a number, or left out');
  return orgId;
}
