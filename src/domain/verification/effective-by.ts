import type { Settings } from '../../env.ts';
import type { Clock } from '../services.ts';

type Bounds = Pick<Settings, 'maxStalenessMs' | 'outageGraceMs'>;

/** From when on no location lets in what a change refuses, in unix milliseconds. */
export interface EffectiveBy {
  normally: number;
  /** The same for a location that cannot reach the database. */
  inAnOutage: number;
}

/**
 * When a change holds everywhere. A verdict may rest on what was true up to the bound ago (`MAX_STALENESS_SECONDS`), and in
 * an outage up to the grace ago (`OUTAGE_GRACE_SECONDS`). With a bound of 0 every call asks the primary, and there is no
 * grace. Pure.
 * @param returnedAt the clock after the transaction returned, in unix milliseconds. The commit was before that
 * @param endsAt not before this moment (unix milliseconds): when an old secret that the change ends stops working
 */
export function effectiveBy(bounds: Bounds, returnedAt: number, endsAt = returnedAt): EffectiveBy {
  const { maxStalenessMs, outageGraceMs } = bounds;
  const inAnOutage = maxStalenessMs === 0 ? 0 : Math.max(maxStalenessMs, outageGraceMs);
  return {
    normally: Math.max(returnedAt + maxStalenessMs, endsAt),
    inAnOutage: Math.max(returnedAt + inAnOutage, endsAt),
  };
}

/**
 * The same for a change whose transaction has just returned. Of a change that was made earlier, all that is known is that
 * its transaction returned before now.
 */
export function effectiveFromNow(services: Pick<Clock, 'now'> & { settings: Bounds }, endsAt?: number): EffectiveBy {
  return effectiveBy(services.settings, services.now(), endsAt);
}
