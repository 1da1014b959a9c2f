import type { DenialCode, DenialStatus } from './denial.ts';
import type { Role, UserType } from './roles.ts';

/*
 * What goes over the service binding. Names of permissions are the deployment's own, so each side says which it knows.
 */

/** A key that was allowed a call, and what it may do. */
export interface VerifiedKey<Permission extends string = string> {
  id: number;
  label: string;
  orgId: number;
  userId: string;
  userRole: Role;
  userType: UserType;
  /** `YYYY-MM-DD`; null: it does not expire. */
  expirationDate: string | null;
  ipWhitelist: readonly string[];
  /** The effective ones. */
  permissions: readonly Permission[];
}

/** A call that another Worker got, and wants to know about. */
export interface RpcCall<Permission extends string = string> {
  apiKey: string;
  /**
   * The address that the call comes from, as that Worker knows it: a service binding carries none to be trusted.
   * Null, or left out: not known.
   */
  ip: string | null;
  /** What the call needs; a name that the catalogue does not have is lacked by every key. */
  permissions?: readonly Permission[];
  /** The organisation that the Worker serves: a key of another one is unknown there, in whatever state it is. */
  orgId?: number;
}

export type RpcVerdict<Permission extends string = string> =
  | { allowed: true; key: VerifiedKey<Permission> }
  | { allowed: false; code: DenialCode; status: DenialStatus; message: string };
