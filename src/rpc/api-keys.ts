import { WorkerEntrypoint } from 'cloudflare:workers';
import { compose } from '../compose.ts';
import type { PermissionName } from '../domain/permissions/permissions.ts';
import { recordVerdict } from '../domain/usage/record-use.ts';
import { learnRegion } from '../domain/verification/learn-region.ts';
import { payerOfAddress } from '../domain/verification/miss-budget.ts';
import { concealForeign, denialOf, type Verdict, verifyKey } from '../domain/verification/verify-key.ts';
import { describeDenial } from '../wire/denial.ts';
import type { RpcCall, RpcVerdict } from '../wire/rpc.ts';
import { parseCall } from './parse-call.ts';

/**
 * The entrypoint that other Workers call over a service binding. Every method here can be called from outside, even a
 * `private` one, so helpers must be outside the class.
 */
export class ApiKeys extends WorkerEntrypoint<Env> {
  /**
   * Verifies the key of a call that another Worker received.
   * @throws TypeError when the call is not a `RpcCall`. A key of a wrong type does not throw: it is refused.
   */
  verify(given: RpcCall): RpcVerdict<PermissionName> | Promise<RpcVerdict<PermissionName>> {
    const { apiKey, call, orgId, colo } = parseCall(given);
    const services = compose(this.env, this.ctx);
    learnRegion(services, () => colo);
    const askedAt = services.now();
    const answer = (found: Verdict) => {
      const verdict = concealForeign(found, (other) => orgId === null || other === orgId);
      recordVerdict(services, verdict, call);
      if (services.settings.requestLog === 'all') logVerdict(verdict, services.now() - askedAt);
      return toRpcVerdict(verdict);
    };
    const verdict = verifyKey(services, apiKey, call, () => payerOfAddress(call.clientIp, `Worker of ${orgId}`));
    return verdict instanceof Promise ? verdict.then(answer) : answer(verdict);
  }
}

/**
 * Writes one line for a verification, as the access log does for a request. `waitedMs` is what was waited for: the clock
 * of Workers stands still while code runs.
 */
function logVerdict(verdict: Verdict, waitedMs: number): void {
  console.log(
    JSON.stringify({
      message: 'verification',
      code: verdict.allowed ? 'VALID' : verdict.code,
      api_key_id: verdict.key?.id ?? null,
      org_id: verdict.key?.orgId ?? null,
      ms: Math.max(0, waitedMs),
      tier: verdict.tier ?? 'none',
    }),
  );
}

function toRpcVerdict(verdict: Verdict): RpcVerdict<PermissionName> {
  if (verdict.allowed) return { allowed: true, key: verdict.key };
  const denial = denialOf(verdict);
  return { allowed: false, ...denial, ...describeDenial(denial) };
}
