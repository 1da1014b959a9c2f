import { type Caller, callerOf } from '../../src/domain/authority/caller.ts';
import { changeKey, type KeyPatch } from '../../src/domain/keys/change-key.ts';
import { pauseKey } from '../../src/domain/keys/pause-key.ts';
import { resumeKey } from '../../src/domain/keys/resume-key.ts';
import { revokeKey } from '../../src/domain/keys/revoke-key.ts';
import type { Role } from '../../src/domain/permissions/roles.ts';
import type { Services } from '../../src/domain/services.ts';
import { changeUser } from '../../src/domain/users/change-user.ts';
import { deleteUser } from '../../src/domain/users/delete-user.ts';
import { toDate } from '../../src/domain/verification/expiration.ts';
import { compileKeyRecord } from '../../src/domain/verification/key-record.ts';
import { addKey, replaceSecret } from '../../src/storage/change-keys.ts';
import { addUser } from '../../src/storage/change-users.ts';
import { type KeyRow, readKey } from '../../src/storage/keys.ts';
import { readUser } from '../../src/storage/users.ts';
import type { Random } from './random.ts';
import { Receipts } from './receipts.ts';
import type { Host } from './regions.ts';
import type { ReplicatedD1 } from './replicated-d1.ts';
import type { VirtualTime } from './virtual-time.ts';

/*
 * The users and keys of the world, and what happens to them: keys are made, changed, paused, rotated and revoked, users
 * are changed and deleted.
 */

const USERS = 8;
const KEYS = 24;
const KEYS_TO_COME = 3;
const MOST_HASHES = 48;
const ROLES = ['ORG_ADMIN', 'ORG_MANAGER', 'BUSINESS_MANAGER', 'PUBLISHER'] as const;
const ALLOWLISTS = [[], ['192.0.2.0/24'], ['198.51.100.0/24', '2001:db8::/32'], ['203.0.113.0/24']];
const DAY = 24 * 60 * 60 * 1000;

/** What a change is of. */
export type ChangeKind = 'key' | 'pause' | 'user';

export class Population {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #d1: ReplicatedD1;
  /** Starts a call with a key. */
  readonly #call: (hash: string) => void;
  readonly #userIds: string[] = [];
  readonly #hashes: string[] = [];
  /** Hashes of keys still to be made. Calls try them before, during and after that. */
  readonly #toCome: string[] = [];
  readonly receipts = new Receipts();
  /** What the change that was begun last is of. */
  changing: ChangeKind = 'key';
  #made = 0;

  constructor(time: VirtualTime, random: Random, d1: ReplicatedD1, call: (hash: string) => void) {
    this.#time = time;
    this.#random = random;
    this.#d1 = d1;
    this.#call = call;
  }

  /** Picks any key, often one that will be made soon or was just made. */
  pickHash(): string {
    if (this.#random.chance(0.1)) return this.#random.pick(this.#toCome);
    return this.#random.pick(this.#random.chance(0.3) ? this.#hashes.slice(-4) : this.#hashes);
  }

  /**
   * Changes something at random.
   * @param services of the isolate that makes the change
   * @param clock how far its clock is off; that may change while the change is made
   */
  async change(services: Services, clock: Pick<Host, 'clockError'>): Promise<void> {
    const kind = this.#random.next();
    if (kind < 0.1) return this.#createKey(services);
    if (kind < 0.16) return this.#changeAnyKey(services, 'revoke');
    if (kind < 0.3) return this.#changeAnyKey(services, 'rotate');
    if (kind < 0.52) return this.#changeAnyKey(services, this.#drawPatch());
    if (kind < 0.6) return this.#pauseOrResume(services, clock);
    return this.#changeAnyUser(services, kind < 0.65 ? 'delete' : 'change');
  }

  #drawPatch(): KeyPatch {
    const tomorrow = toDate(this.#time.now + DAY);
    const patch = this.#random.pick<Partial<KeyPatch>>([
      { ipWhitelist: this.#random.pick(ALLOWLISTS) },
      { ipWhitelist: [] },
      { restriction: { hasRestrictedPermissions: true, permissions: ['api_key_read'] } },
      { restriction: { hasRestrictedPermissions: false, permissions: [] } },
      { expirationDate: tomorrow },
      { expirationDate: null },
      { label: `label ${this.#made++}` },
    ]);
    return { ...UNCHANGED, ...patch };
  }

