import { expect, test } from 'vitest';
import { findShortfall, findUserShortfall, type ReachedKey } from '../../../src/domain/authority/reach.ts';
import type { Shortfall } from '../../../src/domain/authority/refusal.ts';
import { type PermissionName, permissionsOfRole } from '../../../src/domain/permissions/permissions.ts';
import type { Role } from '../../../src/domain/permissions/roles.ts';
import type { Reach } from '../../../src/domain/verification/key-record.ts';

function caller(userRole: Role, narrower: Partial<Reach> = {}): Reach {
  return {
    userRole,
    isUnrestricted: true,
    permissions: [...permissionsOfRole(userRole)],
    ipWhitelist: [],
    expirationDate: null,
    ...narrower,
  };
}

/** A key that anyone reaches, but for what a case says of it. */
function key(wider: Partial<ReachedKey> = {}): ReachedKey {
  return {
    belongsTo: 'caller',
    userRole: 'PUBLISHER',
    isUnrestricted: false,
    permissions: [],
    ipWhitelist: ['192.0.2.1'],
    expirationDate: '2001-01-01',
    ...wider,
  };
}

const ADMIN = caller('ORG_ADMIN');
const READ: PermissionName[] = ['api_key_read'];
const MANAGE: PermissionName[] = ['api_key_read', 'api_key_manage'];
const OF_PUBLISHER = [...permissionsOfRole('PUBLISHER')];
const OFFICE = { ipWhitelist: ['192.0.2.0/24'] };
const DATED = { expirationDate: '2030-06-15' };

