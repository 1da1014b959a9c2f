import type { MiddlewareHandler } from 'hono';
import { createMiddleware } from 'hono/factory';
import { readApiKeys } from '../wire/api-key-headers.ts';
import { type Denial, describeDenial } from '../wire/denial.ts';
import { answerDenial } from '../wire/denial-answer.ts';
import type { RpcCall, RpcVerdict, VerifiedKey } from '../wire/rpc.ts';

/*
 * Middleware for other Workers: protects their routes with keys that Latchkey verifies. It imports nothing of Latchkey
 * but `wire/`, so it can be packed alone and adds only a few kilobytes to a Worker.
 */

export type { RpcCall, RpcVerdict, VerifiedKey };

/** How long a verification may take, in milliseconds. After that the call is answered with a 503. */
const BUDGET_MS = 5_000;

/** The service binding to Latchkey's entrypoint `ApiKeys`. */
export interface ApiKeysBinding<Permission extends string = string> {
  verify(call: RpcCall<Permission>): Promise<RpcVerdict<Permission>>;
}

export interface ApiKeyAuthOptions<Permission extends string = string> {
  /** The permissions that the key must have. None by default. */
  permissions?: readonly Permission[];
  /**
   * The organisation that the Worker serves. Keys of other organisations are refused as `UNKNOWN_KEY`. Left out: any
   * organisation.
   */
  orgId?: number;
}

/**
 * Makes a middleware that lets a call through only if Latchkey allows its key the call, from the address in
 * `CF-Connecting-IP`. It puts the verified key into the context as `c.var.apiKey`. The Worker needs the service binding
 * `API_KEYS`. When the service does not answer, every call gets a 503.
 *
 * `Permission` is the union of the names in the deployment's catalogue. With it, the compiler checks `permissions`.
 */
export function apiKeyAuth<Permission extends string = string>({
  permissions = [],
  orgId,
}: ApiKeyAuthOptions<Permission> = {}): MiddlewareHandler<{ Variables: { apiKey: VerifiedKey<Permission> } }> {
  return createMiddleware(async (c, next) => {
    const deny = (denial: Denial, described = describeDenial(denial)) => {
      const { code, status, errors, headers } = answerDenial({ ...denial, ...described });
      return c.json({ errors, code, request_id: crypto.randomUUID() }, status, headers);
    };
    const [apiKey, another] = readApiKeys((name) => c.req.header(name));
    if (apiKey === undefined) return deny({ code: 'MISSING_KEY' });
    if (another !== undefined) return deny({ code: 'MALFORMED_KEY' });
    const ip = c.req.header('CF-Connecting-IP') ?? null;
    const call = { apiKey, ip, permissions, ...(orgId === undefined ? {} : { orgId }), ...locationOf(c.req.raw) };
    const verdict = await ask<Permission>(c.env, call);
    if (verdict === null) return deny({ code: 'UNAVAILABLE' });
    if (!verdict.allowed) return deny(verdict, verdict);
    // The service has checked this already. It is checked again, because the Worker's isolation of organisations rests
    // on it.
    if (orgId !== undefined && verdict.key.orgId !== orgId) return deny({ code: 'UNKNOWN_KEY' });
    c.set('apiKey', verdict.key);
    await next();
  });
}

/** Where the call came in, if the platform says so. */
function locationOf(request: Request): { colo?: string } {
  const cf: unknown = Reflect.get(request, 'cf');
  const colo: unknown = typeof cf === 'object' && cf !== null ? Reflect.get(cf, 'colo') : undefined;
  return typeof colo === 'string' ? { colo } : {};
}

/** Asks the service for a verdict. Null when it fails, or does not answer within `BUDGET_MS`. */
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

/**
 * Checked by hand, because the `Env` that `wrangler types` generates for a consumer does not know the binding's
 * methods.
 */
function hasService<Permission extends string>(env: unknown): env is { API_KEYS: ApiKeysBinding<Permission> } {
  return typeof env === 'object' && env !== null && 'API_KEYS' in env && env.API_KEYS !== undefined;
}
