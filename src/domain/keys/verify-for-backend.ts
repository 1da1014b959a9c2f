import { type Caller, hasAccessToOrganisation } from '../authority/caller.ts';
import type { Usage, Verification } from '../services.ts';
import { recordVerdict } from '../usage/record-use.ts';
import type { Call } from '../verification/decide-access.ts';
import { payerOfAddress } from '../verification/miss-budget.ts';
import { concealForeign, type Verdict, verifyKey } from '../verification/verify-key.ts';

/**
 * Decides about a call that another backend received. A key of an organisation that the caller has no access to is
 * answered as unknown, whatever its state.
 */
export async function verifyForBackend(
  services: Verification & Usage,
  caller: Caller,
  apiKey: string,
  call: Call,
): Promise<Verdict> {
  const found = await verifyKey(services, apiKey, call, () =>
    payerOfAddress(call.clientIp, `organisation ${caller.user.orgId}`),
  );
  const verdict = concealForeign(found, (orgId) => hasAccessToOrganisation(caller, orgId));
  // The concealed verdict is counted: a question from another organisation is no use of the key, and its address no
  // source.
  recordVerdict(services, verdict, call);
  return verdict;
}
