import { addLink } from '../../storage/change-sessions.ts';
import type { Actor } from '../../storage/commit-change.ts';
import { readHolderOfEmail, readUser } from '../../storage/users.ts';
import { actorOf, type Caller } from '../authority/caller.ts';
import { findNarrowing, findUserShortfall } from '../authority/reach.ts';
import type { Outcome, Shortfall } from '../authority/refusal.ts';
import { refuseReach } from '../authority/refuse-reach.ts';
import { LINK_MS } from '../authority/session.ts';
import { chargedOnce } from '../limits.ts';
import { administersKeys } from '../permissions/roles.ts';
import type { Keyring } from '../secrets/keyring.ts';
import type { Acting, Secrets, Stores } from '../services.ts';
import { actOnUser } from '../users/act-on-user.ts';
import type { User } from '../users/user.ts';
import { makeToken } from './token.ts';

/** A link that was made: what it carries, and until when it can be used (unix milliseconds). */
export interface MadeLink {
  token: string;
  expiresAt: number;
}

/**
 * Makes a one-time link that signs a person in to the console. It ends the person's sessions and earlier links. Anyone who
 * may create such a user may make one for a person who has never signed in; for the others only ORG_ADMIN and PROVIDER,
 * who could make a key for them too. Links and secrets that leave share a limit.
 */
export function inviteUser(
  services: Acting & Secrets,
  caller: Caller,
  user: User,
): Promise<Outcome<MadeLink & { userId: string }>> {
  const mayReveal = chargedOnce(services.limits.secrets, caller.user.id);
  return actOnUser(services, caller, user, (confirmed, present) => tryInvite(services, confirmed, present, mayReveal));
}

/** @returns null when the caller or the person was changed between the judgement and the write */
async function tryInvite(
  services: Acting & Secrets,
  caller: Caller,
  user: User,
  mayReveal: () => Promise<boolean>,
): Promise<Outcome<MadeLink & { userId: string }> | null> {
  const shortfall = findInviteShortfall(caller, user);
  if (shortfall !== null)
    return refuseReach(services, caller, { action: 'user.invite', orgId: user.orgId, userId: user.id }, shortfall);
  if (user.disabled)
    return { refused: 'invalid', fields: { disabled: 'A disabled user cannot sign in. Enable it first.' } };
  const keyring = await services.keyring();
  if (keyring === null) return { refused: 'no_keyring' };
  if (!(await mayReveal())) return { refused: 'rate_limited' };
  const link = await makeLink(services, keyring, user, caller.user.id, actorOf(caller, { userIds: [user.id] }));
  return link === null ? null : { ...link, userId: user.id };
}

/** Why the caller may not make a sign-in link for a person; null: it may. */
export function findInviteShortfall({ reach, user: { role } }: Caller, user: User): Shortfall | null {
  return (
    findUserShortfall(reach, user.role) ??
    findNarrowing(reach) ??
    (user.signedInAt !== null && !administersKeys(role) ? { rule: 'signed_in_before' } : null)
  );
}

/**
 * Makes a link as an operator, for the enabled person with this email.
 * @param operator the command, for the record
 * @returns null when there is no such person, or it was changed meanwhile
 */
export async function inviteAsOperator(
  services: Pick<Stores, 'db' | 'now'>,
  keyring: Keyring,
  email: string,
  operator: string,
): Promise<MadeLink | null> {
  const id = await readHolderOfEmail(services.db, email);
  const user = id === null ? null : await readUser(services.db, id);
  return user === null || user.disabled ? null : makeLink(services, keyring, user, null, { operator });
}

async function makeLink(
  services: Pick<Stores, 'db' | 'now'>,
  keyring: Keyring,
  user: User,
  madeBy: string | null,
  actor: Actor,
): Promise<MadeLink | null> {
  const { sealed, hash } = await makeToken(keyring, 'sign-in-link');
  const now = services.now();
  const expiresAt = now + LINK_MS;
  const isMade = await addLink(
    services,
    user,
    { hash, madeBy, expiresAt },
    { audit: { action: 'user.invited', changes: { expires_at: new Date(expiresAt).toISOString() } }, actor, now },
  );
  return isMade ? { token: sealed, expiresAt } : null;
}
