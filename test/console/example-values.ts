import type { SignedInFrame, Viewer } from '../../src/console/parts/frame.ts';
import type { CallCount, KeyActs, KeyUse, KeyView } from '../../src/console/parts/key-view.ts';
import type { UserActs, UserView } from '../../src/console/parts/user-view.ts';
import type { AuditEvent } from '../../src/domain/audit/list-audit-events.ts';
import type { Role } from '../../src/domain/permissions/roles.ts';
import type { UsageReport } from '../../src/domain/usage/report-usage.ts';
import type { User } from '../../src/domain/users/user.ts';
import type { AccessExplanation } from '../../src/domain/verification/explain-access.ts';

/*
 * Values to show pages with: those of the design's prototype, in which it is 2026-11-25 14:02:50 UTC.
 */

export const NOW = Date.parse('2026-11-25T14:02:50Z');
const DAY = 24 * 60 * 60 * 1000;

export const ADMIN_ID = '5309c3a237bbc544d8e26737';
const MANAGER_ID = '5309c3a237bbc544d8e26738';

function viewer(name: string, role: Role, hint: string, id: string): Viewer {
  return {
    id,
    name,
    role,
    organisation: 'Demo organisation',
    signedInBy: { by: 'key', hint },
    sessionEndsAt: Date.parse('2026-11-25T22:02:00Z'),
    csrfToken: 'f0e1d2c3',
    sections: role === 'ORG_ADMIN' ? ['keys', 'users', 'audit'] : ['keys', 'audit'],
  };
}

function frameOf(of: Viewer): SignedInFrame {
  return { now: NOW, boundSeconds: 30, viewer: of };
}

export const ADMIN = frameOf(viewer('Demo Org Admin', 'ORG_ADMIN', 'lk_…7Kd3', ADMIN_ID));
export const MANAGER = frameOf(viewer('Demo Business Manager', 'BUSINESS_MANAGER', 'lk_…Vw1e', MANAGER_ID));
export const NOBODY = { now: NOW, boundSeconds: 30, viewer: null };

const ALL_ACTS: KeyActs = { change: null, rotate: null, see: null, revoke: null, pause: null };

/** Daily calls with quiet weekends, which add up to `total`; the last day is not over. */
export function fortnight(total: number, refused: readonly number[] = []): CallCount[] {
  const shares = [9, 9, 4, 3, 10, 10, 9, 11, 9, 4, 3, 10, 9, 6];
  const sum = shares.reduce((a, b) => a + b, 0);
  return shares.map((share, index) => ({
    at: Math.floor(NOW / DAY) * DAY - (13 - index) * DAY,
    allowed: Math.round((total * share) / sum),
    refused: refused[index - (14 - refused.length)] ?? 0,
  }));
}

export interface Sample {
  id: number;
  label: string;
  hint: string;
  created: string;
  creator?: string;
  /** The user of a personal key. */
  owner?: { id: string; name: [string, string] };
  expires?: string | null;
  revoked?: string;
  paused?: string;
  description?: string;
  ips?: string[];
  permissions?: string[] | null;
  use?: Partial<KeyUse> & { total?: number; refusedDays?: readonly number[]; lastUsed?: string };
  oldSecret?: { hint: string; until: string };
  acts?: KeyActs;
  isOfSession?: boolean;
}

const at = (text: string) => Date.parse(`${text}Z`);

