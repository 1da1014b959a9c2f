import { env, exports } from 'cloudflare:workers';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { PERMISSION_NAMES, type PermissionName } from '../../src/domain/permissions/permissions.ts';
import { hashApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { type Call, decideAccess } from '../../src/domain/verification/decide-access.ts';
import { compileKeyRecord, type KeyRecord } from '../../src/domain/verification/key-record.ts';
import { openVerificationSource } from '../../src/storage/verification-source.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid } from '../support/expect-error.ts';
import { alter } from '../support/stored.ts';

/*
 * Four ways to ask about a call with a key, and the pure decision: whatever the key, the address, the permissions and
 * the moment, they say the same. What is no address passes no list; who asks verify or explain about it gets a 400.
 */

const CASES = 1_000;
const seed = Math.floor(Math.random() * 2 ** 31);
const DAY_MS = 24 * 60 * 60 * 1000;

const ADDRESSES = [
  '192.0.2.1',
  '192.0.2.200',
  '198.51.100.9',
  '::ffff:192.0.2.1',
  '2001:db8::1',
  '2001:db9::1',
  'nonsense',
  null,
];
const LISTS = [
  [],
  ['192.0.2.0/25'],
  ['2001:db8::/32', '198.51.100.9'],
  ['::ffff:192.0.2.0/120'],
  ['::/0'],
  ['0.0.0.0/0'],
];
const RESTRICTIONS = [
  {},
  { has_restricted_permissions: true, permissions: [] },
  { has_restricted_permissions: true, permissions: ['review_read', 'api_key_read'] },
  { has_restricted_permissions: true, permissions: [...PERMISSION_NAMES] },
];

/** What over HTTP needs just this permission. */
const ROUTES: Partial<Record<PermissionName | 'none', string>> = {
  none: 'GET /v2/api_keys/current',
  api_key_read: 'GET /v2/api_keys?per_page=1',
  user_read: 'GET /v2/user/search?per_page=1',
};

interface Subject {
  id: number;
  apiKey: string;
  record: KeyRecord;
}

let keys: RoleKeys;
const subjects: Subject[] = [];

beforeAll(async () => {
  keys = await deploy();
  const makers = [keys.ORG_ADMIN, keys.ORG_MANAGER, keys.BUSINESS_MANAGER];
  for (const [index, maker] of makers.entries()) {
    for (const list of LISTS) {
      const allowed = index === 0 ? RESTRICTIONS : RESTRICTIONS.slice(0, 3);
      for (const restriction of allowed) await addSubject(maker, { ip_whitelist: list, ...restriction });
    }
  }
  // The day before today, today and the days after, as seen from here.
  for (const days of [-1, 0, 1, 2]) await addSubject(keys.ORG_ADMIN, {}, days);
  const revoked = await addSubject(keys.ORG_ADMIN, {});
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/revoke/${revoked}`);
  const paused = await addSubject(keys.ORG_ADMIN, {});
  await call(keys.ORG_ADMIN, `POST /v2/api_keys/pause/${paused}`);
  const lowered = await call(keys.GROUP_MANAGER, 'GET /v2/user/me');
  await addSubject(keys.GROUP_MANAGER, {});
  await call(keys.ORG_ADMIN, `POST /v2/user/${lowered.body.id}`, { body: { disabled: true } });
  const demoted = await call(keys.BUSINESS_MANAGER, 'GET /v2/user/me');
  await call(keys.ORG_ADMIN, `POST /v2/user/${demoted.body.id}`, { body: { role: 'PUBLISHER' } });

  const source = openVerificationSource(env.DB);
  for (const subject of subjects) {
    const record = await source.readRecord(hashApiKey(subject.apiKey), 'primary');
    if (record === null) throw new Error('A key of this test is not there');
    subject.record = compileKeyRecord(record);
  }
}, 60_000);

async function addSubject(maker: string, fields: Record<string, unknown>, expiresInDays?: number): Promise<number> {
  const made = await createKey(maker, fields);
  if (expiresInDays !== undefined) {
    const date = new Date(Date.now() + expiresInDays * DAY_MS).toISOString().slice(0, 10);
    await alter('UPDATE api_keys SET expiration_date = ? WHERE id = ?', date, made.id);
  }
  // Its record is read when all that is to happen to it has happened.
  const record = compileKeyRecord({
    ...{ epoch: '', seq: 0, keyId: 0, orgId: 0, userId: '', userType: 'user', userRole: 'PUBLISHER', label: '' },
    ...{
      userDisabled: true,
      revoked: true,
      paused: true,
      secretCreatedAt: 0,
      retiresAt: null,
      expirationDate: null,
      ipWhitelist: [],
      permissions: [],
    },
    hasRestrictedPermissions: true,
    createdAt: 0,
  });
  subjects.push({ id: made.id, apiKey: made.api_key, record });
  return made.id;
}

test(`HTTP, RPC, verify, explain and the pure decision agree (seed ${seed})`, async () => {
  const cases = fc.record({
    subject: fc.nat(subjects.length - 1),
    clientIp: fc.constantFrom(...ADDRESSES),
    needs: fc.uniqueArray(fc.constantFrom(...PERMISSION_NAMES), { maxLength: 2 }),
    hours: fc.integer({ min: -72, max: 72 }),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ subject: index, clientIp, needs, hours }) => {
      const subject = subjects[index];
      if (subject === undefined) throw new Error('There is no such subject');
      const asked: Call = { clientIp, needs };
      const now = Date.now();
      const expected = codeOf(subject.record, asked, now);

      const rpc = await exports.ApiKeys.verify({ apiKey: subject.apiKey, ip: clientIp, permissions: needs });
      expect(rpc.allowed ? 'VALID' : rpc.code).toBe(expected);

      const body = { api_key: subject.apiKey, ip: clientIp, permissions: needs };
      const verified = await call(keys.ORG_ADMIN, 'POST /v2/api_keys/verify', { body });
      if (clientIp === 'nonsense') {
        expectInvalid(verified, ['ip']);
        expectInvalid(await explain(subject.id, { ip: clientIp, permissions: needs }), ['ip']);
      } else {
        expect(verified.body).toMatchObject({ valid: expected === 'VALID', code: expected });

        const { body: explained } = await explain(subject.id, { ip: clientIp, permissions: needs });
        expect(explained.verdict).toEqual({ allowed: expected === 'VALID', code: expected });
        expect(explained.checks.find((check: { passed: boolean }) => !check.passed)?.code ?? 'VALID').toBe(expected);

        const at = now + hours * 60 * 60 * 1000;
        const then = { ip: clientIp, permissions: needs, at: new Date(at).toISOString() };
        expect((await explain(subject.id, then)).body.verdict.code).toBe(codeOf(subject.record, asked, at));
      }

      const route = needs.length > 1 ? undefined : ROUTES[needs[0] ?? 'none'];
      if (route === undefined) return;
      const answer = await call(subject.apiKey, route, { ip: clientIp });
      expect(answer.status === 200 ? 'VALID' : answer.body.code).toBe(expected);
    }),
    { numRuns: CASES, seed },
  );
}, 120_000);

function explain(id: number, body: Record<string, unknown>) {
  return call(keys.ORG_ADMIN, `POST /v2/api_keys/explain/${id}`, { body });
}

function codeOf(record: KeyRecord, asked: Call, now: number): string {
  const decision = decideAccess(record, asked, now);
  return decision.allowed ? 'VALID' : decision.code;
}
