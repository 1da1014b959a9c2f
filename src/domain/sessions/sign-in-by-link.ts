import { startSession, useUpLink } from '../../storage/change-sessions.ts';
import { readLink, type StoredLink } from '../../storage/sessions.ts';
import {
  allowsSignIn,
  recordRefusedSignIn,
  type SignInOutcome,
  type SignInRefusal,
  type SigningIn,
} from './start-session.ts';
import { makeToken, openToken } from './token.ts';

/** What the page of a link shows before it is used. */
export interface OpenLink {
  firstName: string | null;
  lastName: string | null;
  organisation: string;
  /** In unix milliseconds. */
  expiresAt: number;
}

/**
 * Tells whom a link signs in, and until when. It changes nothing: programs that follow links, such as mail scanners, must
 * not use one up. A made-up link costs no read.
 */
export async function lookAtLink(
  services: SigningIn,
  sealed: string,
): Promise<({ refused?: never } & OpenLink) | SignInRefusal> {
  const found = await findLink(services, sealed);
  if ('refused' in found) return found;
  const { firstName, lastName, organisation, expiresAt, usedAt } = found.link;
  if (usedAt !== null || expiresAt <= services.now()) return { refused: 'link_ended' };
  return { firstName, lastName, organisation, expiresAt };
}

/**
 * Signs in with a one-time link and uses it up, in one transaction. Of any number of requests that race with one link, one
 * is signed in.
 */
export async function signInByLink(
  services: SigningIn,
  sealed: string,
  clientIp: string | null,
): Promise<SignInOutcome> {
  const found = await findLink(services, sealed);
  if ('refused' in found) return found;
  const { link, hash: linkHash } = found;
  const { userId, orgId, madeBy } = link;
  const now = services.now();
  if (link.usedAt !== null || link.expiresAt <= now) {
    const why = link.usedAt !== null ? 'used' : 'expired';
    await recordRefusedSignIn(services, { orgId, userId, by: 'link', why, clientIp });
    return { refused: 'link_ended' };
  }
  const keyring = await services.keyring();
  if (keyring === null) return { refused: 'no_keyring' };
  const { sealed: session, hash } = await makeToken(keyring, 'console-session');
  const isStarted = await startSession(
    services,
    { hash, userId, orgId, kind: 'link', apiKeyId: null, secretHash: null },
    useUpLink(services.db, linkHash, now),
    {
      audit: { action: 'user.signed_in', changes: { by: 'link', link_made_by: madeBy } },
      // The batch itself asks whether the link and its user still are as they were.
      actor: { userId, apiKeyId: null, clientIp, judgement: null },
      now,
    },
  );
  return isStarted ? { sealed: session } : { refused: 'link_ended' };
}

async function findLink(
  services: SigningIn,
  sealed: string,
): Promise<{ link: StoredLink; hash: string } | SignInRefusal> {
  const keyring = await services.keyring();
  if (keyring === null) return { refused: 'no_keyring' };
  const opened = await openToken(keyring, 'sign-in-link', sealed);
  if (opened === null) return { refused: 'link_ended' };
  // Each further look costs a read. Whoever has a link may have any number of tries at it.
  if (!(await allowsSignIn(services, `link ${opened.hash}`))) return { refused: 'rate_limited' };
  const link = await readLink(services.db, opened.hash);
  return link === null ? { refused: 'link_ended' } : { link, hash: opened.hash };
}
