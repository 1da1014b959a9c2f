import type { Denial } from '../../wire/denial.ts';
import type { PermissionName } from '../permissions/permissions.ts';
import type { Role } from '../permissions/roles.ts';
import type { RetryRefusal } from '../retries/retry.ts';

/*
 * Why an act of the domain was refused, as tagged values: the cases that a caller can do something about. Surprises are
 * thrown.
 */

/** Why an act is out of the caller's reach: the first rule that it breaks. */
export type Shortfall =
  | { rule: 'owner' }
  /** The call carries a secret that was rotated out and is still within its overlap. */
  | { rule: 'old_secret' }
  | { rule: 'administrators_only' }
  /** The person to invite has signed in before, so only who could make a key for it may. */
  | { rule: 'signed_in_before' }
  | { rule: 'provider_only' }
  | { rule: 'provider_keys' }
  /** Someone else paused the key. */
  | { rule: 'paused_by_another' }
  | { rule: 'role'; role: Role }
  | { rule: 'permissions'; missing: PermissionName[] }
  /** The key is unrestricted, and the calling key has a list of its own. */
  | { rule: 'unrestricted' }
  /** The act widens a user, and the calling key is narrowed. */
  | { rule: 'open_caller'; narrowed: 'permissions' | 'networks' | 'expiry' }
  | { rule: 'networks'; outside: string | null }
  | { rule: 'expiry'; latest: string };

export type Refusal =
  /**
   * The caller did not pass when it was judged again: for example its key was revoked, narrowed or expired since the
   * call began.
   */
  | ({ refused: 'denied' } & Denial)
  /**
   * The session of the console that the call is made in has ended. `gone`: it was ended, there is none, or its user is
   * disabled. `key`: the key that it was started with would be refused now.
   */
  | { refused: 'session_ended'; why: 'gone' | 'idle' | 'over' | 'key' }
  /** Messages by field. */
  | { refused: 'invalid'; fields: Record<string, string> }
  /** It does not exist, or the caller may not know of it: the two look the same from outside. */
  | { refused: 'not_found' }
  | { refused: 'out_of_reach'; shortfall: Shortfall }
  | RetryRefusal
  /** Too often within a minute. */
  | { refused: 'rate_limited' }
  /** Secrets cannot be sealed or opened: the operator has to mend MASTER_KEYS. */
  | { refused: 'no_keyring' }
  /** Storage that the answer needs is out of reach. */
  | { refused: 'unavailable' }
  /** Others changed the same rows during every try. */
  | { refused: 'contended' };

/** What an act returns: its result, or why it was refused. */
export type Outcome<Value> = ({ refused?: never } & Value) | Refusal;