/** A key as a page is given it. */
export function sampleKey(sample: Sample): KeyView {
  const { use = {}, owner, creator = 'Demo Org Admin', permissions = ['review_read'] } = sample;
  const days = fortnight(use.total ?? 0, use.refusedDays);
  return {
    key: {
      id: sample.id,
      orgId: 2,
      userId: owner?.id ?? 'b07000000000000000000002',
      userType: owner === undefined ? 'bot' : 'user',
      label: sample.label,
      description: sample.description ?? null,
      hint: sample.hint,
      expirationDate: sample.expires ?? null,
      ipWhitelist: sample.ips ?? (sample.permissions === null ? [] : ['198.51.100.0/24']),
      hasRestrictedPermissions: permissions !== null,
      permissions: permissions ?? [],
      createdBy: creator === owner?.name.join(' ') ? owner.id : ADMIN_ID,
      createdByName: creator,
      createdByApiKeyId: 40,
      createdAt: at(sample.created.length === 10 ? `${sample.created}T00:00:00` : sample.created),
      revokedBy: sample.revoked === undefined ? null : ADMIN_ID,
      revokedByName: sample.revoked === undefined ? null : 'Demo Org Admin',
      revokedAt: sample.revoked === undefined ? null : at(sample.revoked),
      pausedAt: sample.paused === undefined ? null : at(sample.paused),
      pausedBy: sample.paused === undefined ? null : ADMIN_ID,
      revision: 1,
      userRole: owner === undefined ? 'ORG_ADMIN' : 'BUSINESS_MANAGER',
      userFirstName: owner?.name[0] ?? null,
      userLastName: owner?.name[1] ?? null,
    },
    use: {
      lastUsedAt: use.lastUsed === undefined ? null : at(use.lastUsed),
      lastNetwork: use.lastNetwork ?? null,
      days,
      allowedIn24h: use.allowedIn24h ?? 0,
      refusedToday: use.refusedToday ?? [],
    },
    oldSecret:
      sample.oldSecret === undefined ? null : { hint: sample.oldSecret.hint, retiresAt: at(sample.oldSecret.until) },
    acts: sample.acts ?? ALL_ACTS,
    isOfSession: sample.isOfSession ?? false,
  };
}

const REVOKED = 'It was revoked, and that is final';

export const STORE_LOCATOR = sampleKey({
  id: 7,
  label: 'Store locator',
  hint: 'lk_…QnTS',
  description: 'Opening hours for the shop finder on www.example.com',
  created: '2026-02-03T09:14:08',
  expires: '2027-11-21',
  ips: ['198.51.100.0/24', '203.0.113.0/24', '192.0.2.0/24', '2001:db8:40::/48'],
  permissions: ['business_edit', 'business_edit_open_hours', 'review_read'],
  use: {
    total: 8_611,
    refusedDays: [26, 2, 0, 14, 0],
    lastUsed: '2026-11-25T13:59:50',
    lastNetwork: '198.51.100.20',
    allowedIn24h: 612,
  },
});

export const LISTINGS_FEED = sampleKey({
  id: 3,
  label: 'Listings feed',
  hint: 'lk_…c0Xe',
  created: '2025-12-09T16:40:31',
  expires: '2027-03-01',
  ips: ['198.51.100.0/24', '203.0.113.0/24'],
  permissions: ['business_edit', 'business_edit_name', 'business_edit_categories', 'business_edit_open_hours'],
  oldSecret: { hint: 'lk_…81Gr', until: '2026-11-26T09:12:00' },
  use: { total: 992_370, lastUsed: '2026-11-25T14:02:46', lastNetwork: '198.51.100.61', allowedIn24h: 74_412 },
});