test.each<[string, Reach, ReachedKey, Shortfall | null]>([
  ['a narrow key of one’s own is within reach', caller('PUBLISHER'), key({ permissions: READ }), null],
  ['one’s own key may be as wide as the caller', ADMIN, key({ ...ADMIN }), null],
  ['one’s own key needs no role that one may give', caller('PUBLISHER'), key({ userRole: 'PUBLISHER' }), null],

  ['another’s key is out of reach', ADMIN, key({ belongsTo: 'another' }), { rule: 'owner' }],
  [
    'another’s key is out of reach of a PROVIDER too',
    caller('PROVIDER'),
    key({ belongsTo: 'another' }),
    { rule: 'owner' },
  ],

  ['an ORG_ADMIN reaches a main key', ADMIN, key({ belongsTo: 'main', userRole: 'ORG_ADMIN' }), null],
  ['a PROVIDER reaches a main key', caller('PROVIDER'), key({ belongsTo: 'main', userRole: 'ORG_ADMIN' }), null],
  [
    'an ORG_MANAGER does not reach a main key',
    caller('ORG_MANAGER'),
    key({ belongsTo: 'main', userRole: 'ORG_ADMIN' }),
    { rule: 'role', role: 'ORG_ADMIN' },
  ],
  [
    'an ORG_ADMIN makes no key for a PROVIDER',
    ADMIN,
    key({ belongsTo: 'new_for_another', userRole: 'PROVIDER' }),
    { rule: 'role', role: 'PROVIDER' },
  ],
  ['an ORG_ADMIN makes a key for another', ADMIN, key({ belongsTo: 'new_for_another', userRole: 'ORG_ADMIN' }), null],

  [
    'a permission that the caller has is within reach',
    caller('ORG_ADMIN', { permissions: READ }),
    key({ permissions: READ }),
    null,
  ],
  [
    'permissions that the caller lacks are out of reach, and named',
    caller('ORG_ADMIN', { permissions: READ }),
    key({ permissions: [...MANAGE, 'api_key_verify'] }),
    { rule: 'permissions', missing: ['api_key_manage', 'api_key_verify'] },
  ],
  [
    'what counts is the calling key, not its role',
    caller('PROVIDER', { permissions: [] }),
    key({ permissions: READ }),
    { rule: 'permissions', missing: READ },
  ],
  [
    'a main key is measured by permissions too',
    caller('ORG_ADMIN', { permissions: READ }),
    key({ belongsTo: 'main', userRole: 'ORG_ADMIN', permissions: MANAGE }),
    { rule: 'permissions', missing: ['api_key_manage'] },
  ],

  ['a caller from anywhere reaches a key for anywhere', ADMIN, key({ ipWhitelist: [] }), null],
  [
    'addresses within the caller’s are within reach',
    caller('ORG_ADMIN', OFFICE),
    key({ ipWhitelist: ['192.0.2.0/25'] }),
    null,
  ],
  ['the caller’s own addresses are within reach', caller('ORG_ADMIN', OFFICE), key(OFFICE), null],
  [
    'no list is wider than any list',
    caller('ORG_ADMIN', OFFICE),
    key({ ipWhitelist: [] }),
    { rule: 'networks', outside: null },
  ],
  [
    'no list is wider than even a list of everything',
    caller('ORG_ADMIN', { ipWhitelist: ['0.0.0.0/0', '::/0'] }),
    key({ ipWhitelist: [] }),
    { rule: 'networks', outside: null },
  ],
  [
    'a wider network is out of reach',
    caller('ORG_ADMIN', OFFICE),
    key({ ipWhitelist: ['192.0.2.0/23'] }),
    { rule: 'networks', outside: '192.0.2.0/23' },
  ],
  [
    'one entry outside is enough, and is named as it was written',
    caller('ORG_ADMIN', OFFICE),
    key({ ipWhitelist: ['192.0.2.1', '198.51.100.7/24', '203.0.113.1'] }),
    { rule: 'networks', outside: '198.51.100.7/24' },
  ],
  [
    'IPv6 is outside IPv4',
    caller('ORG_ADMIN', { ipWhitelist: ['0.0.0.0/0'] }),
    key({ ipWhitelist: ['::/0'] }),
    { rule: 'networks', outside: '::/0' },
  ],
  [
    'the IPv6 twin of a network is that network',
    caller('ORG_ADMIN', OFFICE),
    key({ ipWhitelist: ['::ffff:192.0.2.0/120'] }),
    null,
  ],
  [
    'a wider IPv6 twin is out of reach',
    caller('ORG_ADMIN', OFFICE),
    key({ ipWhitelist: ['::ffff:192.0.2.0/119'] }),
    { rule: 'networks', outside: '::ffff:192.0.2.0/119' },
  ],
  [
    'several networks of the caller together cover one',
    caller('ORG_ADMIN', { ipWhitelist: ['192.0.2.128/25', '192.0.2.0/25'] }),
    key(OFFICE),
    null,
  ],
  [
    'an entry that cannot be read is out of reach',
    caller('ORG_ADMIN', OFFICE),
    key({ ipWhitelist: ['office'] }),
    { rule: 'networks', outside: 'office' },
  ],

  ['a caller without an expiry reaches a key without one', ADMIN, key({ expirationDate: null }), null],
  ['the caller’s own date is within reach', caller('ORG_ADMIN', DATED), key(DATED), null],
  ['an earlier date is within reach', caller('ORG_ADMIN', DATED), key({ expirationDate: '2029-12-31' }), null],
  [
    'a later date is out of reach',
    caller('ORG_ADMIN', DATED),
    key({ expirationDate: '2030-06-16' }),
    { rule: 'expiry', latest: '2030-06-15' },
  ],
  [
    'no date is later than any date',
    caller('ORG_ADMIN', DATED),
    key({ expirationDate: null }),
    { rule: 'expiry', latest: '2030-06-15' },
  ],
])('%s', (_, by, reached, shortfall) => {
  expect(findShortfall(by, reached)).toEqual(shortfall);
});

test.each<[string, Reach, Role, Shortfall | null]>([
  ['a PROVIDER makes a PROVIDER', caller('PROVIDER'), 'PROVIDER', null],
  ['an ORG_ADMIN makes an ORG_ADMIN', ADMIN, 'ORG_ADMIN', null],
  ['an ORG_ADMIN makes no PROVIDER', ADMIN, 'PROVIDER', { rule: 'role', role: 'PROVIDER' }],
  ['an ORG_MANAGER makes those below it', caller('ORG_MANAGER'), 'GROUP_MANAGER', null],
  ['an ORG_MANAGER makes no equal', caller('ORG_MANAGER'), 'ORG_MANAGER', { rule: 'role', role: 'ORG_MANAGER' }],
  ['a GROUP_MANAGER makes no one', caller('GROUP_MANAGER'), 'PUBLISHER', { rule: 'role', role: 'PUBLISHER' }],
  [
    'a narrow key makes no user who could do more',
    caller('ORG_ADMIN', { permissions: ['api_key_read'] }),
    'PUBLISHER',
    { rule: 'permissions', missing: OF_PUBLISHER.filter((name) => name !== 'api_key_read') },
  ],
  [
    'a narrow key makes a user who can do no more',
    caller('ORG_ADMIN', { permissions: [...OF_PUBLISHER, 'user_manage'] }),
    'PUBLISHER',
    null,
  ],
])('%s', (_, by, role, shortfall) => {
  expect(findUserShortfall(by, role)).toEqual(shortfall);
});
