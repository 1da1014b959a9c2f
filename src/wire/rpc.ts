import type { Denial, DenialStatus } from './denial.ts';
import type { Role, UserType } from './roles.ts';

/*
 * The types that go over the service binding. Each deployment has its own permission names, so they are a type
 * parameter.
 */

/** The key of an allowed call, and what it can do. */
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
  /** The effective permissions: without those that the key's user lacks today. */
  permissions: readonly Permission[];
}

/** A call that another Worker received and asks about. */
export interface RpcCall<Permission extends string = string> {
  apiKey: string;
  /**
   * The client's address, as that Worker knows it. A service binding carries no address that can be trusted. Null or
   * left out: unknown, and a key with an allowlist is refused.
   */
  ip: string | null;
  /** The permissions that the call needs. No key has a name that is not in the catalogue. */
  permissions?: readonly Permission[];
  /**
   * The organisation that the Worker serves. Any key of another organisation is `UNKNOWN_KEY`, whatever its state. Left
   * out: any organisation.
   */
  orgId?: number;
  /**
   * The Cloudflare location that received the call (`request.cf.colo`). The service keeps records of keys near it. Left
   * out: the verdict is the same, and may take longer.
   */
  colo?: string;
}

export type RpcVerdict<Permission extends string = string> =
  | { allowed: true; key: VerifiedKey<Permission> }
  | ({ allowed: false; status: DenialStatus; message: string } & Denial);
