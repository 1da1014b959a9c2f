import type { EffectiveBy } from '../../domain/verification/effective-by.ts';
import type { EffectiveByAnswer } from '../answers/fields.ts';
import { formatTimestamp } from './timestamps.ts';

/** The `effective_by` of the contract: from when on a change holds everywhere. */
export function effectiveByObject({ normally, inAnOutage }: EffectiveBy): EffectiveByAnswer {
  return { normally: formatTimestamp(normally), in_an_outage: formatTimestamp(inAnOutage) };
}
