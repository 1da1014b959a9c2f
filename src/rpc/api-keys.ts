import { WorkerEntrypoint } from 'cloudflare:workers';
import { compose } from '../compose.ts';
import type { PermissionName } from '../domain/permissions/permissions.ts';
import { recordVerdict } from '../domain/usage/record-use.ts';
import { type DenialCode, type DenialStatus, describeDenial } from '../domain/verification/denial.ts';
import type { VerifiedKey } from '../domain/verification/key-record.ts';
import { payerOfAddress } from '../domain/verification/miss-budget.ts';
import { concealForeign, type Verdict, verifyKey } from '../domain/verification/verify-key.ts';
import { parseCall } from './parse-call.ts';

/** A call that another Worker got, and wants to know about. */
export interface RpcCall {
  apiKey: string;
  /**
   * The address that the call comes from, as that Worker knows it: a service binding carries none to be trusted.
   * Null, or left out: not known.
   */
  ip: string | null;
  permissions?: PermissionName[];
  /** The organisation that the Worker serves: a key of another one is unknown there, in whatever state it is. */
  orgId?: number;
}

export type RpcVerdict =
  | { allowed: true; key: VerifiedKey }
  | { allowed: false; code: DenialCode; status: DenialStatus; message: string };

/**
 * What other Workers call over a service binding. All that is a method here can be called from outside, `private` or
 * not, so that helpers have to be elsewhere.
 */
export class ApiKeys extends WorkerEntrypoint<Env> {
  /**
   * Decides about a call.
   * @throws TypeError when the call is not of the type that is asked for, but for its key: that one is refused.
   */
  verify(given: RpcCall): RpcVerdict | Promise<RpcVerdict> {
    const { apiKey, call, orgId } = parseCall(given);
    const services = compose(this.env, this.ctx);
    const answer = (found: Verdict) => {
      const verdict = concealForeign(found, (other) => orgId === null || other === orgId);
      recordVerdict(services, verdict, call.clientIp);
      return toRpcVerdict(verdict);
    };
    const verdict = verifyKey(services, apiKey, call, () => payerOfAddress(call.clientIp));
    return verdict instanceof Promise ? verdict.then(answer) : answer(verdict);
  }
}

function toRpcVerdict(verdict: Verdict): RpcVerdict {
  if (verdict.allowed) return { allowed: true, key: verdict.key };
  return { allowed: false, code: verdict.code, ...describeDenial(verdict.code) };
}
