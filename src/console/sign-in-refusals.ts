import type { AccessRefusal, SignInRefusal } from '../domain/sessions/start-session.ts';
import type { DenialCode } from '../wire/denial.ts';

/*
 * What the sign-in page says about a try that was refused: what is wrong, then what to do instead.
 */

interface Description {
  status: 400 | 401 | 403 | 429 | 503;
  code: string;
  /** Null: it is no verdict about who tries to sign in. */
  message: string | null;
}

export function describeSignInRefusal(refusal: SignInRefusal): Description {
  switch (refusal.refused) {
    case 'denied':
      return { ...DENIALS[refusal.code], code: refusal.code };
    case 'access_refused':
      return { status: 403, code: 'ACCESS_REFUSED', message: ACCESS[refusal.why] };
    case 'out_of_reach':
      return {
        status: 403,
        code: 'PERMISSION_DENIED',
        message: 'This secret was replaced. It still calls for a while, but signs nobody in. Use the new one.',
      };
    case 'rate_limited':
      return { status: 429, code: 'RATE_LIMITED', message: null };
    case 'link_ended':
      return { status: 403, code: 'LINK_ENDED', message: 'This link no longer works.' };
    default:
      return { status: 503, code: 'UNAVAILABLE', message: null };
  }
}

const DENIALS: Record<DenialCode, Omit<Description, 'code'>> = {
  MISSING_KEY: { status: 400, message: 'Paste an API key first.' },
  MALFORMED_KEY: {
    status: 400,
    message:
      'Part of the key is missing, or a character is wrong: its checksum does not fit. Copy it again, from the first character to the last.',
  },
  UNKNOWN_KEY: { status: 401, message: 'There is no such key. It may have been deleted with its user.' },
  REVOKED: { status: 401, message: 'This key was revoked, or replaced by a newer secret. Use another one.' },
  PAUSED: { status: 401, message: 'This key is paused. An administrator can resume it.' },
  USER_DISABLED: { status: 401, message: 'The user of this key is disabled. Ask an administrator.' },
  EXPIRED: { status: 401, message: 'This key has expired. Ask an administrator for a sign-in link.' },
  IP_NOT_ALLOWED: { status: 403, message: 'This key may not be used from your address.' },
  PERMISSION_DENIED: { status: 403, message: 'This key lacks what signing in needs.' },
  RATE_LIMITED: { status: 429, message: null },
  UNAVAILABLE: { status: 503, message: null },
};

const ACCESS: Record<AccessRefusal, string> = {
  off: 'Signing in with an account is not set up here. Use an API key, or a sign-in link.',
  no_identity: 'No account came with this request. Sign in to your organisation’s account first.',
  unknown_user: 'No user here has the email of your account. Ask an administrator to create one.',
  user_disabled: 'Your user is disabled. Ask an administrator.',
  another_identity:
    'Your user signed in before with another account of the same email. Ask an administrator for a sign-in link.',
};
