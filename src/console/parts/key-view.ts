import type { Key } from '../../domain/keys/key.ts';
import type { CallCount, KeyUse } from '../../domain/usage/find-uses.ts';

/*
 * What pages are given about a key besides the key itself.
 */

export type { CallCount, KeyUse };

/** A rotated-out secret that still works. */
export interface OldSecret {
  hint: string;
  /** Unix milliseconds. */
  retiresAt: number;
}

/** What the viewer may do with a key: null when it may, else why not, in a few words. */
export interface KeyActs {
  change: string | null;
  rotate: string | null;
  see: string | null;
  revoke: string | null;
  /** Of a paused key: resuming it. */
  pause: string | null;
}

/** A key as the pages of the console show it. */
export interface KeyView {
  key: Key;
  /** Null: usage cannot be read now, which does not mean that there was none. */
  use: KeyUse | null;
  oldSecret: OldSecret | null;
  acts: KeyActs;
  /** Whether the viewer's session is by this key. */
  isOfSession: boolean;
}

/** Who a key belongs to: the name of its user, or null for a main integration. */
export function ownerName(key: Key): string | null {
  return key.userType === 'bot' ? null : [key.userFirstName, key.userLastName].filter(Boolean).join(' ') || key.userId;
}

/** Whether nothing narrows a key: any address, no expiry, all permissions. */
export function isOpen(key: Key): boolean {
  return (
    key.revokedAt === null &&
    key.expirationDate === null &&
    key.ipWhitelist.length === 0 &&
    !key.hasRestrictedPermissions
  );
}
