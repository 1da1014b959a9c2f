import { describe, expect, test } from 'vitest';
import { type CheckExplanation, explainAccess } from '../../../src/domain/verification/explain-access.ts';
import { compileKeyRecord, type KeyRecord } from '../../../src/domain/verification/key-record.ts';

const NOW = Date.parse('2027-03-01T12:00:00Z');
const FROM_ANYWHERE = { clientIp: null, needs: [] };

type Stored = Parameters<typeof compileKeyRecord>[0];

function recordOf(fields: Partial<Stored> = {}): KeyRecord {
  return compileKeyRecord({
    epoch: 'an epoch',
    seq: 1,
    keyId: 7,
    orgId: 2,
    userId: '5309c3a237bbc544d8e26737',
    userType: 'user',
    userRole: 'ORG_ADMIN',
    userDisabled: false,
    label: 'a key',
    createdAt: 0,
    secretCreatedAt: 0,
    revoked: false,
    paused: false,
    retiresAt: null,
    expirationDate: null,
    ipWhitelist: [],
    hasRestrictedPermissions: false,
    permissions: [],
    ...fields,
  });
}

function explain(record: KeyRecord, call: Parameters<typeof explainAccess>[1] = FROM_ANYWHERE, now = NOW) {
  const { decision, checks } = explainAccess(record, call, now);
  const check = (name: CheckExplanation['check']): CheckExplanation => {
    const found = checks.find((one) => one.check === name);
    if (found === undefined) throw new Error(`There is no check of ${name}`);
    return found;
  };
  return { code: decision.allowed ? 'VALID' : decision.code, checks, check };
}

test('every check is there, in the order of the contract, with what it refuses with', () => {
  expect(explain(recordOf()).checks.map(({ check, code }) => [check, code])).toEqual([
    ['revocation', 'REVOKED'],
    ['pause', 'PAUSED'],
    ['user', 'USER_DISABLED'],
    ['expiry', 'EXPIRED'],
    ['address', 'IP_NOT_ALLOWED'],
    ['permissions', 'PERMISSION_DENIED'],
  ]);
});

test('for a call that is allowed, every check passed and needs no remedy', () => {
  const { code, checks } = explain(recordOf());
  expect(code).toBe('VALID');
  expect(checks.map(({ passed, remedy }) => [passed, remedy])).toEqual(Array(6).fill([true, null]));
  for (const { detail } of checks) expect(detail).toMatch(/\.$/);
});

test('all that is in the way is named at once, and the first of it is the verdict', () => {
  const record = recordOf({
    revoked: true,
    paused: true,
    userDisabled: true,
    expirationDate: '2027-03-01',
    ipWhitelist: ['192.0.2.0/24'],
    hasRestrictedPermissions: true,
  });
  const { code, checks } = explain(record, { clientIp: '198.51.100.1', needs: ['review_read'] });
  expect(code).toBe('REVOKED');
  expect(checks.map(({ passed }) => passed)).toEqual([false, false, false, false, false, false]);
  for (const { detail, remedy } of checks) {
    expect(detail).toMatch(/\.$/);
    expect(remedy).toMatch(/\.$/);
  }
});

test.each<[string, Partial<Stored>, CheckExplanation['check'], string]>([
  ['was revoked', { revoked: true }, 'revocation', 'REVOKED'],
  ['was rotated out', { retiresAt: NOW }, 'revocation', 'REVOKED'],
  ['is paused', { paused: true }, 'pause', 'PAUSED'],
  ['has a disabled user', { userDisabled: true }, 'user', 'USER_DISABLED'],
  ['has expired', { expirationDate: '2027-03-01' }, 'expiry', 'EXPIRED'],
  ['has a list, and no address is known', { ipWhitelist: ['192.0.2.1'] }, 'address', 'IP_NOT_ALLOWED'],
])('a key that %s fails that check and no other', (_, fields, failing, expected) => {
  const { code, checks } = explain(recordOf(fields));
  expect(code).toBe(expected);
  expect(checks.filter(({ passed }) => !passed).map(({ check }) => check)).toEqual([failing]);
});

describe('the expiry', () => {
  const expiring = recordOf({ expirationDate: '2027-03-01' });
  const midnight = Date.parse('2027-03-01T00:00:00Z');

  test.each<[string, number, boolean, RegExp]>([
    ['the millisecond before', midnight - 1, true, /stops working at 2027-03-01 00:00 UTC/],
    ['at midnight', midnight, false, /stopped working at 2027-03-01 00:00 UTC/],
  ])('is compared with the moment asked about: %s', (_, at, passed, detail) => {
    const check = explain(expiring, FROM_ANYWHERE, at).check('expiry');
    expect(check).toMatchObject({
      passed,
      detail: expect.stringMatching(detail),
      compared: { expiration_date: '2027-03-01', at: new Date(at).toISOString() },
    });
    expect(check.remedy === null).toBe(passed);
  });

  test('of a key that has none is never', () => {
    const { detail, compared } = explain(recordOf()).check('expiry');
    expect(detail).toMatch(/never/);
    expect(compared).toMatchObject({ expiration_date: null });
  });
});

