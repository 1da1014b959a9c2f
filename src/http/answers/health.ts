import * as z from 'zod';
import type { Answered, HealthChecks } from '../../domain/health/health-report.ts';

/*
 * Answers of the calls that monitors make.
 */

export const alive = z
  .object({ status: z.literal('ok').meta({ description: 'It does.' }) })
  .meta({ id: 'Alive', description: 'The Worker runs.' });

const ANSWERED = ['ok', 'failing', 'silent'] as const satisfies readonly Answered[];

const checks = z
  .object({
    keys_database: z.enum(ANSWERED).meta({ description: 'The database of keys, at its primary.' }),
    usage_database: z.enum(ANSWERED).meta({ description: 'The database of usage. No verdict rests on it.' }),
    kv: z.enum(ANSWERED).meta({ description: 'The cache of records.' }),
    feed: z.enum(['fresh', 'grace', 'stale', 'unused']).meta({
      description:
        'What verdicts rest on. `fresh`: heard within the bound. `grace`: the database is out of reach, and the feed was heard within the grace. `stale`: neither, so no key is verified. `unused`: each call asks the primary.',
    }),
    region: z.enum(['ok', 'failing', 'resting', 'off']).meta({
      description: 'The region of this location. `resting`: after several failures it is not asked for a minute.',
    }),
    keyring: z.enum([...ANSWERED, 'unusable']).meta({
      description: '`unusable`: secrets can be neither sealed nor opened, so no key is created, rotated or shown.',
    }),
  })
  .meta({ id: 'HealthChecks', description: 'Each part in one word. `silent`: it gave no answer in time.' });

/** Every word of the report, and no other: what differs from the domain's does not compile. */
type Same<One, Other> = [One] extends [Other] ? ([Other] extends [One] ? true : never) : never;
const areSame: Same<z.output<typeof checks>, HealthChecks> = true;
void areSame;

export const ready = z
  .object({
    status: z.enum(['ready', 'degraded']).meta({
      description: '`ready`: all is well. `degraded`: keys are verified, and something else is not well.',
    }),
    checks,
  })
  .meta({ id: 'Health', description: 'How the parts are that the service rests on.' });

/** What a 503 tells besides what every error does. */
export const notReady = { status: z.literal('unavailable'), checks };
