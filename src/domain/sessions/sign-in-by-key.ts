import { startSession } from '../../storage/change-sessions.ts';
import { actorOf, callerOf } from '../authority/caller.ts';
import { payerOfAddress } from '../verification/miss-budget.ts';
import { confirmHash, type DeniedVerdict, denialOf, verifyKey } from '../verification/verify-key.ts';
import {
  allowsSignIn,
  OLD_SECRET,
  recordRefusedSignIn,
  type SignInOutcome,
  type SignInRefusal,
  type SigningIn,
} from './start-session.ts';
import { makeToken } from './token.ts';

/** Others may change the key or its user between a judgement and its write. */
const MAX_TRIES = 5;

/**
 * Signs in with an API key: the whole decision on that key, address included, and only by its present secret. It is no use
 * of the key. A key that is in no cache is looked up within the same budget as for any call, so trying keys here costs no
 * more than trying them at the API.
 */
export async function signInByKey(
  services: SigningIn,
  apiKey: string,
  clientIp: string | null,
): Promise<SignInOutcome> {
  const verdict = await verifyKey(services, apiKey, { clientIp, needs: [] }, () => payerOfAddress(clientIp));
  if (!verdict.allowed) return refuse(services, verdict, clientIp);
  if (!(await allowsSignIn(services, `key ${verdict.key.id}`))) return { refused: 'rate_limited' };
  const keyring = await services.keyring();
  if (keyring === null) return { refused: 'no_keyring' };

  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const confirmed = await confirmHash(services, verdict.secretHash, { clientIp, needs: [] });
    if (!confirmed.allowed) return refuse(services, confirmed, clientIp);
    const { record, secretHash } = confirmed;
    const { keyId, userId, orgId } = record;
    if (record.retiresAt !== null) {
      await recordRefusedSignIn(services, { orgId, apiKeyId: keyId, userId, by: 'key', why: 'old_secret', clientIp });
      return OLD_SECRET;
    }
    const { sealed, hash } = await makeToken(keyring, 'console-session');
    const now = services.now();
    const isStarted = await startSession(
      services,
      { hash, userId, orgId, kind: 'key', apiKeyId: keyId, secretHash },
      null,
      {
        audit: { action: 'user.signed_in', changes: { by: 'key' } },
        actor: actorOf(callerOf({ secretHash, needs: [], record }, clientIp)),
        now,
      },
    );
    if (isStarted) return { sealed };
  }
  return { refused: 'contended' };
}

async function refuse(services: SigningIn, verdict: DeniedVerdict, clientIp: string | null): Promise<SignInRefusal> {
  const { key, code } = verdict;
  if (key !== null) {
    await recordRefusedSignIn(services, { orgId: key.orgId, apiKeyId: key.id, by: 'key', why: code, clientIp });
  }
  return { refused: 'denied', ...denialOf(verdict) };
}
