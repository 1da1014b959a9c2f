import * as z from 'zod';
import { ROLES } from '../../domain/permissions/roles.ts';
import type { KeyAct } from '../../domain/rehearsal/rehearse-key.ts';
import type { UserAct } from '../../domain/rehearsal/rehearse-user.ts';
import { MAX_REPORT_DAYS } from '../../domain/usage/report-usage.ts';
import { keyPatchBody, readableKeyFields } from './keys.ts';

/*
 * Bodies of the calls that rehearse a change. Each names exactly one.
 */

const DAYS_RANGE = `Must be from 1 to ${MAX_REPORT_DAYS}.`;
const DEFAULT_DAYS = 30;

const days = z.int('Must be a whole number.').min(1, DAYS_RANGE).max(MAX_REPORT_DAYS, DAYS_RANGE).default(DEFAULT_DAYS);

const yes = z.literal(true, 'Must be true. Leave it out otherwise.');

/** Body of `POST /api_keys/rehearse/{id}`. */
export const rehearseKeyBody = z
  .strictObject({ days, change: keyPatchBody.optional(), revoke: yes.optional(), pause: yes.optional() })
  .transform(({ days, change, revoke, pause }, context) => {
    const acts: (KeyAct | undefined)[] = [
      change && { act: 'change', patch: change },
      revoke && { act: 'revoke' },
      pause && { act: 'pause' },
    ];
    return { days, act: exactlyOne(acts, 'change, revoke or pause', context) };
  });

/** Body of `POST /user/{id}/rehearse`. */
export const rehearseUserBody = z
  .strictObject({ days, role: z.enum(ROLES).optional(), disabled: yes.optional(), delete: yes.optional() })
  .transform((body, context) => {
    const acts: (UserAct | undefined)[] = [
      body.role && { act: 'role', role: body.role },
      body.disabled && { act: 'disable' },
      body.delete && { act: 'delete' },
    ];
    return { days: body.days, act: exactlyOne(acts, 'role, disabled or delete', context) };
  });

function exactlyOne<Act>(acts: readonly (Act | undefined)[], names: string, context: z.RefinementCtx): Act {
  const [act, ...more] = acts.filter((given) => given !== undefined);
  if (act !== undefined && more.length === 0) return act;
  context.addIssue({ code: 'custom', message: `Give exactly one of ${names}.` });
  return z.NEVER;
}

/** The readable fields of the change in a body that the schema refused, for the act's rules. */
export const readableChange = z
  .object({ change: z.unknown() })
  .catch({ change: undefined })
  .transform(({ change }) => readableKeyFields.parse(change));
