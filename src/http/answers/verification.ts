import * as z from 'zod';
import { verifiedKey } from './keys.ts';

/*
 * Answers about keys that a backend or a gateway asks about.
 */

/** The codes of a key that is not valid. What is no verdict, `RATE_LIMITED` and `UNAVAILABLE`, is an error answer. */
const REFUSALS = [
  'MISSING_KEY',
  'MALFORMED_KEY',
  'UNKNOWN_KEY',
  'REVOKED',
  'PAUSED',
  'USER_DISABLED',
  'EXPIRED',
  'IP_NOT_ALLOWED',
  'PERMISSION_DENIED',
] as const;

export const verdict = z
  .union([
    z
      .object({
        valid: z.literal(true).meta({ description: 'It is.' }),
        code: z.literal('VALID').meta({ description: 'Nothing is wrong.' }),
        key: verifiedKey,
      })
      .meta({ id: 'ValidKey', description: 'The call may go on.' }),
    z
      .object({
        valid: z.literal(false).meta({ description: 'It is not.' }),
        code: z.enum(REFUSALS).meta({ description: 'Why.' }),
      })
      .meta({ id: 'InvalidKey', description: 'The call must be refused.' }),
  ])
  .meta({ id: 'Verdict', description: 'Whether the key allows the call. Every verdict is a 200.' });

export const introspection = z
  .union([
    z
      .object({
        active: z.literal(true).meta({ description: 'The call may go on.' }),
        scope: z.string().meta({ description: 'The permissions of the key, separated by spaces.' }),
        sub: z.string().meta({ description: 'The id of the user that the key is linked to.' }),
        client_id: z.string().meta({ description: 'The id of the key.' }),
        exp: z.int().optional().meta({ description: 'When the token stops working, in unix seconds.' }),
        iat: z.int().meta({ description: 'When the key was created, in unix seconds.' }),
      })
      .meta({ id: 'ActiveToken', description: 'The key allows the call.' }),
    z
      .object({ active: z.literal(false).meta({ description: 'The call must be refused.' }) })
      .meta({ id: 'InactiveToken', description: 'The key does not allow the call, whatever the reason.' }),
  ])
  .meta({ id: 'Introspection', description: 'What RFC 7662 says of a token.' });

export type ActiveTokenAnswer = Extract<z.output<typeof introspection>, { active: true }>;
