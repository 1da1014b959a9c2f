import * as z from 'zod';
import { ROLES, USER_TYPES } from '../wire/roles.ts';

/**
 * What the decision about a call needs to know of a key, as KV and memory hold it. It has the stored permissions and
 * the user's role. Effective permissions and verdicts are never stored, but computed at each call. It has neither the
 * secret nor its sealed form.
 *
 * Parsing is exact, because KV also holds what older and newer versions of the Worker wrote. A missing or an unknown
 * field may be the one that a key is refused by.
 */
const verificationRecord = z.strictObject({
  /** The database's history, and the place in it, at which all of this was true (see the change feed). */
  epoch: z.string(),
  seq: z.int().min(0),
  keyId: z.int(),
  orgId: z.int(),
  userId: z.string(),
  userType: z.enum(USER_TYPES),
  userRole: z.enum(ROLES),
  userDisabled: z.boolean(),
  label: z.string(),
  /** When the key was created, in unix milliseconds. */
  createdAt: z.int(),
  revoked: z.boolean(),
  paused: z.boolean(),
  /** When this secret was made (unix milliseconds): which of its key's secrets it is, as uses are counted by secret. */
  secretCreatedAt: z.int(),
  /** Unix milliseconds at which this secret, rotated out, stops working; null: it is the one in use. */
  retiresAt: z.number().nullable(),
  expirationDate: z.iso.date().nullable(),
  ipWhitelist: z.array(z.string()),
  hasRestrictedPermissions: z.boolean(),
  permissions: z.array(z.string()),
});

export type VerificationRecord = z.infer<typeof verificationRecord>;

/** Parses a record that comes from elsewhere; null for anything that is not exactly one. It costs about 2 µs. */
export function parseVerificationRecord(value: unknown): VerificationRecord | null {
  return verificationRecord.safeParse(value).data ?? null;
}
