import type { Caller } from '../authority/caller.ts';
import { hasAccessToOrganisation } from '../authority/key-access.ts';
import type { Usage, Verification } from '../services.ts';
import { recordVerdict } from '../usage/record-use.ts';
import type { Call } from './decide-access.ts';
import { payerOfAddress } from './miss-budget.ts';
import { concealForeign, type Verdict, verifyKey } from './verify-key.ts';

/**
 * Decides about a call that someone else's backend got. A key of an organisation that the caller does not work in looks
 * as if it did not exist, in whatever state it is.
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
  // As it is answered: what a stranger asks about a key is no use of it, and no place that it is used from.
  recordVerdict(services, verdict, call.clientIp);
  return verdict;
}
