import type { MiddlewareHandler } from 'hono';
import { createMiddleware } from 'hono/factory';
import { readApiKeys } from '../wire/api-key-headers.ts';
import { type DenialCode, describeDenial } from '../wire/denial.ts';
import { answerDenial } from '../wire/denial-answer.ts';
import type { RpcCall, RpcVerdict, VerifiedKey } from '../wire/rpc.ts';

/*
 * For other Workers: protects their routes with keys that Latchkey verifies. It takes nothing but `wire/`, so that it is
 * packed by itself and adds a few kilobytes to a Worker.
 */

export type { RpcCall, RpcVerdict, VerifiedKey };

/** How long a verification may take before the call is refused, in milliseconds. */
const BUDGET_MS = 5_000;

/** The service binding to Latchkey's entrypoint `ApiKeys`. */
export interface ApiKeysBinding<Permission extends string = string> {
  verify(call: RpcCall<Permission>): Promise<RpcVerdict<Permission>>;
}

export interface ApiKeyAuthOptions<Permission extends string = string> {
  /** What the key has to be allowed; none by default. */
  permissions?: readonly Permission[];
  /** The organisation that the Worker serves: keys of others are unknown here. */
  orgId?: number;
}

/**
 * Lets only calls on that carry a key which is allowed them, from the address that Cloudflare saw, and puts what is known
 * of the key into the context: `c.var.apiKey`. It expects the service binding as `API_KEYS`. When the service is out of
 * reach, nothing is let in.
 *
 * `Permission` is the names of the deployment's catalogue, for the compiler to check them.
 */
export function apiKeyAuth<Permission extends string = string>({
  permissions = [],
  orgId,
}: ApiKeyAuthOptions<Permission> = {}): MiddlewareHandler<{ Variables: { apiKey: VerifiedKey<Permission> } }> {
  return createMiddleware(async (c, next) => {
    const deny = (code: DenialCode, denial = describeDenial(code)) => {
      const { status, errors, headers } = answerDenial({ code, ...denial });
      return c.json({ errors, code, request_id: crypto.randomUUID() }, status, headers);
    };
    const [apiKey, another] = readApiKeys((name) => c.req.header(name));
    if (apiKey === undefined) return deny('MISSING_KEY');
    if (another !== undefined) return deny('MALFORMED_KEY');
    const ip = c.req.header('CF-Connecting-IP') ?? null;
    const call = { apiKey, ip, permissions, ...(orgId === undefined ? {} : { orgId }) };
    const verdict = await ask<Permission>(c.env, call);
    if (verdict === null) return deny('UNAVAILABLE');
    if (!verdict.allowed) return deny(verdict.code, verdict);
    // The service has looked at this already; a Worker that relies on it looks again.
    if (orgId !== undefined && verdict.key.orgId !== orgId) return deny('UNKNOWN_KEY');
    c.set('apiKey', verdict.key);
    await next();
  });
}

/** Asks the service; null when it does not answer, or not in time. */
async function ask<Permission extends string>(
  env: unknown,
  call: RpcCall<Permission>,
): Promise<RpcVerdict<Permission> | null> {
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), BUDGET_MS);
  try {
    if (!hasService<Permission>(env)) throw new Error('The configuration has no service binding API_KEYS');
    return await Promise.race([env.API_KEYS.verify(call), late.promise]);
  } catch (error) {
    console.error(JSON.stringify({ message: 'Latchkey could not be asked', reason: String(error) }));
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** `wrangler types` of a consumer knows the binding as a service of unknown methods, so it is not typed by its `Env`. */
function hasService<Permission extends string>(env: unknown): env is { API_KEYS: ApiKeysBinding<Permission> } {
  return typeof env === 'object' && env !== null && 'API_KEYS' in env && env.API_KEYS !== undefined;
}
