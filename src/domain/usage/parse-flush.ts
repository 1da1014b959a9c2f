import * as z from 'zod';
import type { UsageFlush } from '../../storage/usage.ts';
import { MAX_NEEDS_LENGTH } from './sets-of-names.ts';

const HOUR_MS = 60 * 60 * 1000;

const wholeNumber = z.int().min(0);

/**
 * A message of the queue. Another version of the Worker may have written it: the queue keeps messages for days, and a
 * deployment may go forwards or back. Unknown fields are dropped. `network`, `secret`, `needs`, `firstAt` and `lastAt` may
 * be missing. Needs that are no names count as missing.
 */
const flushSchema = z.object({
  id: z.string().min(1).max(100),
  counts: z.array(
    z
      .object({
        keyId: wholeNumber,
        hour: wholeNumber,
        code: z.string().min(1).max(50),
        network: z.string().max(100).nullable().default(null),
        secret: wholeNumber.nullable().default(null),
        needs: z
          .string()
          .max(MAX_NEEDS_LENGTH)
          .regex(/^(\w+( \w+)*)?$/)
          .nullable()
          .catch(null),
        count: z.int().min(1),
        firstAt: wholeNumber.optional(),
        lastAt: wholeNumber.optional(),
      })
      .transform(({ firstAt, lastAt, ...count }) => ({
        ...count,
        firstAt: firstAt ?? count.hour * HOUR_MS,
        lastAt: lastAt ?? count.hour * HOUR_MS,
      })),
  ),
});

/** Reads a message of the queue, or says in one line what is wrong with it. */
export function parseFlush(message: unknown): { flush: UsageFlush } | { problem: string } {
  const parsed = flushSchema.safeParse(message);
  if (parsed.success) return { flush: parsed.data };
  const [first] = parsed.error.issues;
  return { problem: `${first?.path.map(String).join('.') || 'message'}: ${first?.message ?? 'unreadable'}` };
}
