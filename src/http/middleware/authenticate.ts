import type { Context, Next } from 'hono';
import { createMiddleware } from 'hono/factory';
import { auth as basicCredentials } from 'hono/utils/basic-auth';
import { callerOf } from '../../domain/authority/caller.ts';
import type { Services } from '../../domain/services.ts';
import { recordAllowed, recordUse, recordVerdict } from '../../domain/usage/record-use.ts';
import { learnRegion } from '../../domain/verification/learn-region.ts';
import { payerOfAddress } from '../../domain/verification/miss-budget.ts';
import { denialOf, verifyKey } from '../../domain/verification/verify-key.ts';
import { readApiKeys } from '../../wire/api-key-headers.ts';
import type { CallEnv, HttpEnv } from '../context.ts';
import { fail } from '../errors.ts';

/** Builds the services for one event from its bindings and its context. */
export type Compose = (env: Env, context: Pick<ExecutionContext, 'waitUntil'>) => Services;

/** Puts the services into the context. */
export function provideServices(compose: Compose) {
  return createMiddleware<HttpEnv>(async (c, next) => {
    const services = compose(c.env, c.executionCtx);
    learnRegion(services, () => c.req.raw.cf?.colo);
    c.set('services', services);
    c.set('startedAt', services.now());
    await next();
  });
}

/**
 * Verifies the key of the request, from the client address that Cloudflare saw, and puts the caller into the context.
 * `requires` checks later what the caller may do. Counts the use of the key once the call is answered.
 */
export const authenticate = authenticateBy(keysOfHeaders);

/**
 * The same for gateways. They may also send their key as the password of HTTP Basic, with any user name (RFC 6749, 2.3.1).
 */
export const authenticateGateway = authenticateBy((request) => {
  const password = basicCredentials(request)?.password.trim() ?? '';
  return [...new Set([...keysOfHeaders(request), ...(password === '' ? [] : [password])])];
});

function keysOfHeaders({ headers }: Request): string[] {
  return readApiKeys((name) => headers.get(name) ?? undefined);
}

/** @param readKeys gives the different keys that a request carries */
function authenticateBy(readKeys: (request: Request) => string[]) {
  return createMiddleware<CallEnv>((c, next) => resolveCaller(c, next, readKeys(c.req.raw)));
}

async function resolveCaller(c: Context<CallEnv>, next: Next, keys: string[]): Promise<Response | undefined> {
  const [apiKey = null, secondKey] = keys;
  if (secondKey !== undefined) {
    recordUse(c.get('services'), { keyId: null, code: 'MALFORMED_KEY', clientIp: null });
    return fail(c, { refused: 'denied', code: 'MALFORMED_KEY' });
  }
  // Only this header is trusted. Cloudflare sets it on every request from outside, whereas a client can write
  // X-Forwarded-For.
  const clientIp = c.req.header('CF-Connecting-IP') ?? null;
  const call = { clientIp, needs: [] };
  const services = c.get('services');
  const askedAt = services.now();
  const verdict = await verifyKey(services, apiKey, call, () => payerOfAddress(clientIp));
  c.set('verification', { tier: verdict.tier, waitedMs: services.now() - askedAt });
  if (!verdict.allowed) {
    recordVerdict(c.get('services'), verdict, call);
    return fail(c, { refused: 'denied', ...denialOf(verdict) });
  }
  c.set('caller', callerOf({ secretHash: verdict.secretHash, needs: [], record: verdict.record }, clientIp));
  c.set('verifiedKey', verdict.key);
  await next();
  // Later middleware or the act may have refused the key, for a missing permission say. The use is counted under that
  // code.
  const denial = c.get('keyDenial');
  if (denial !== undefined) recordUse(c.get('services'), { keyId: verdict.key.id, code: denial, clientIp });
  else recordAllowed(c.get('services'), verdict.record, { clientIp, needs: c.get('asked') ?? [] });
  return undefined;
}
