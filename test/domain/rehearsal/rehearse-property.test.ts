import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { suggestAllowlist } from '../../../src/domain/addresses/suggest-allowlist.ts';
import { PERMISSION_NAMES, withDependencies } from '../../../src/domain/permissions/permissions.ts';
import { ROLES } from '../../../src/domain/permissions/roles.ts';
import { rehearse } from '../../../src/domain/rehearsal/rehearse.ts';
import { UseCounter } from '../../../src/domain/usage/use-counter.ts';
import { type Call, type Decision, decideAccess } from '../../../src/domain/verification/decide-access.ts';
import { toDate } from '../../../src/domain/verification/expiration.ts';
import { compileKeyRecord, type KeyRecord } from '../../../src/domain/verification/key-record.ts';
import type { JointUses } from '../../../src/storage/joint-uses.ts';

/*
 * A rehearsal over counts says the same as the decision about each call: for random keys as they stand and as they would
 * be, and random calls.
 */

const DAY_MS = 24 * 60 * 60 * 1000;
const DAYS = 8;
const PERIOD = { sinceDay: 20_000, now: (20_000 + DAYS) * DAY_MS - 1 };
/** What a failure prints finds it again: `REHEARSAL_SEED=… npm test`. */
const seed = Number(process.env.REHEARSAL_SEED ?? Math.floor(Math.random() * 2 ** 31));

interface TimedCall extends Call {
  at: number;
}

// Few addresses, so that entries meet calls. IPv4 in the last 64 addresses of a /24; IPv6 in four /64 networks.
const v4 = fc.integer({ min: 192, max: 255 }).map((host) => `192.0.2.${host}`);
const v6 = fc
  .record({ subnet: fc.integer({ min: 0, max: 3 }), host: fc.integer({ min: 0, max: 7 }) })
  .map(({ subnet, host }) => `2001:db8:0:${subnet}::${host}`);
const mapped = v4.map((address) => `::ffff:${address}`);

const withPrefix = (address: fc.Arbitrary<string>, prefixes: readonly number[]) =>
  fc.tuple(address, fc.constantFrom(...prefixes)).map(([network, prefix]) => `${network}/${prefix}`);
const v4Entry = fc.oneof(v4, withPrefix(v4, [0, 26, 28, 30, 31, 32]), withPrefix(mapped, [122, 126, 128]));
/** A /64 at the narrowest: of the counts of a network, all pass or none does. */
const wideV6Entry = withPrefix(v6, [0, 48, 62, 63, 64]);
const narrowV6Entry = fc.oneof(v6, withPrefix(v6, [65, 125, 126, 127, 128]));

/** One time in ten. */
const seldom = fc.integer({ min: 0, max: 9 }).map((value) => value === 0);

function recordWith(entry: fc.Arbitrary<string>): fc.Arbitrary<KeyRecord> {
  return fc
    .record({
      userRole: fc.constantFrom(...ROLES),
      userDisabled: seldom,
      revoked: seldom,
      paused: seldom,
      // From before the calls to after them.
      expirationDate: fc.option(
        fc.integer({ min: -1, max: DAYS + 1 }).map((day) => toDate((PERIOD.sinceDay + day) * DAY_MS)),
      ),
      ipWhitelist: fc.oneof(
        { arbitrary: fc.array(entry, { minLength: 1, maxLength: 5 }), weight: 2 },
        fc.array(entry, { maxLength: 0 }),
      ),
      hasRestrictedPermissions: fc.boolean(),
      permissions: fc.subarray([...PERMISSION_NAMES]),
    })
    .map((fields) =>
      compileKeyRecord({
        ...{ epoch: 'e', seq: 1, keyId: 1, orgId: 1, userId: 'a'.repeat(24), userType: 'user', label: 'a key' },
        ...{ createdAt: 0, secretCreatedAt: 0, retiresAt: null },
        ...fields,
      }),
    );
}

function callsFrom(address: fc.Arbitrary<string | null>): fc.Arbitrary<TimedCall[]> {
  const needs = fc.subarray([...PERMISSION_NAMES], { maxLength: 3 });
  const at = fc.integer({ min: PERIOD.sinceDay * DAY_MS, max: PERIOD.now });
  return fc.array(fc.record({ at, clientIp: address, needs }), { maxLength: 40 });
}

/** Counts calls as an isolate does, and gives the counts the form in which they are read. */
function countJointly(calls: readonly TimedCall[]): JointUses {
  const counter = new UseCounter();
  for (const { at, clientIp, needs } of calls.toSorted((a, b) => a.at - b.at)) {
    counter.count({ keyId: 1, code: 'VALID', clientIp, secret: 0, needs }, at);
  }
  const uses = counter.take().flatMap(({ keyId, hour, network, needs, count, firstAt, lastAt }) => {
    if (needs === null) return [];
    const names = needs === '' ? [] : needs.split(' ');
    const day = Math.floor(hour / 24);
    return [{ keyId, day, secret: 0, network, needs: names, count, firstSeen: firstAt, lastSeen: lastAt }];
  });
  const totals = new Map([[1, { calls: calls.length, firstSeen: 0, lastSeen: 0 }]]);
  return { uses, totals, countedSinceDay: 0 };
}