export const MAIN_KEYS: readonly KeyView[] = [
  sampleKey({
    id: 12,
    label: 'Review import',
    hint: 'lk_…9fQ2',
    created: '2026-05-18',
    expires: '2027-05-18',
    use: {
      total: 4_642,
      refusedDays: [30, 52, 41],
      lastUsed: '2026-11-25T13:50:50',
      lastNetwork: '2001:db8:40::1c',
      refusedToday: [
        ['IP_NOT_ALLOWED', 38],
        ['PERMISSION_DENIED', 3],
      ],
    },
  }),
  sampleKey({
    id: 11,
    label: 'Data warehouse export',
    hint: 'lk_…T2aH',
    created: '2026-03-30',
    creator: 'Demo Org Manager',
    expires: '2027-03-30',
    paused: '2026-11-23T14:02:50',
    use: { total: 904, refusedDays: [6, 6], lastUsed: '2026-11-23T14:02:50', lastNetwork: '198.51.100.140' },
  }),
  STORE_LOCATOR,
  LISTINGS_FEED,
  sampleKey({
    id: 9,
    label: 'Holiday opening hours',
    hint: 'lk_…Bm4u',
    created: '2025-12-01',
    creator: 'Demo Org Manager',
    expires: '2026-12-01',
    use: { total: 20_604, lastUsed: '2026-11-25T14:02:09', lastNetwork: '192.0.2.33', allowedIn24h: 1_911 },
  }),
  sampleKey({
    id: 8,
    label: '<script>alert(1)</script>',
    hint: 'lk_…a11y',
    created: '2025-11-20',
    creator: 'Demo Org Manager',
    expires: '2027-02-22',
  }),
  sampleKey({
    id: 6,
    label: 'مفتاح تكامل مواقع المتاجر وساعات العمل',
    hint: 'lk_…k3Wd',
    created: '2025-11-07',
    expires: '2027-09-07',
    use: { total: 2_360, lastUsed: '2026-11-25T12:02:50', lastNetwork: '2001:db8:7:2::90' },
  }),
  sampleKey({
    id: 5,
    label: 'Synchronisation of opening hours, holiday hours, photos and attributes of all 2,300 shops, every 15 min',
    hint: 'lk_…Zz08',
    created: '2025-10-28',
    creator: 'Demo Org Manager',
    expires: '2026-10-28',
    use: {
      refusedDays: Array.from({ length: 14 }, () => 96),
      lastUsed: '2026-10-28T14:02:50',
      lastNetwork: '192.0.2.7',
      refusedToday: [['EXPIRED', 96]],
    },
  }),
  sampleKey({
    id: 4,
    label: 'Kiosk pilot',
    hint: 'lk_…p9Yt',
    created: '2025-06-11',
    creator: 'Demo Org Manager',
    expires: '2027-06-11',
    revoked: '2026-11-02T14:02:50',
    acts: { change: REVOKED, rotate: REVOKED, see: REVOKED, revoke: REVOKED, pause: REVOKED },
    use: { lastUsed: '2026-11-02T14:02:50', lastNetwork: '203.0.113.5' },
  }),
  sampleKey({
    id: 2,
    label: 'Legacy CRM bridge',
    hint: 'lk_…x7Lp',
    created: '2024-08-14',
    permissions: null,
    use: { lastUsed: '2026-08-20T14:02:50', lastNetwork: '203.0.113.90' },
  }),
];

const admin: Sample['owner'] = { id: ADMIN_ID, name: ['Demo', 'Org Admin'] };
const businessManager: Sample['owner'] = { id: MANAGER_ID, name: ['Demo', 'Business Manager'] };
const groupManager: Sample['owner'] = { id: '5309c3a237bbc544d8e26739', name: ['Demo', 'Group Manager'] };
const publisher: Sample['owner'] = { id: '5309c3a237bbc544d8e2673a', name: ['Demo', 'Publisher'] };

function notYours(name: string): KeyActs {
  const reason = `Only ${name} can`;
  return { change: reason, rotate: reason, see: reason, revoke: null, pause: null };
}

const CONSOLE_KEY: Sample = {
  id: 40,
  label: 'Console sign-in',
  hint: 'lk_…7Kd3',
  created: '2026-08-20',
  expires: '2027-08-20',
  owner: admin,
  isOfSession: true,
  use: { total: 131, lastUsed: '2026-11-25T14:02:42', lastNetwork: '203.0.113.7' },
};
const TRY_OUT: Sample = {
  id: 39,
  label: 'Try-out of the review API',
  hint: 'lk_…m5Gc',
  created: '2026-07-15',
  creator: 'Demo Group Manager',
  owner: groupManager,
  permissions: null,
};
const WEEKLY_REPORT: Sample = {
  id: 38,
  label: 'Weekly report script',
  hint: 'lk_…q8Rs',
  created: '2026-06-03',
  expires: '2026-12-03',
  owner: businessManager,
  use: { total: 440, lastUsed: '2026-11-25T08:02:50', lastNetwork: '203.0.113.77', allowedIn24h: 44 },
};
const PHOTO_UPLOADER: Sample = {
  id: 37,
  label: 'Photo uploader',
  hint: 'lk_…Vw1e',
  created: '2026-04-02',
  creator: 'Demo Business Manager',
  expires: '2027-04-02',
  owner: businessManager,
  use: { total: 985, lastUsed: '2026-11-25T13:36:50', lastNetwork: '203.0.113.77', allowedIn24h: 88 },
};
const FIRST_ATTEMPT: Sample = {
  id: 35,
  label: 'First attempt',
  hint: 'lk_…D1sk',
  created: '2026-02-10',
  creator: 'Demo Business Manager',
  expires: '2026-08-29',
  owner: businessManager,
  use: { lastUsed: '2026-08-29T14:02:50', lastNetwork: '203.0.113.77' },
};

