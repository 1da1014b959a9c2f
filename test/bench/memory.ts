import { newIsolate } from '../../src/domain/isolate.ts';
import { PERMISSION_NAMES } from '../../src/domain/permissions/permissions.ts';
import { UseCounter } from '../../src/domain/usage/use-counter.ts';
import { compileKeyRecord, weightOfRecord } from '../../src/domain/verification/key-record.ts';
import { MissLedger } from '../../src/domain/verification/miss-budget.ts';

/*
 * Measures how much memory each part of an isolate takes when it is as full as it can be. It runs in a process of its
 * own with --expose-gc. Node and workerd have the same JavaScript engine.
 */

const MANY = 20_000;
const MIB = 1024 * 1024;

/** The heap in use after a garbage collection, in bytes. */
function heap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function measure<Held>(what: string, fill: () => Held, tell: (held: Held) => string): void {
  const before = heap();
  const held = fill();
  const mib = (heap() - before) / MIB;
  console.log(`  ${what.padEnd(46)} ${mib.toFixed(1).padStart(6)} MiB   ${tell(held)}`);
}

function hashOf(index: number): string {
  return index.toString(16).padStart(64, '0');
}

/** A record as it comes out of KV or D1. It shares no object with other records. */
function readRecord(index: number, entries: number) {
  const text = JSON.stringify({
    epoch: 'e'.repeat(32),
    seq: index,
    keyId: index,
    orgId: index,
    userId: index.toString(16).padStart(24, '0'),
    userType: 'user',
    userRole: 'ORG_ADMIN',
    userDisabled: false,
    label: 'l'.repeat(entries === 0 ? 20 : 100),
    createdAt: 1_795_582_729_210,
    revoked: false,
    paused: false,
    secretCreatedAt: 1_795_582_729_206,
    retiresAt: null,
    expirationDate: null,
    ipWhitelist: Array.from(
      { length: entries },
      (_, entry) => `2001:db8:${entry.toString(16)}:${(index % 9999).toString(16)}:1:2:3:4000/120`,
    ),
    hasRestrictedPermissions: entries > 0,
    permissions: entries > 0 ? PERMISSION_NAMES : [],
  });
  return compileKeyRecord(JSON.parse(text));
}

function fillRecords(entries: number) {
  const isolate = newIsolate();
  let weight = 0;
  for (let index = 0; index < MANY; index++) {
    const record = readRecord(index, entries);
    weight = weightOfRecord(record);
    isolate.memory.records.set(hashOf(index), record);
  }
  return { isolate, weight };
}

console.log('\nWhat an isolate remembers at most');
for (const [what, entries] of [
  ['records without a list', 0],
  ['records with 10 networks', 10],
  ['records with 100 networks', 100],
] as const) {
  measure(
    what,
    () => fillRecords(entries),
    ({ isolate, weight }) => `${isolate.memory.records.size} of them, ${weight} bytes each by the estimate`,
  );
}
measure(
  'absences',
  () => {
    const { memory } = newIsolate();
    for (let index = 0; index < MANY; index++) memory.absences.set(hashOf(index), index);
    return memory.absences;
  },
  ({ size }) => `${size}`,
);
measure(
  'ids that were heard of',
  () => {
    const { heard } = newIsolate();
    for (let seq = 1; seq <= MANY; seq++) heard.note({ epoch: 'e', seq, id: seq.toString(16).padStart(24, '0') });
    return heard;
  },
  () => 'users, whose ids are longer than those of keys',
);
measure(
  'payers of look-ups',
  () => {
    const ledger = new MissLedger();
    for (let index = 0; index < MANY; index++) {
      const account = ledger.account('payer', `organisation ${index} 2001:db8:${index}::/64`);
      account.begin(index);
      account.end(index);
      account.spend(index);
    }
    return ledger;
  },
  () => '',
);
measure(
  'counts of uses',
  () => {
    const counter = new UseCounter();
    for (let index = 0; counter.size < 5_000; index++) {
      const clientIp = `2001:db8:${index.toString(16)}::1`;
      counter.count({ keyId: index, code: 'VALID', clientIp, secret: index, needs: ['review_read'] }, 0);
    }
    return counter;
  },
  ({ size }) => `${size}`,
);