describe('the address', () => {
  const LIST = ['198.51.100.9', '192.0.2.0/24', '192.0.2.0/25', '2001:db8::/32'];

  test.each<[string, string]>([
    ['198.51.100.9', '198.51.100.9'],
    // The first that covers it, as it is written.
    ['192.0.2.1', '192.0.2.0/24'],
    ['::ffff:192.0.2.1', '192.0.2.0/24'],
    ['2001:db8::7', '2001:db8::/32'],
  ])('%s passes by %s', (clientIp, entry) => {
    const { passed, detail, compared } = explain(recordOf({ ipWhitelist: LIST }), { clientIp, needs: [] }).check(
      'address',
    );
    expect(passed).toBe(true);
    expect(detail).toContain(clientIp);
    expect(detail).toContain(entry);
    expect(compared).toEqual({ ip: clientIp, ip_whitelist: LIST, matched_entry: entry });
  });

  test.each<[string, string | null, RegExp, RegExp]>([
    ['in no entry', '203.0.113.1', /203\.0\.113\.1 \(IPv4\).*no entry/, /Add 203\.0\.113\.1/],
    ['of the other family', '2001:db9::1', /IPv6/, /Add 2001:db9::1/],
    ['that is none', 'office', /office is not an address/, /IPv4 or IPv6/],
    ['with a port', '192.0.2.1:443', /is not an address/, /without port/],
    ['that is not known', null, /no address is known/, /empty the ip_whitelist/],
  ])('%s is refused', (_, clientIp, detail, remedy) => {
    const { code, check } = explain(recordOf({ ipWhitelist: LIST }), { clientIp, needs: [] });
    expect(code).toBe('IP_NOT_ALLOWED');
    expect(check('address')).toMatchObject({
      passed: false,
      detail: expect.stringMatching(detail),
      remedy: expect.stringMatching(remedy),
      compared: { ip: clientIp, ip_whitelist: LIST, matched_entry: null },
    });
  });

  test.each(['192.0.2.1', 'office', null])('does not matter without a list: %s', (clientIp) => {
    const { code, check } = explain(recordOf(), { clientIp, needs: [] });
    expect(code).toBe('VALID');
    expect(check('address').detail).toMatch(/from anywhere/);
  });
});

describe('the permissions', () => {
  const RESTRICTED = { hasRestrictedPermissions: true, permissions: ['review_read', 'review_reply'] };

  test.each<[string, Partial<Stored>, 'review_reply' | 'api_key_read', boolean, boolean]>([
    ['on the key and in the role', RESTRICTED, 'review_reply', true, true],
    ['not on the key', RESTRICTED, 'api_key_read', false, true],
    ['not in the role', { ...RESTRICTED, userRole: 'PUBLISHER' }, 'review_reply', true, false],
    ['in neither', { userRole: 'PUBLISHER', hasRestrictedPermissions: true }, 'review_reply', false, false],
    ['of the role, on an unrestricted key', {}, 'review_reply', true, true],
    ['not of the role, on an unrestricted key', { userRole: 'PUBLISHER' }, 'review_reply', true, false],
  ])('%s', (_, fields, permission, onKey, inRole) => {
    const record = recordOf(fields);
    const { passed, detail, remedy, compared } = explain(record, { clientIp: null, needs: [permission] }).check(
      'permissions',
    );
    expect(passed).toBe(onKey && inRole);
    expect(compared).toEqual({
      user_role: record.userRole,
      has_restricted_permissions: record.hasRestrictedPermissions,
      permissions: [{ permission, on_key: onKey, in_role: inRole }],
    });
    expect(detail).toContain(permission);
    expect(/Not on the key/.test(detail)).toBe(!onKey);
    expect(/Not in its user's role/.test(detail)).toBe(!inRole);
    expect(/permissions of the key/.test(remedy ?? '')).toBe(!onKey);
    expect(/Give the user a role/.test(remedy ?? '')).toBe(!inRole);
  });

  test('each is named where it was lost', () => {
    const record = recordOf({ ...RESTRICTED, userRole: 'PUBLISHER' });
    const { detail } = explain(record, {
      clientIp: null,
      needs: ['review_read', 'review_reply', 'api_key_read'],
    }).check('permissions');
    expect(detail).toBe("Not on the key: api_key_read. Not in its user's role, PUBLISHER: review_reply.");
  });

  test('when none was asked about, there is nothing to lack', () => {
    const { passed, detail } = explain(recordOf(RESTRICTED)).check('permissions');
    expect({ passed, detail }).toEqual({ passed: true, detail: 'No permission was asked about.' });
  });
});