export const KEYS_OF_MANAGER: readonly KeyView[] = [WEEKLY_REPORT, PHOTO_UPLOADER, FIRST_ATTEMPT].map(sampleKey);

export const PERSONAL_KEYS: readonly KeyView[] = [
  sampleKey(CONSOLE_KEY),
  sampleKey({ ...TRY_OUT, acts: notYours('Demo Group Manager') }),
  sampleKey({ ...WEEKLY_REPORT, acts: notYours('Demo Business Manager') }),
  sampleKey({ ...PHOTO_UPLOADER, acts: notYours('Demo Business Manager') }),
  sampleKey({
    id: 36,
    label: 'Read-only dashboard',
    hint: 'lk_…E4jn',
    created: '2026-01-08',
    expires: '2026-09-25',
    owner: publisher,
    acts: notYours('Demo Publisher'),
    use: { lastUsed: '2026-09-25T14:02:50', lastNetwork: '2001:db8:9::4' },
  }),
];

const ALLOWED_BY_DAY = [
  650, 824, 747, 827, 270, 364, 682, 602, 607, 842, 840, 326, 317, 730, 744, 789, 789, 696, 320, 364, 682, 713, 612,
  781, 804, 306, 288, 842, 620, 424,
];
const REFUSED_BY_DAY: Record<number, number> = { 11: 14, 12: 5, 25: 26, 26: 37, 28: 14 };

function person(id: string, lastName: string, role: Role, more: Partial<User> = {}): User {
  return {
    id,
    orgId: 2,
    type: 'user',
    role,
    firstName: 'Demo',
    lastName,
    email: `${lastName.toLowerCase().replace(' ', '-')}@example.com`,
    disabled: false,
    signedInAt: at('2026-04-02T09:00:00'),
    createdAt: at('2026-01-02T08:00:00'),
    revision: 1,
    ...more,
  };
}

const BEFORE_SIGN_IN = 'Only before the first sign-in';
const USER_ACTS: UserActs = { change: null, invite: BEFORE_SIGN_IN, createKey: null, remove: null };

/** The five users of the demo organisation. */
export const USERS: readonly UserView[] = [
  {
    user: person(ADMIN_ID, 'Org Admin', 'ORG_ADMIN'),
    keys: 1,
    use: { callsIn24h: 12, lastUsedAt: at('2026-11-25T14:02:42') },
    linkEndsAt: null,
    acts: { ...USER_ACTS, remove: 'The organisation keeps one admin' },
  },
  {
    user: person('5309c3a237bbc544d8e2673b', 'Org Manager', 'ORG_MANAGER'),
    keys: 4,
    use: { callsIn24h: 318, lastUsedAt: at('2026-11-25T13:02:50') },
    linkEndsAt: null,
    acts: USER_ACTS,
  },
  {
    user: person(MANAGER_ID, 'Business Manager', 'BUSINESS_MANAGER'),
    keys: 3,
    use: { callsIn24h: 132, lastUsedAt: at('2026-11-25T13:36:50') },
    linkEndsAt: null,
    acts: USER_ACTS,
  },
  {
    user: person('5309c3a237bbc544d8e26739', 'Group Manager', 'GROUP_MANAGER', { signedInAt: null }),
    keys: 1,
    use: { callsIn24h: 0, lastUsedAt: null },
    linkEndsAt: at('2026-11-26T11:10:00'),
    acts: { ...USER_ACTS, invite: null },
  },
  {
    user: person('5309c3a237bbc544d8e2673a', 'Publisher', 'PUBLISHER', { disabled: true }),
    keys: 2,
    use: { callsIn24h: 0, lastUsedAt: at('2026-09-25T14:02:50') },
    linkEndsAt: null,
    acts: USER_ACTS,
  },
];

