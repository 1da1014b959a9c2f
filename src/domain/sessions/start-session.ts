import type { Settings } from '../../env.ts';
import { log } from '../../log.ts';
import { recordRefusal } from '../../storage/commit-change.ts';
import type { Refusal, Shortfall } from '../authority/refusal.ts';
import type { Limits } from '../limits.ts';
import type { Acting, Secrets } from '../services.ts';

/** What signing in works with. */
export interface SigningIn extends Acting, Pick<Secrets, 'keyring'> {
  settings: Acting['settings'] & Pick<Settings, 'limitsCalls'>;
  limits: Acting['limits'] & Pick<Limits, 'signIns'>;
}

/** Why nobody was signed in, besides what any act is refused for. */
export type SignInRefusal =
  | Refusal
  /** The link was used, is too old, or a later event ended it; or this deployment made no such link. */
  | { refused: 'link_ended' }
  | { refused: 'access_refused'; why: AccessRefusal };

export type AccessRefusal =
  /** Signing in by Access is not set up here. */
  | 'off'
  /** No token of Access came with the request, or it does not hold. */
  | 'no_identity'
  | 'unknown_user'
  | 'user_disabled'
  /** The user signed in before as somebody else in Access. */
  | 'another_identity';

/** What comes of signing in: what the session's cookie carries. */
export type SignInOutcome = { refused?: never; sealed: string } | SignInRefusal;

/** Charges one sign-in to a key, a link or an identity, which each have a limit of their own. */
export async function allowsSignIn(services: Pick<SigningIn, 'settings' | 'limits'>, payer: string): Promise<boolean> {
  return !services.settings.limitsCalls || services.limits.signIns.allows(payer);
}

/** Whom a refused sign-in was about, and why it was refused. */
interface RefusedSignIn {
  orgId: number;
  apiKeyId?: number;
  userId?: string;
  by: 'key' | 'link' | 'access';
  why: string;
  clientIp: string | null;
}

/**
 * Puts a refused sign-in on record, where it is known whom it was about. As with other refusals only the first of each
 * minute become events.
 */
export async function recordRefusedSignIn(
  services: Pick<SigningIn, 'db' | 'refusals' | 'now'>,
  { orgId, apiKeyId, userId, by, why, clientIp }: RefusedSignIn,
): Promise<void> {
  const now = services.now();
  const counted = services.refusals.count(`sign-in of ${apiKeyId ?? userId}`, now);
  if (!counted.onRecord) {
    if (counted.first)
      log('refused sign-ins are counted, and no longer put on record', { api_key_id: apiKeyId, user_id: userId });
    return;
  }
  await recordRefusal(services, {
    orgId,
    apiKeyId: apiKeyId ?? null,
    userId: userId ?? null,
    audit: {
      action: 'user.sign_in_refused',
      changes: { by, why, ...(counted.dropped > 0 ? { dropped: counted.dropped } : {}) },
    },
    actor: { userId: null, apiKeyId: null, clientIp, judgement: null },
    now,
  });
}

export const OLD_SECRET: Refusal & { shortfall: Shortfall } = {
  refused: 'out_of_reach',
  shortfall: { rule: 'old_secret' },
};
