import type { PermissionName } from '../permissions/permissions.ts';
import type { Verification } from '../services.ts';
import { payerOfAddress } from '../verification/miss-budget.ts';
import { confirmHash, verifyHash } from '../verification/verify-key.ts';
import { type Caller, callerOf } from './caller.ts';
import type { Outcome } from './refusal.ts';

/**
 * Judges a caller anew by what D1's primary has of it now. A verdict may be as old as the bound, and is gone after it;
 * what a call writes stays. A key that was narrowed or revoked a moment ago must not use that moment to widen itself or to
 * make another key.
 * @param needs what the call has to be allowed
 * @returns the caller as it now is; else why it may not go on
 */
export async function confirmCaller(
  services: Verification,
  caller: Caller,
  needs: readonly PermissionName[] = caller.confirm.needs,
): Promise<Outcome<{ caller: Caller }>> {
  const { clientIp, confirm } = caller;
  const verdict = await confirmHash(services, confirm.secretHash, { clientIp, needs });
  if (!verdict.allowed) return { refused: 'denied', code: verdict.code };
  // Whoever took over an old secret would otherwise see the new one, or make keys that outlive the overlap.
  if (verdict.record.retiresAt !== null) return { refused: 'out_of_reach', shortfall: { rule: 'old_secret' } };
  return { caller: callerOf({ secretHash: confirm.secretHash, needs, record: verdict.record }, clientIp) };
}

/**
 * Judges a caller anew as any call is judged, within the bound, for calls that only show. A body may have taken ten seconds
 * to arrive; what was decided before it is not what holds now.
 */
export async function reverifyCaller(
  services: Verification,
  caller: Caller,
  needs: readonly PermissionName[],
): Promise<Outcome<{ caller: Caller }>> {
  const { clientIp, confirm } = caller;
  const verdict = await verifyHash(services, confirm.secretHash, { clientIp, needs }, () => payerOfAddress(clientIp));
  if (!verdict.allowed) return { refused: 'denied', code: verdict.code };
  return { caller: callerOf({ secretHash: confirm.secretHash, needs, record: verdict.record }, clientIp) };
}
