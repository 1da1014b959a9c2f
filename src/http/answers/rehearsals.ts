import * as z from 'zod';
import { calls, count, keyId, timestamp, userId } from './fields.ts';
import { usedPermission } from './keys.ts';
import { revokedKeys } from './users.ts';

/*
 * Answers of the calls that rehearse a change.
 */

const REFUSALS = [
  'UNKNOWN_KEY',
  'REVOKED',
  'PAUSED',
  'USER_DISABLED',
  'EXPIRED',
  'IP_NOT_ALLOWED',
  'PERMISSION_DENIED',
] as const;

const refusal = z.enum(REFUSALS);

/** What a rehearsal found, of one key or of all keys of a user. */
const found = z.object({
  calls: count.meta({ description: 'The calls that were allowed: those let in, `refused` and `unknown`.' }),
  refused: count.meta({ description: 'Those that the change would have refused.' }),
  refused_already: count.meta({ description: 'Those of the refused that the key as it stands refuses too.' }),
  unknown: count.meta({ description: 'Those that the counts cannot tell.' }),
  by_code: z.partialRecord(refusal, count).meta({ description: 'The refused calls, by code.' }),
  sources: z
    .array(
      z.object({
        network: z.string().nullable().meta({ description: 'An address or network; null: none was known.' }),
        code: refusal.meta({ description: 'Why they would have been refused.' }),
        count: calls,
        last_seen: timestamp,
      }),
    )
    .meta({ description: 'Where refused calls came from, the most calls first.' }),
  permissions: z.array(usedPermission).meta({ description: 'What refused calls lacked, the most calls first.' }),
  since: timestamp.meta({ description: 'From when on calls were counted.' }),
});

export type RehearsalAnswer = z.output<typeof found>;

const days = z.int().min(1).meta({ description: 'How many days (UTC) were looked at, today included.' });

export const keyRehearsal = z
  .object({ id: keyId, days, ...found.shape })
  .meta({ id: 'KeyRehearsal', description: 'What a change of a key would have done to its calls.' });

export const userRehearsal = z
  .object({
    id: userId,
    days,
    ...found.shape,
    keys: z
      .array(
        z.object({
          id: keyId,
          label: z.string().meta({ description: 'The name of the key.' }),
          calls,
          refused: count.meta({ description: 'Those that the change would have refused.' }),
        }),
      )
      .meta({ description: 'The keys that were called, the most refused calls first.' }),
    revoked_api_keys: revokedKeys.optional(),
  })
  .meta({ id: 'UserRehearsal', description: 'What a change of a user would have done to the calls of its keys.' });
