import type { Role } from '../../src/domain/permissions/roles.ts';
import type { Call } from '../../src/domain/verification/decide-access.ts';
import { decideAccess } from '../../src/domain/verification/decide-access.ts';
import { compileKeyRecord, type KeyRecord } from '../../src/domain/verification/key-record.ts';
import type { ReplicatedD1 } from './replicated-d1.ts';

interface Phase {
  from: number;
  record: KeyRecord | null;
  text: string;
}

/**
 * The history of each key: what was true of it, and when. It is read from the primary at each commit, with a query of
 * its own, so that it shares no query with verification.
 */
export class Truth {
  readonly #phases = new Map<string, Phase[]>();
  readonly #kept: number;

  constructor(kept: number) {
    this.#kept = kept;
  }

  observe(d1: ReplicatedD1, now: number): void {
    const seen = new Set<string>();
    for (const row of d1.read(QUERY)) {
      const record = readRecord(row);
      seen.add(String(row.hash));
      this.#enter(String(row.hash), record, now);
    }
    for (const hash of this.#phases.keys()) if (!seen.has(hash)) this.#enter(hash, null, now);
  }

  /**
   * How stale a verdict is, in milliseconds: 0 when it is the true one at `now`, else the time since it last was.
   * Infinity: it never was, as far back as the history is kept.
   * @param clock what the clock of the isolate that decided read at `now`
   */
  stalenessOf(outcome: string, hash: string, call: Call, now: number, clock: number): number {
    const phases = this.#phases.get(hash) ?? [{ from: Number.NEGATIVE_INFINITY, record: null, text: '' }];
    let until = now;
    for (const phase of phases.toReversed()) {
      if (outcomeOf(phase.record, call, clock) === outcome) return now - until;
      until = phase.from;
    }
    return phases[0]?.from === Number.NEGATIVE_INFINITY
      ? Number.POSITIVE_INFINITY
      : this.#beforeFirst(outcome, now, until);
  }

  /** Before its first phase, a key did not exist. */
  #beforeFirst(outcome: string, now: number, until: number): number {
    return outcome === 'UNKNOWN_KEY' ? now - until : Number.POSITIVE_INFINITY;
  }

  #enter(hash: string, record: KeyRecord | null, now: number): void {
    const phases = this.#phases.get(hash) ?? [];
    const text = JSON.stringify(record, (_, value) => (typeof value === 'bigint' ? String(value) : value));
    if (phases.at(-1)?.text === text) return;
    phases.push({ from: now, record, text });
    // The phase before the oldest kept one stays: it says what was true at the beginning of the kept time.
    while (phases.length > 2 && (phases[1]?.from ?? now) < now - this.#kept) phases.shift();
    this.#phases.set(hash, phases);
  }
}

/** A verdict as one text, with what the simulation compares: code, label and permissions. */
function outcomeOf(record: KeyRecord | null, call: Call, now: number): string {
  if (record === null) return 'UNKNOWN_KEY';
  const decision = decideAccess(record, call, now);
  return decision.allowed ? `VALID ${record.label} ${record.verified.permissions.join(' ')}` : decision.code;
}

const QUERY = `
  SELECT s.hash, s.retires_at, s.created_at AS secret_created_at, k.id, k.org_id, k.user_id, k.user_type, k.label, k.created_at, k.revoked_at, k.paused_at, k.expiration_date,
    k.ip_whitelist, k.has_restricted_permissions, k.permissions, u.role, u.disabled
  FROM api_key_secrets s JOIN api_keys k ON k.id = s.key_id JOIN users u ON u.id = k.user_id`;

function readRecord(row: Record<string, unknown>): KeyRecord {
  return compileKeyRecord({
    epoch: '',
    seq: 0,
    keyId: Number(row.id),
    orgId: Number(row.org_id),
    userId: String(row.user_id),
    userType: 'user',
    userRole: row.role as Role,
    userDisabled: row.disabled === 1,
    label: String(row.label),
    createdAt: Number(row.created_at),
    revoked: row.revoked_at !== null,
    paused: row.paused_at !== null,
    secretCreatedAt: Number(row.secret_created_at),
    retiresAt: row.retires_at === null ? null : Number(row.retires_at),
    expirationDate: row.expiration_date === null ? null : String(row.expiration_date),
    ipWhitelist: JSON.parse(String(row.ip_whitelist)),
    hasRestrictedPermissions: row.has_restricted_permissions === 1,
    permissions: JSON.parse(String(row.permissions)),
  });
}
