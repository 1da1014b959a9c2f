import { effectiveFromNow } from '../domain/verification/effective-by.ts';
import type { SessionContext } from './answer-refusal.tsx';
import { HOUR } from './words.ts';

/**
 * From when a change of a moment ago holds everywhere, as the address after it says (`by`, in unix milliseconds). Anyone
 * can write an address, so the moment counts only when it lies within the bound from now, or just past it.
 * @returns null when the address tells of no such change
 */
export function recentEffectiveBy(c: SessionContext): number | null {
  const { services } = c.var;
  const by = Number(c.req.query('by') ?? '');
  const isRecent = by <= effectiveFromNow(services).normally && by > services.now() - HOUR;
  return Number.isSafeInteger(by) && isRecent ? by : null;
}
