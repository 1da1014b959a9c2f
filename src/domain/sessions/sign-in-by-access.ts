import { bindIdentity, startSession } from '../../storage/change-sessions.ts';
import { foldCompatible, foldText } from '../../storage/fold-text.ts';
import { readUserToSignIn } from '../../storage/users.ts';
import type { AccessChecks } from '../services.ts';
import { readAccessIdentity } from './access-identity.ts';
import {
  type AccessRefusal,
  allowsSignIn,
  recordRefusedSignIn,
  type SignInOutcome,
  type SignInRefusal,
  type SigningIn,
} from './start-session.ts';
import { makeToken } from './token.ts';

/**
 * Signs in the person whom Cloudflare Access has let through: the user with that email. The first sign-in binds the user to
 * the identity. An address that is given to somebody else later is then another identity, which is refused.
 * @param token the header `Cf-Access-Jwt-Assertion`; null when the request has none
 */
export async function signInByAccess(
  services: SigningIn & AccessChecks,
  token: string | null,
  clientIp: string | null,
): Promise<SignInOutcome> {
  const { access } = services.settings;
  if (access === null) return refused('off');
  const identity = token === null ? null : await readAccessIdentity(services, access, token);
  if (identity === 'unavailable') return { refused: 'unavailable' };
  if (identity === null) return refused('no_identity');
  const { sub, email } = identity;
  if (!(await allowsSignIn(services, `access ${sub}`))) return { refused: 'rate_limited' };

  const user = await readUserToSignIn(services.db, email);
  // Emails are unique in a form that takes look-alikes for one. Whoever has a look-alike address must not be taken for the
  // user, so here the address itself has to be the same, but for its case.
  if (user === null || foldText(user.email) !== foldText(email)) return refused('unknown_user');
  const about = { orgId: user.orgId, userId: user.id, by: 'access' as const, clientIp };
  const problem = user.disabled
    ? 'user_disabled'
    : user.accessSub !== null && user.accessSub !== sub
      ? 'another_identity'
      : null;
  if (problem !== null) {
    await recordRefusedSignIn(services, { ...about, why: problem });
    return refused(problem);
  }
  const keyring = await services.keyring();
  if (keyring === null) return { refused: 'no_keyring' };
  const { sealed, hash } = await makeToken(keyring, 'console-session');
  const now = services.now();
  const isStarted = await startSession(
    services,
    { hash, userId: user.id, orgId: user.orgId, kind: 'access', apiKeyId: null, secretHash: null },
    bindIdentity(services.db, user.id, foldCompatible(email), sub),
    {
      audit: {
        action: 'user.signed_in',
        changes: { by: 'access', ...(user.accessSub === null ? { access_sub: [null, sub] } : {}) },
      },
      // The batch itself asks whether the user still is as it was.
      actor: { userId: user.id, apiKeyId: null, clientIp, judgement: null },
      now,
    },
  );
  // Since it was read, the user was disabled, given another address, or bound to another identity.
  return isStarted ? { sealed } : { refused: 'contended' };
}

function refused(why: AccessRefusal): SignInRefusal {
  return { refused: 'access_refused', why };
}