/** The usage of "Store locator" in 30 days. */
export const REPORT: UsageReport = {
  totals: { VALID: 18_402, IP_NOT_ALLOWED: 61, PERMISSION_DENIED: 35 },
  days: ALLOWED_BY_DAY.map((allowed, index) => ({
    day: Math.floor(NOW / DAY) * DAY - (29 - index) * DAY,
    counts: { VALID: allowed, IP_NOT_ALLOWED: REFUSED_BY_DAY[index] ?? 0 },
  })),
  sources: [
    {
      network: '198.51.100.20',
      firstSeen: at('2026-02-03T11:20:00'),
      lastSeen: at('2026-11-25T13:59:50'),
      count: 14_907,
    },
    {
      network: '2001:db8:40::/64',
      firstSeen: at('2026-09-25T14:02:50'),
      lastSeen: at('2026-11-25T13:41:50'),
      count: 3_281,
    },
    { network: '203.0.113.7', firstSeen: at('2026-11-13T14:02:50'), lastSeen: at('2026-11-25T12:02:50'), count: 214 },
  ],
  refusedSources: [
    { network: '198.51.100.20', firstSeen: at('2026-11-01T14:02:50'), lastSeen: at('2026-11-24T14:02:50'), count: 35 },
    {
      network: '2001:db8:99::/64',
      firstSeen: at('2026-11-21T14:02:50'),
      lastSeen: at('2026-11-24T14:02:50'),
      count: 61,
    },
  ],
  suggestedAllowlist: ['198.51.100.16/29', '203.0.113.7', '2001:db8:40::/48'],
  permissions: [],
  suggestedPermissions: [],
  secrets: [],
};

export const QUIET_REPORT: UsageReport = {
  totals: {},
  days: [],
  sources: [],
  refusedSources: [],
  suggestedAllowlist: [],
  permissions: [],
  suggestedPermissions: [],
  secrets: [],
};

function event(id: number, when: string, action: string, more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    id,
    orgId: 2,
    at: at(when),
    action,
    actorUserId: ADMIN_ID,
    actorName: 'Demo Org Admin',
    actorApiKeyId: null,
    clientIp: '203.0.113.7',
    apiKeyId: 7,
    userId: null,
    changes: {},
    ...more,
  };
}

export const HISTORY: readonly AuditEvent[] = [
  event(95, '2026-11-06T14:02:50', 'api_key.seen', { actorName: 'Demo Org Manager', clientIp: '198.51.100.20' }),
  event(80, '2026-10-12T14:02:50', 'api_key.changed', { changes: { expiration_date: ['2026-11-21', '2027-11-21'] } }),
  event(71, '2026-08-31T14:02:50', 'api_key.changed', {
    changes: { ip_whitelist: [['198.51.100.0/24'], ['198.51.100.0/24', '192.0.2.0/24']] },
  }),
  event(60, '2026-07-08T14:02:50', 'api_key.seen'),
  event(12, '2026-02-03T09:14:08', 'api_key.created', {
    actorApiKeyId: 40,
    changes: {
      label: [null, 'Store locator'],
      description: [null, null],
      expiration_date: [null, '2026-11-21'],
      ip_whitelist: [null, ['198.51.100.0/24']],
      has_restricted_permissions: [null, true],
      permissions: [null, ['business_edit', 'business_edit_open_hours', 'review_read']],
    },
  }),
];

