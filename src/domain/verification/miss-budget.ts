import { networkOfClient, siteOfClient } from '../addresses/client-network.ts';
import type { Verification } from '../services.ts';
import { readClock } from './read-clock.ts';
import { RecentlyUsed } from './recently-used.ts';

/*
 * The budget of look-ups, checked before every read of KV and D1. A made-up key of the right form costs a read of each.
 * So look-ups that find no key are limited: per client address, per site of that address, and per location.
 *
 * The platform's rate limits charge every question. They can be neither read nor refunded. So an isolate charges them
 * after a look-up has found no key. It charges before the look-up only a payer that is suspect (itself or its site), or
 * that has more than MAX_UNCHARGED look-ups under way. When such a look-up finds a key, the charge becomes a credit
 * for the payer's next one. The isolate's own counts are checked first, and need no I/O.
 *
 * What one payer can cost a minute: in a location its limit, and besides in each isolate at most the first
 * MAX_UNCHARGED look-ups, which are those that begin before an absence is known. From the first absence on, an isolate
 * by its own count admits no more than the limit.
 */

const MINUTE_MS = 60_000;
/** What the platform's limits allow a minute. The same numbers are in wrangler.toml. */
const LIMIT_PER_MINUTE = { payer: 100, site: 300, location: 3_000 } as const;
/**
 * Concurrent look-ups of a payer without an absence above which the platform's limit is charged first. Fewer are not
 * charged first: many members behind one address may come at once, each with a cold key, and the platform's limit
 * refunds nothing.
 */
const MAX_UNCHARGED = 100;
/**
 * Concurrent look-ups that a payer without an absence may have in one isolate. A cold isolate gets all calls of a busy
 * client at once. Each of them looks the key up until the first is answered, and they must not be refused for that.
 */
const MAX_UNDER_WAY = 300;
/** For so long after an absence a payer is suspect: it may be guessing keys, and is held to the location's total. */
const SUSPECT_MS = 10 * MINUTE_MS;
/** A look-up whose request ended has no answer. For so long it counts as under way, then as an absence. */
const LOST_AFTER_MS = 10_000;
/** Payers remembered. Each takes at most about 400 bytes, and more for its look-ups under way. */
const MAX_ACCOUNTS = 5_000;

/** Who pays for look-ups of keys that are in no cache. */
export interface MissPayer {
  name: string;
  /** The site that the address is in, with a larger budget of its own; null: no site. */
  site: string | null;
}

/**
 * The payer of a call: its client address, and the backend that the call came through. With the backend's name in it, a
 * stranger who guesses keys through one backend does not spend the budget of other calls.
 * @param behind the backend's name; empty for calls that come here directly
 */
export function payerOfAddress(clientIp: string | null, behind = ''): MissPayer {
  const network = clientIp === null ? null : networkOfClient(clientIp);
  const site = clientIp === null ? null : siteOfClient(clientIp);
  return { name: `${behind} ${network ?? 'no address'}`, site: site === null ? null : `${behind} ${site}` };
}

type Kind = keyof typeof LIMIT_PER_MINUTE;

/** One isolate's own count of a budget. All moments in unix milliseconds. */
class Account {
  readonly kind: Kind;
  readonly name: string;
  /** Look-ups since `#since` that found no key, or got no answer. */
  #spent = 0;
  #since = Number.NEGATIVE_INFINITY;
  #lastAbsenceAt = Number.NEGATIVE_INFINITY;
  /** When each look-up under way began, oldest first. */
  readonly #underWay: number[] = [];
  /** Charges of look-ups that found a key or were refused after all. They pay for later look-ups of the same minute. */
  credits = 0;

  constructor(kind: Kind, name: string) {
    this.kind = kind;
    this.name = name;
  }

  isSuspect(now: number): boolean {
    return now - this.#lastAbsenceAt < SUSPECT_MS;
  }

  isCrowded(): boolean {
    return this.#underWay.length > MAX_UNCHARGED;
  }

