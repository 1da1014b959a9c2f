import type { PermissionName } from '../permissions/permissions.ts';
import type { Verification } from '../services.ts';
import { payerOfAddress } from '../verification/miss-budget.ts';
import { confirmHash, denialOf, verifyHash } from '../verification/verify-key.ts';
import { type Caller, callerOf } from './caller.ts';
import { readSession } from './read-session.ts';
import type { Outcome } from './refusal.ts';

/**
 * Judges a caller again, by what D1's primary holds now. A cached verdict may be as old as the bound
 * (`MAX_STALENESS_SECONDS`). The verdict ends with the bound, but what a call writes stays. A key that was just
 * narrowed or revoked must not use that time to widen itself or to create another key.
 * @param needs the permissions that the call needs
 * @returns the caller as it is now, or the refusal
 */
export async function confirmCaller(
  services: Verification,
  caller: Caller,
  needs: readonly PermissionName[] = caller.confirm.needs,
): Promise<Outcome<{ caller: Caller }>> {
  const confirmed = await confirmHolder(services, caller, needs);
  if (confirmed.refused) return confirmed;
  // A secret in its overlap is refused. Otherwise whoever stole it could see the new secret, or create keys that
  // outlive the overlap.
  if (isInOverlap(confirmed.caller)) {
    return { refused: 'out_of_reach', shortfall: { rule: 'old_secret' } };
  }
  return confirmed;
}

function isInOverlap({ confirm: { key } }: Caller): boolean {
  return key !== null && key.record.retiresAt !== null;
}

/** The same for the one act that a secret in its overlap may do too: to give itself up. */
export async function confirmHolder(
  services: Verification,
  { clientIp, confirm }: Caller,
  needs: readonly PermissionName[] = [],
): Promise<Outcome<{ caller: Caller }>> {
  if (confirm.session !== null) return readSession(services, confirm.session.hash, { clientIp, needs });
  const { secretHash } = confirm.key;
  const verdict = await confirmHash(services, secretHash, { clientIp, needs });
  if (!verdict.allowed) return { refused: 'denied', ...denialOf(verdict) };
  return { caller: callerOf({ secretHash, needs, record: verdict.record }, clientIp) };
}

/**
 * Judges a caller again for a call that only reads. It is judged as any call is: by what is known within the bound. A
 * body may take ten seconds to arrive, so the verdict from before it may no longer hold.
 * @param needs the permissions that the call needs
 * @returns the caller as it is now, or the refusal
 */
export async function reverifyCaller(
  services: Verification,
  caller: Caller,
  needs: readonly PermissionName[],
): Promise<Outcome<{ caller: Caller }>> {
  const { clientIp, confirm } = caller;
  if (confirm.session !== null) return readSession(services, confirm.session.hash, { clientIp, needs });
  const { secretHash } = confirm.key;
  const verdict = await verifyHash(services, secretHash, { clientIp, needs }, () => payerOfAddress(clientIp));
  if (!verdict.allowed) return { refused: 'denied', ...denialOf(verdict) };
  return { caller: callerOf({ secretHash, needs, record: verdict.record }, clientIp) };
}