export const LOG: readonly AuditEvent[] = [
  event(1366, '2026-11-25T13:10:50', 'api_key.change_refused', {
    actorName: 'Demo Business Manager',
    actorApiKeyId: 37,
    clientIp: '203.0.113.77',
    changes: { rule: 'permissions', missing: ['api_key_manage'], dropped: 12 },
  }),
  event(1365, '2026-11-25T12:02:50', 'user.created', {
    apiKeyId: null,
    userId: '5309c3a237bbc544d8e26739',
    changes: { first_name: [null, 'Demo'], email: [null, 'group-manager@example.com'], role: [null, 'GROUP_MANAGER'] },
  }),
  event(1364, '2026-11-24T16:02:50', 'api_key.created', {
    actorName: 'Demo Org Manager',
    actorApiKeyId: 38,
    apiKeyId: 8,
    changes: {
      label: [null, '<script>alert(1)</script>'],
      expiration_date: [null, '2027-02-22'],
      has_restricted_permissions: [null, true],
      permissions: [null, ['review_read']],
    },
  }),
  ...HISTORY.slice(0, 2),
  event(1100, '2026-11-02T14:02:50', 'api_key.revoked', { apiKeyId: 4, changes: { disabled: [false, true] } }),
  event(1090, '2026-11-01T14:02:50', 'user.changed', {
    apiKeyId: null,
    userId: '5309c3a237bbc544d8e2673a',
    changes: { disabled: [false, true] },
  }),
  event(1, '2024-08-14T08:00:00', 'deployment.bootstrapped', {
    actorUserId: null,
    actorName: null,
    clientIp: null,
    apiKeyId: null,
    changes: { name: [null, 'Demo organisation'], email: [null, 'provider@example.com'] },
  }),
];

/** "Would this call be allowed?", refused for a permission. */
export const EXPLANATION: AccessExplanation = {
  decision: { allowed: false, code: 'PERMISSION_DENIED', missing: ['review_reply'] },
  checks: [
    {
      check: 'revocation',
      passed: true,
      code: 'REVOKED',
      detail: 'Nobody has revoked the key.',
      remedy: null,
      compared: {},
    },
    {
      check: 'user',
      passed: true,
      code: 'USER_DISABLED',
      detail: "The key's user is enabled.",
      remedy: null,
      compared: {},
    },
    {
      check: 'expiry',
      passed: true,
      code: 'EXPIRED',
      detail: 'The key works until 2027-11-21 at 00:00 UTC.',
      remedy: null,
      compared: {},
    },
    {
      check: 'address',
      passed: true,
      code: 'IP_NOT_ALLOWED',
      detail: '192.0.2.200 lies within 192.0.2.0/24.',
      remedy: null,
      compared: {},
    },
    {
      check: 'permissions',
      passed: false,
      code: 'PERMISSION_DENIED',
      detail: 'Not on the key: review_reply.',
      remedy: 'Add to the permissions of the key what is not on it.',
      compared: {},
    },
  ],
};

/** What someone might store to break a page: one long word, emoji, another direction, markup, the longest address. */
export const HOSTILE_TEXTS = [
  'W'.repeat(100),
  '🗝️'.repeat(50),
  'مفتاح تكامل مواقع المتاجر وساعات العمل',
  '"><img src=x onerror=alert(1)>\'`{{7*7}}',
  '</title></textarea><script>alert(1)</script>',
  'a\u0301'.repeat(50),
] as const;

export const LONG_ADDRESS = '2001:0db8:aaaa:bbbb:cccc:dddd:eeee:ffff/128';

export const HOSTILE_KEYS: readonly KeyView[] = HOSTILE_TEXTS.map((label, index) =>
  sampleKey({
    id: 90 + index,
    label,
    hint: 'lk_…9fQ2',
    description: label.repeat(4),
    created: '2026-05-18',
    creator: label,
    owner: { id: `5309c3a237bbc544d8e2674${index}`, name: [label, label] },
    ips: [LONG_ADDRESS],
    expires: '2027-05-18',
    use: {
      total: 999_999_999_999,
      lastUsed: '2026-11-25T13:50:50',
      lastNetwork: LONG_ADDRESS,
      refusedToday: [['IP_NOT_ALLOWED', 999_999_999]],
    },
  }),
);
