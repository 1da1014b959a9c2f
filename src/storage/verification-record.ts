/**
 * What the decision about a call needs to know of a key, as it is kept in KV and memory. It holds stored permissions
 * and the user's role, never effective permissions and never a verdict: those are worked out at each call. It holds
 * neither the secret nor its sealed form.
 */
export interface VerificationRecord {
  /** The database's history, and the place in it, at which all of this was true (see the change feed). */
  epoch: string;
  seq: number;
  keyId: number;
  orgId: number;
  userId: string;
  userType: 'bot' | 'user';
  userRole: 'PROVIDER' | 'ORG_ADMIN' | 'ORG_MANAGER' | 'GROUP_MANAGER' | 'BUSINESS_MANAGER' | 'PUBLISHER';
  userDisabled: boolean;
  label: string;
  revoked: boolean;
  /** Unix milliseconds at which this secret, rotated out, stops working; null: it is the one in use. */
  retiresAt: number | null;
  expirationDate: string | null;
  ipWhitelist: string[];
  hasRestrictedPermissions: boolean;
  permissions: string[];
}