/** How many calls each code is the answer to; `VALID` for those that are let in. */
function sumsOf(decisions: readonly Decision[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const decision of decisions) {
    const code = decision.allowed ? 'VALID' : decision.code;
    sums[code] = (sums[code] ?? 0) + 1;
  }
  return sums;
}

function check(
  entry: fc.Arbitrary<string>,
  address: fc.Arbitrary<string | null>,
  property: (calls: readonly TimedCall[], before: KeyRecord, after: KeyRecord) => void,
): void {
  fc.assert(fc.property(callsFrom(address), recordWith(entry), recordWith(entry), property), { seed, numRuns: 500 });
}

describe(`rehearsed over its counts (seed ${seed}), a change`, () => {
  test.each([
    ['addresses of IPv4', v4Entry, fc.oneof(v4, mapped)],
    ['networks of IPv6, with entries of a /64 or wider', wideV6Entry, v6],
    ['both, and calls without a readable address', fc.oneof(v4Entry, wideV6Entry), fc.oneof(v4, v6, fc.constant(null))],
  ])('says exactly what the decision says of each call: %s', (_, entry, address) => {
    let refusals = 0;
    check(entry, address, (calls, before, after) => {
      const rehearsal = rehearse([{ before, after }], countJointly(calls), PERIOD);
      const decisions = calls.map((call) => decideAccess(after, call, call.at));
      const { VALID: passed = 0, ...byCode } = sumsOf(decisions);
      expect(rehearsal).toMatchObject({ calls: calls.length, refused: calls.length - passed, unknown: 0 });
      expect(rehearsal.byCode).toEqual(byCode);
      const isRefusedTwice = (call: TimedCall) =>
        !decideAccess(before, call, call.at).allowed && !decideAccess(after, call, call.at).allowed;
      expect(rehearsal.refusedAlready).toBe(calls.filter(isRefusedTwice).length);
      const lacked = decisions.flatMap((decision) =>
        !decision.allowed && decision.code === 'PERMISSION_DENIED' ? decision.missing : [],
      );
      expect(Object.fromEntries(rehearsal.permissions.map(({ name, count }) => [name, count]))).toEqual(
        Object.fromEntries([...Map.groupBy(lacked, (name) => name)].map(([name, all]) => [name, all.length])),
      );
      refusals += rehearsal.refused;
    });
    expect(refusals).toBeGreaterThan(0);
  });

  test('with entries within a /64 is never sure of what the decision does not say of every call', () => {
    let unknown = 0;
    check(fc.oneof(narrowV6Entry, wideV6Entry), v6, (calls, before, after) => {
      const rehearsal = rehearse([{ before, after }], countJointly(calls), PERIOD);
      const refused = calls.filter((call) => !decideAccess(after, call, call.at).allowed).length;
      expect(rehearsal.calls).toBe(calls.length);
      expect(rehearsal.refused).toBeLessThanOrEqual(refused);
      expect(rehearsal.refused + rehearsal.unknown).toBeGreaterThanOrEqual(refused);
      expect(rehearsal.refusedAlready).toBeLessThanOrEqual(rehearsal.refused);
      unknown += rehearsal.unknown;
    });
    expect(unknown).toBeGreaterThan(0);
  });

  test('to what is suggested for its calls refuses none of them', () => {
    check(v4Entry, fc.oneof(v4, mapped, v6), (calls, before) => {
      const counted = countJointly(calls);
      const fields = {
        ipWhitelist: suggestAllowlist(counted.uses.map(({ network }) => network ?? '')),
        hasRestrictedPermissions: true,
        permissions: withDependencies(counted.uses.flatMap(({ needs }) => needs)),
      };
      // A key whose user may do all of it, and which nothing but the suggestion refuses.
      const open = {
        revoked: false,
        paused: false,
        userDisabled: false,
        expirationDate: null,
        userRole: 'PROVIDER',
      } as const;
      const after = compileKeyRecord({ ...before, ...open, ...fields });
      expect(rehearse([{ before, after }], counted, PERIOD)).toMatchObject({
        calls: calls.length,
        refused: 0,
        unknown: 0,
      });
    });
  });

  test('leaves no call out, and is not sure of one that a bound has dropped', () => {
    check(v4Entry, v4, (calls, before, after) => {
      const { uses, ...counted } = countJointly(calls);
      const kept = uses.filter((_, index) => index % 2 === 0);
      const rehearsal = rehearse([{ before, after }], { ...counted, uses: kept }, PERIOD);
      const refused = calls.filter((call) => !decideAccess(after, call, call.at).allowed).length;
      expect(rehearsal.calls).toBe(calls.length);
      expect(rehearsal.refused).toBeLessThanOrEqual(refused);
      expect(rehearsal.refused + rehearsal.unknown).toBeGreaterThanOrEqual(refused);
    });
  });
});
