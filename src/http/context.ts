import type { Context } from 'hono';
import type { Caller } from '../domain/authority/caller.ts';
import type { Key } from '../domain/keys/key.ts';
import type { Services } from '../domain/services.ts';
import type { User } from '../domain/users/user.ts';
import type { VerifiedKey } from '../domain/verification/key-record.ts';
import type { DenialCode } from '../wire/denial.ts';

/** What the middleware puts in the context of a request, for those after it. */
export interface HttpEnv {
  Bindings: Env;
  Variables: {
    requestId: string;
    services: Services;
    /** The code of the answer, where it is an error. */
    code?: string;
    /** What the key of this call was refused for after it was verified; unset: nothing. */
    keyDenial?: DenialCode;
    /** Set once the key was verified. */
    caller: Caller;
    /** What the key of this call says of itself, as it was verified. */
    verifiedKey: VerifiedKey;
    /** The body, read whole; null when it is not UTF-8. */
    bodyText: string | null;
    /** The key that the path names, once the caller is known to have access to it. */
    key: Key;
    /** The person that the path names, once the caller is known to have access to it. */
    user: User;
  };
}

export type HttpContext = Context<HttpEnv>;
