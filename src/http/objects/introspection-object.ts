import { endOf } from '../../domain/verification/key-record.ts';
import type { Verdict } from '../../domain/verification/verify-key.ts';
import type { ActiveTokenAnswer } from '../answers/verification.ts';

/** What introspection says of a key that is allowed the call (RFC 7662, 2.2). Moments are unix seconds, rounded down. */
export function introspectionObject({ key, record }: Extract<Verdict, { allowed: true }>): ActiveTokenAnswer {
  const end = endOf(record);
  return {
    active: true,
    scope: key.permissions.join(' '),
    sub: key.userId,
    client_id: String(key.id),
    ...(end === null ? {} : { exp: toSeconds(end) }),
    iat: toSeconds(record.createdAt),
  };
}

function toSeconds(moment: number): number {
  return Math.floor(moment / 1000);
}
