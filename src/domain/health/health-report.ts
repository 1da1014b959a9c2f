/*
 * What the parts of the service are told as: one word each. A stranger may read it, so there is no figure, no name and no
 * text of an error. Pure.
 */

/** A part that was asked. `silent`: it gave no answer in time. */
export type Answered = 'ok' | 'failing' | 'silent';

export interface HealthChecks {
  /** The D1 database of keys, at its primary. */
  keys_database: Answered;
  /** The D1 database of usage. No verdict rests on it. */
  usage_database: Answered;
  kv: Answered;
  /**
   * What verdicts rest on. `fresh`: the change feed was heard within the bound. `grace`: D1 is out of reach, and the feed
   * was heard within the grace. `stale`: neither, so no key is verified. `unused`: the bound is 0, and each call asks the
   * primary.
   */
  feed: 'fresh' | 'grace' | 'stale' | 'unused';
  /**
   * The region of this location. `failing`: the last question to it had no usable answer. `resting`: after several of these
   * it is not asked for a minute. `off`: regions are off, or the location has none.
   */
  region: 'ok' | 'failing' | 'resting' | 'off';
  /** `unusable`: secrets can be neither sealed nor opened, so no key is created, rotated or shown. */
  keyring: Answered | 'unusable';
}

export interface HealthReport {
  /**
   * `ready`: all is well. `degraded`: keys are verified, and something else is not well. `unavailable`: no key is verified.
   */
  status: 'ready' | 'degraded' | 'unavailable';
  checks: HealthChecks;
}

/** Sums the parts up. */
export function reportHealth(checks: HealthChecks): HealthReport {
  const { keys_database, usage_database, kv, feed, region, keyring } = checks;
  const canVerify = feed === 'unused' ? keys_database === 'ok' : feed !== 'stale';
  if (!canVerify) return { status: 'unavailable', checks };
  const isWell =
    [keys_database, usage_database, kv, keyring].every((part) => part === 'ok') &&
    feed !== 'grace' &&
    (region === 'ok' || region === 'off');
  return { status: isWell ? 'ready' : 'degraded', checks };
}