  async #changeAnyKey(services: Services, patch: KeyPatch | 'revoke' | 'rotate'): Promise<void> {
    const rows = this.#d1.read('SELECT id FROM api_keys WHERE revoked_at IS NULL');
    if (rows.length === 0) return;
    const key = await readKey(services.db, Number(this.#random.pick(rows).id));
    if (key === null) return;
    const owner = asCaller({ userId: key.userId, role: key.userRole, ...this.#feedState() });
    this.changing = 'key';
    if (patch === 'revoke') await revokeKey(services, owner, key);
    else if (patch === 'rotate') await this.#rotate(services, key);
    else await changeKey(services, owner, key, patch);
  }

  async #pauseOrResume(services: Services, clock: Pick<Host, 'clockError'>): Promise<void> {
    const paused = this.#d1.read('SELECT id FROM api_keys WHERE revoked_at IS NULL AND paused_at IS NOT NULL');
    const resumes = paused.length > 0 && this.#random.chance(0.6);
    const rows = resumes ? paused : this.#d1.read('SELECT id FROM api_keys WHERE revoked_at IS NULL');
    if (rows.length === 0) return;
    const keyId = Number(this.#random.pick(rows).id);
    await this.receipts.note(keyId, async () => {
      const key = await readKey(services.db, keyId);
      if (key === null) return null;
      const owner = asCaller({ userId: key.userId, role: key.userRole, ...this.#feedState() });
      this.changing = 'pause';
      const changed = await (resumes ? resumeKey : pauseKey)(services, owner, key);
      if (changed.refused) return null;
      const { normally, inAnOutage } = changed.effectiveBy;
      const effectiveBy = { normally: normally - clock.clockError, inAnOutage: inAnOutage - clock.clockError };
      return { paused: !resumes, effectiveBy };
    });
  }

  #feedState(): { epoch: string; seq: number } {
    const [state] = this.#d1.read('SELECT epoch, head FROM feed_state');
    return { epoch: String(state?.epoch), seq: Number(state?.head) };
  }

  async #rotate(services: Services, key: KeyRow): Promise<void> {
    const now = services.now();
    const hash = `hash ${++this.#made}`;
    const overlap = this.#random.between(0, 40_000);
    const [old] = this.#d1.read(`SELECT hash FROM api_key_secrets WHERE key_id = ${key.id} AND retires_at IS NULL`);
    // These calls are in progress when the overlap ends.
    for (let i = 0; i < 6 && old !== undefined; i++) {
      const at = overlap - this.#random.between(0, 400);
      this.#time.after(Math.max(0, at), () => this.#call(String(old.hash)));
    }
    await replaceSecret(
      services,
      key,
      {
        secret: { hash, sealed: '', hint: '' },
        mintedBy: key.userId,
        overlapEndsAt: now + overlap,
        endsPrevious: true,
      },
      { audit: { action: 'api_key.rotated', changes: {} }, actor: { operator: 'simulation' }, now },
    );
    this.#addHash(hash);
  }

  /** The oldest hashes are dropped, and no longer tried. */
  #addHash(hash: string): void {
    this.#hashes.push(hash);
    if (this.#hashes.length > MOST_HASHES) this.#hashes.shift();
  }

  async #changeAnyUser(services: Services, what: 'delete' | 'change'): Promise<void> {
    const user = await readUser(services.db, this.#random.pick(this.#userIds));
    if (user === null) return;
    const provider = asCaller({ userId: 'f'.repeat(24), role: 'PROVIDER', ...this.#feedState() });
    this.changing = 'user';
    if (what === 'change') {
      const role = this.#random.pick(ROLES);
      await changeUser(services, provider, user, this.#random.chance(0.5) ? { role } : { disabled: !user.disabled });
      return;
    }
    await deleteUser(services, provider, user);
    await this.#createUser(services);
    for (let i = 0; i < KEYS / USERS; i++) await this.#createKey(services);
  }

  async #createUser(services: Services): Promise<void> {
    const id = (++this.#made).toString(16).padStart(24, '0');
    const person = { firstName: 'Simulated', lastName: 'User', email: `${id}@simulated.example` };
    await addUser(
      services,
      { ...person, id, orgId: 1, role: this.#random.pick(ROLES) },
      {
        audit: { action: 'user.created', changes: {} },
        actor: { operator: 'simulation' },
        now: services.now(),
      },
    );
    this.#userIds.push(id);
  }

  /** Makes a key for the oldest hash in `#toCome`, which calls have been trying. */
  async #createKey(services: Services): Promise<void> {
    const users = this.#d1.read("SELECT id FROM users WHERE type = 'user'");
    const hash = this.#toCome.shift();
    this.#toCome.push(`hash ${++this.#made}`);
    if (hash === undefined || users.length === 0) return;
    this.changing = 'key';
    const fields = {
      label: `key ${this.#made}`,
      description: null,
      expirationDate: null,
      ipWhitelist: this.#random.pick(ALLOWLISTS),
      hasRestrictedPermissions: false,
      permissions: [],
    };
    await addKey(
      services,
      { fields, secret: { hash, sealed: '', hint: '' }, owner: { userId: String(this.#random.pick(users).id) } },
      {
        audit: { action: 'api_key.created', changes: {} },
        actor: { operator: 'simulation' },
        now: services.now(),
      },
    );
    this.#addHash(hash);
  }

  /** Makes the first users and keys. Each try may fail, because storage fails here too. */
  async settle(servicesNow: () => Services): Promise<void> {
    this.#d1.tamper("INSERT INTO organisations (name, name_folded, is_deployment, created_at) VALUES ('o', 'o', 1, 0)");
    for (let i = 0; i < KEYS_TO_COME; i++) this.#toCome.push(`hash ${++this.#made}`);
    while (this.#userIds.length < USERS) await this.#createUser(servicesNow()).catch(() => {});
    while (this.#hashes.length < KEYS) await this.#createKey(servicesNow()).catch(() => {});
  }
}

const UNCHANGED: KeyPatch = {
  label: undefined,
  description: undefined,
  expirationDate: undefined,
  ipWhitelist: undefined,
  restriction: undefined,
};

/** A caller that may do everything, as of this position in the change feed. */
function asCaller({ userId, role, ...feed }: { userId: string; role: Role; epoch: string; seq: number }): Caller {
  const record = compileKeyRecord({
    ...feed,
    keyId: 0,
    orgId: 1,
    userId,
    userType: 'user',
    userRole: role,
    userDisabled: false,
    label: '',
    createdAt: 0,
    secretCreatedAt: 0,
    revoked: false,
    paused: false,
    retiresAt: null,
    expirationDate: null,
    ipWhitelist: [],
    hasRestrictedPermissions: false,
    permissions: [],
  });
  return callerOf({ secretHash: '', needs: [], record }, null);
}
