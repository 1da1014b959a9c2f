import type { KeyDenialCode } from '../../wire/denial.ts';
import { findCoveringEntry, parseAddress } from '../addresses/allowlist.ts';
import { permissionsOfRole } from '../permissions/permissions.ts';
import { ACCESS_RULES, type Call, type Decision, decideAccess } from './decide-access.ts';
import type { KeyRecord } from './key-record.ts';

/** The outcome of one check: what it compared, and what would make it pass. */
export interface CheckExplanation {
  check: (typeof ACCESS_RULES)[number]['check'];
  passed: boolean;
  /** The code of the refusal when the check fails. */
  code: KeyDenialCode;
  /** One sentence for people. */
  detail: string;
  /** What would make the check pass; null when it passes. */
  remedy: string | null;
  /** The values that `detail` speaks of, for programs. */
  compared: Record<string, unknown>;
}

export interface AccessExplanation {
  decision: Decision;
  checks: CheckExplanation[];
}

/**
 * Why a call with this key would be allowed or refused: every check, in the order in which they run. Checks after the
 * first failure are included, so one answer names every obstacle. Pure.
 * @param now the moment to judge at, in unix milliseconds
 */
export function explainAccess(record: KeyRecord, call: Call, now: number): AccessExplanation {
  return {
    decision: decideAccess(record, call, now),
    checks: ACCESS_RULES.map(({ check, code, passes }) => {
      const passed = passes(record, call, now);
      const { detail, remedy, compared } = EXPLANATIONS[check](record, call, now, passed);
      return { check, passed, code, detail, remedy: passed ? null : remedy, compared };
    }),
  };
}

type Explanation = Pick<CheckExplanation, 'detail' | 'compared'> & { remedy: string };

const EXPLANATIONS: Record<
  CheckExplanation['check'],
  (record: KeyRecord, call: Call, now: number, passed: boolean) => Explanation
> = {
  revocation: (record, _call, now, passed) => ({
    detail: passed ? 'Nobody has revoked the key.' : 'The key was revoked.',
    remedy: 'A revocation cannot be taken back: create a new key.',
    compared: { revoked: record.revoked, at: toIso(now) },
  }),

  pause: (record, _call, _now, passed) => ({
    detail: passed ? 'The key is not paused.' : 'The key is paused.',
    remedy: 'Resume the key.',
    compared: { paused: record.paused },
  }),

  user: (record, _call, _now, passed) => ({
    detail: passed ? "The key's user is enabled." : "The key's user is disabled.",
    remedy: 'Have an administrator enable the user.',
    compared: { user_id: record.userId, user_disabled: record.userDisabled },
  }),

  expiry: (record, _call, now, passed) => ({
    detail:
      record.expirationDate === null
        ? 'The key never expires.'
        : `The key ${passed ? 'stops' : 'stopped'} working at ${record.expirationDate} 00:00 UTC.`,
    remedy: 'Give the key a later expiration_date, or none.',
    compared: { expiration_date: record.expirationDate, at: toIso(now) },
  }),

  address: explainAddress,

  permissions: (record, call, _now, passed) => {
    const inRole: ReadonlySet<string> = permissionsOfRole(record.userRole);
    const needed = call.needs.map((permission) => ({
      permission,
      on_key: !record.hasRestrictedPermissions || record.permissions.includes(permission),
      in_role: inRole.has(permission),
    }));
    const notOnKey = needed.filter(({ on_key }) => !on_key).map(({ permission }) => permission);
    const notInRole = needed.filter(({ in_role }) => !in_role).map(({ permission }) => permission);
    return {
      detail: passed
        ? call.needs.length === 0
          ? 'No permission was asked about.'
          : `The key has ${call.needs.join(', ')}.`
        : [
            notOnKey.length > 0 ? `Not on the key: ${notOnKey.join(', ')}.` : '',
            notInRole.length > 0 ? `Not in its user's role, ${record.userRole}: ${notInRole.join(', ')}.` : '',
          ]
            .filter(Boolean)
            .join(' '),
      remedy: [
        notOnKey.length > 0 ? 'Add the missing ones to the permissions of the key.' : '',
        notInRole.length > 0 ? 'Give the user a role with the permissions that its present one lacks.' : '',
      ]
        .filter(Boolean)
        .join(' '),
      compared: {
        user_role: record.userRole,
        has_restricted_permissions: record.hasRestrictedPermissions,
        permissions: needed,
      },
    };
  },
};

function explainAddress(record: KeyRecord, call: Call, _now: number, passed: boolean): Explanation {
  const { clientIp } = call;
  const { ipWhitelist } = record;
  const matched = clientIp === null ? null : findCoveringEntry(ipWhitelist, clientIp);
  const compared = { ip: clientIp, ip_whitelist: ipWhitelist, matched_entry: matched };
  if (ipWhitelist.length === 0) {
    return { detail: 'The key has no ip_whitelist: it may be used from anywhere.', remedy: '', compared };
  }
  if (clientIp === null) {
    return {
      detail: 'The key has an ip_whitelist, and no address is known.',
      remedy: 'Give the address that the call comes from, or empty the ip_whitelist.',
      compared,
    };
  }
  const address = parseAddress(clientIp);
  if (address === null) {
    return {
      detail: `${clientIp} is not an address.`,
      remedy: 'Give an IPv4 or IPv6 address, without port or zone id.',
      compared,
    };
  }
  return {
    detail: passed
      ? `${clientIp} lies within ${matched}.`
      : `${clientIp} (IPv${address.family}) lies within no entry of the ip_whitelist. IPv4 and IPv6 entries never match each other.`,
    remedy: `Add ${clientIp}, or a network around it, to the ip_whitelist.`,
    compared,
  };
}

function toIso(moment: number): string {
  return new Date(moment).toISOString();
}