  /**
   * Whether one more look-up fits. Look-ups under way count as spent. A payer that has spent nothing and is not suspect
   * has the bound MAX_UNDER_WAY instead.
   */
  hasRoom(now: number): boolean {
    this.#tidy(now);
    if (this.#spent === 0 && !this.isSuspect(now)) return this.#underWay.length < MAX_UNDER_WAY;
    return this.#spent + this.#underWay.length < LIMIT_PER_MINUTE[this.kind];
  }

  begin(now: number): void {
    this.#underWay.push(now);
  }

  end(begunAt: number): void {
    const index = this.#underWay.indexOf(begunAt);
    if (index >= 0) this.#underWay.splice(index, 1);
  }

  spend(now: number): void {
    this.#tidy(now);
    this.#spent += 1;
  }

  suspect(now: number): void {
    this.#lastAbsenceAt = now;
  }

  refund(): void {
    this.#spent = Math.max(0, this.#spent - 1);
  }

  #tidy(now: number): void {
    // The minute also restarts after the clock was set back.
    if (!(now - this.#since >= 0 && now - this.#since < MINUTE_MS)) {
      this.#since = now;
      this.#spent = 0;
      this.credits = 0;
    }
    if (this.#lastAbsenceAt > now) this.#lastAbsenceAt = now;
    for (let oldest = this.#underWay[0]; oldest !== undefined; oldest = this.#underWay[0]) {
      if (now - oldest >= 0 && now - oldest < LOST_AFTER_MS) break;
      this.#underWay.shift();
      if (oldest > now) continue;
      this.#spent += 1;
      this.#lastAbsenceAt = now;
    }
  }
}

/** One isolate's accounts of who looked up keys that do not exist. */
export class MissLedger {
  readonly #accounts = new RecentlyUsed<Account>(MAX_ACCOUNTS);
  readonly location = new Account('location', 'all');

  account(kind: Kind, name: string): Account {
    const known = this.#accounts.get(name);
    if (known !== undefined) return known;
    const opened = new Account(kind, name);
    this.#accounts.set(name, opened);
    return opened;
  }
}

/** An admitted look-up. Its caller must report the outcome. */
export interface Admission {
  /** A key was found. May be called after `foundNothingOut`, when the answer came late. */
  foundKey(): void;
  /** There is no such key. */
  foundNone(): void;
  /**
   * Nothing could be read. The isolate counts it as spent, so that an outage does not lift the budget. It is no
   * absence: members with cold keys must not become suspect by an outage.
   */
  foundNothingOut(): void;
}

/** For a key that is known to exist: it costs no budget. */
export const FREE_ADMISSION: Admission = { foundKey: () => {}, foundNone: () => {}, foundNothingOut: () => {} };

/** Admits one look-up beyond memory. @returns null when the payer is over its budget: then nothing may be read */
export async function admitLookUp(services: Verification, payer: MissPayer): Promise<Admission | null> {
  const { misses } = services;
  const now = readClock(services);
  const own = misses.account('payer', payer.name);
  const accounts = payer.site === null ? [own] : [own, misses.account('site', payer.site)];
  const isSuspect = accounts.some((account) => account.isSuspect(now));
  // A payer without an absence is not held to the location's total: an attack from many addresses must not lock members
  // out.
  const held = isSuspect ? [...accounts, misses.location] : accounts;
  if (!held.every((account) => account.hasRoom(now))) return null;
  for (const account of accounts) account.begin(now);
  const admission = new Admitted(services, accounts, now);
  if (isSuspect || own.isCrowded()) {
    for (const account of held) {
      if (await admission.charge(account)) continue;
      admission.withdraw();
      return null;
    }
  }
  return admission;
}

class Admitted implements Admission {
  readonly #services: Verification;
  readonly #accounts: readonly Account[];
  readonly #begunAt: number;
  readonly #charged = new Set<Account>();
  #state: 'under way' | 'none' | 'key' = 'under way';

  constructor(services: Verification, accounts: readonly Account[], begunAt: number) {
    this.#services = services;
    this.#accounts = accounts;
    this.#begunAt = begunAt;
  }

  /** Uses a credit of an earlier look-up, or charges the platform's limit. */
  async charge(account: Account): Promise<boolean> {
    if (account.credits > 0) account.credits -= 1;
    else if (!(await this.#services.limits.misses[account.kind].allows(account.name))) return false;
    this.#charged.add(account);
    return true;
  }

  /** The platform's limit refused the look-up. */
  withdraw(): void {
    for (const account of this.#accounts) account.end(this.#begunAt);
    this.#giveBack();
  }

  foundKey(): void {
    if (this.#state === 'key') return;
    if (this.#state === 'none')
      for (const account of [...this.#accounts, this.#services.misses.location]) account.refund();
    else for (const account of this.#accounts) account.end(this.#begunAt);
    this.#state = 'key';
    this.#giveBack();
  }

  foundNone(): void {
    if (this.#state !== 'under way') return;
    this.#spend();
    const now = readClock(this.#services);
    for (const account of [...this.#accounts, this.#services.misses.location]) {
      account.suspect(now);
      // The limit's answer does not matter here: a suspect payer is charged before its next look-up.
      if (!this.#charged.has(account)) this.#services.defer(this.charge(account));
    }
  }

  foundNothingOut(): void {
    if (this.#state === 'under way') this.#spend();
  }

  #spend(): void {
    this.#state = 'none';
    const now = readClock(this.#services);
    for (const account of this.#accounts) account.end(this.#begunAt);
    for (const account of [...this.#accounts, this.#services.misses.location]) account.spend(now);
  }

  #giveBack(): void {
    for (const account of this.#charged) account.credits += 1;
    this.#charged.clear();
  }
}
