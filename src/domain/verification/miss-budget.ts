import { networkOfClient, siteOfClient } from '../addresses/client-network.ts';
import type { Verification } from '../services.ts';
import { readClock } from './read-clock.ts';
import { RecentlyUsed } from './recently-used.ts';

/*
 * The one gate before every read of KV and D1. A made-up key of the right form costs a read of each, so look-ups that
 * find no key are budgeted: by the address that they come from, by the site that this address is in, and in all.
 *
 * The platform's limits count at each question, and can be neither read nor given back. So an isolate asks them after a
 * look-up has found no key; before one only for a payer that is suspect, and what then finds a key is kept as a credit
 * for the payer's next. Before all that stands what this isolate knows by itself, which needs no one's answer.
 *
 * What one payer can cost: in one isolate exactly its limit a minute; in a location with many isolates its limit, and
 * in each isolate at most the first MOST_UNCHECKED look-ups besides.
 */

const MINUTE_MS = 60_000;
/** As in wrangler.toml: what the limits of the platform allow a minute. */
const MOST_OF = { payer: 100, site: 300, location: 3_000 } as const;
/**
 * Look-ups that a payer without a known absence has under way before its budget is asked first. Many members behind one
 * address may come at once, each with a cold key, and what the limit has counted of them it does not give back.
 */
const MOST_UNCHECKED = 100;
/**
 * Look-ups that a payer without an absence may have under way in one isolate. A cold isolate gets all calls of a busy
 * client at once, and each of them looks its key up until the first is answered: those must not be refused.
 */
const MOST_AT_ONCE = 300;
/** For so long after an absence a payer counts as one who tries keys, and is held to the total of the location. */
const SUSPECT_MS = 10 * MINUTE_MS;
/** A look-up that was never answered, because its request ended, counts for so long as under way; then as an absence. */
const LOST_AFTER_MS = 10_000;
/** Payers remembered; at most some 400 bytes each, but for what they have under way. */
const MOST_ACCOUNTS = 5_000;

/** Who pays for look-ups of keys that are in no cache. */
export interface MissPayer {
  name: string;
  /** The site that its address is in, which has a larger budget of its own; null: it has none. */
  site: string | null;
}

/**
 * Who pays when a call is known by its address only, or by its address and the backend that got it: so a stranger who
 * tries keys behind a backend does not spend what the backend needs for the others.
 * @param behind names the backend; empty for calls that come here themselves
 */
export function payerOfAddress(clientIp: string | null, behind = ''): MissPayer {
  const network = clientIp === null ? null : networkOfClient(clientIp);
  const site = clientIp === null ? null : siteOfClient(clientIp);
  return { name: `${behind} ${network ?? 'no address'}`, site: site === null ? null : `${behind} ${site}` };
}

type Kind = keyof typeof MOST_OF;

/** What one isolate knows of a budget. All moments in unix milliseconds. */
class Account {
  readonly kind: Kind;
  readonly name: string;
  /** Look-ups that found no key, since when. */
  #spent = 0;
  #since = Number.NEGATIVE_INFINITY;
  #lastAbsenceAt = Number.NEGATIVE_INFINITY;
  /** When each of the look-ups that are under way began, the oldest first. */
  readonly #underWay: number[] = [];
  /** Charges of look-ups that found a key after all. */
  credits = 0;

  constructor(kind: Kind, name: string) {
    this.kind = kind;
    this.name = name;
  }

  isSuspect(now: number): boolean {
    return now - this.#lastAbsenceAt < SUSPECT_MS;
  }

  isCrowded(): boolean {
    return this.#underWay.length > MOST_UNCHECKED;
  }

  /** What is under way counts as spent, until it is answered; of a payer without an absence it has a bound of its own. */
  hasRoom(now: number): boolean {
    this.#tidy(now);
    if (this.#spent === 0 && !this.isSuspect(now)) return this.#underWay.length < MOST_AT_ONCE;
    return this.#spent + this.#underWay.length < MOST_OF[this.kind];
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
    // Also after a clock that was set back.
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

/** What an isolate remembers of who looked for keys that there are not. */
export class MissLedger {
  readonly #accounts = new RecentlyUsed<Account>(MOST_ACCOUNTS);
  readonly location = new Account('location', 'all');

  account(kind: Kind, name: string): Account {
    const known = this.#accounts.get(name);
    if (known !== undefined) return known;
    const opened = new Account(kind, name);
    this.#accounts.set(name, opened);
    return opened;
  }
}

/** A look-up that was let through the gate: it has to be told what came of it. */
export interface Admission {
  /** A key was found, also after it was first said that none was. */
  foundKey(): void;
  /** There is no such key. */
  foundNone(): void;
  /**
   * Nothing could be read. This isolate counts it, so that an outage does not lift the budget; but it is no absence, so
   * that members whose keys are cold are not taken for strangers after it.
   */
  foundNothingOut(): void;
}

/** For a key that is known to exist, from which no stranger has anything. */
export const FREE_ADMISSION: Admission = { foundKey: () => {}, foundNone: () => {}, foundNothingOut: () => {} };

/** Asks for one look-up beyond memory. @returns null when the payer is over its budget: then nothing may be read */
export async function admitLookUp(services: Verification, payer: MissPayer): Promise<Admission | null> {
  const { misses } = services;
  const now = readClock(services);
  const own = misses.account('payer', payer.name);
  const accounts = payer.site === null ? [own] : [own, misses.account('site', payer.site)];
  const isSuspect = accounts.some((account) => account.isSuspect(now));
  // A payer without an absence is not held to the total: strangers must not keep members out by being many.
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

  /** Asks the platform's limit, or uses what an earlier look-up paid for nothing. */
  async charge(account: Account): Promise<boolean> {
    if (account.credits > 0) account.credits -= 1;
    else if (!(await this.#services.limits.misses[account.kind].allows(account.name))) return false;
    this.#charged.add(account);
    return true;
  }

  /** It was not let through after all. */
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
      // What the limit says to it does not matter: a payer with an absence is asked before its next look-up.
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
