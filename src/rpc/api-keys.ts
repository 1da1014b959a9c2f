import { WorkerEntrypoint } from 'cloudflare:workers';
import { compose } from '../compose.ts';
import type { PermissionName } from '../domain/permissions/permissions.ts';
import { recordVerdict } from '../domain/usage/record-use.ts';
import { payerOfAddress } from '../domain/verification/miss-budget.ts';
import { concealForeign, type Verdict, verifyKey } from '../domain/verification/verify-key.ts';
import { describeDenial } from '../wire/denial.ts';
import type { RpcCall, RpcVerdict } from '../wire/rpc.ts';
import { parseCall } from './parse-call.ts';

/**
 * What other Workers call over a service binding. All that is a method here can be called from outside, `private` or
 * not, so that helpers have to be elsewhere.
 */
export class ApiKeys extends WorkerEntrypoint<Env> {
  /**
   * Decides about a call.
   * @throws TypeError when the call is not of the type that is asked for, but for its key: that one is refused.
   */
  verify(given: RpcCall): RpcVerdict<PermissionName> | Promise<RpcVerdict<PermissionName>> {
    const { apiKey, call, orgId } = parseCall(given);
    const services = compose(this.env, this.ctx);
    const answer = (found: Verdict) => {
      const verdict = concealForeign(found, (other) => orgId === null || other === orgId);
      recordVerdict(services, verdict, call.clientIp);
      return toRpcVerdict(verdict);
    };
    const verdict = verifyKey(services, apiKey, call, () => payerOfAddress(call.clientIp, `Worker of ${orgId}`));
    return verdict instanceof Promise ? verdict.then(answer) : answer(verdict);
  }
}

function toRpcVerdict(verdict: Verdict): RpcVerdict<PermissionName> {
  if (verdict.allowed) return { allowed: true, key: verdict.key };
  return { allowed: false, code: verdict.code, ...describeDenial(verdict.code) };
}
