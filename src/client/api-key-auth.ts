import type { MiddlewareHandler } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { PermissionName } from '../domain/permissions/permissions.ts';
import { type DenialCode, describeDenial } from '../domain/verification/denial.ts';
import type { VerifiedKey } from '../domain/verification/key-record.ts';
import type { RpcCall, RpcVerdict } from '../rpc/api-keys.ts';
import { readApiKeys } from '../wire/api-key-headers.ts';
import { answerDenial } from '../wire/denial-answer.ts';

/*
 * For other Workers: protects their routes with keys that Latchkey verifies. It takes nothing of the service but types
 * and the shape of its errors, so that it adds a few kilobytes to a Worker.
 */

/** How long a verification may take before the call is refused, in milliseconds. */
const BUDGET_MS = 5_000;

/** The service binding, as a Worker has it in its `env`. */
export interface ApiKeysBinding {
  verify(call: RpcCall): Promise<RpcVerdict>;
}

interface ApiKeyEnv {
  Bindings: { API_KEYS: ApiKeysBinding };
  Variables: { apiKey: VerifiedKey };
}

export interface ApiKeyAuthOptions {
  /** What the key has to be allowed; none by default. */
  permissions?: PermissionName[];
  /** The organisation that the Worker serves: keys of others are unknown here. */
  orgId?: number;
}

/**
 * Lets only calls on that carry a key which is allowed them, from the address that Cloudflare saw, and puts what is known
 * of the key into the context: `c.var.apiKey`. It expects the service binding as `API_KEYS`. When the service is out of
 * reach, nothing is let in.
 */
export function apiKeyAuth({ permissions = [], orgId }: ApiKeyAuthOptions = {}): MiddlewareHandler<ApiKeyEnv> {
  return createMiddleware<ApiKeyEnv>(async (c, next) => {
    const deny = (code: DenialCode, denial = describeDenial(code)) => {
      const { status, errors, headers } = answerDenial({ code, ...denial });
      return c.json({ errors, code, request_id: crypto.randomUUID() }, status, headers);
    };
    const [apiKey, another] = readApiKeys((name) => c.req.header(name));
    if (apiKey === undefined) return deny('MISSING_KEY');
    if (another !== undefined) return deny('MALFORMED_KEY');
    const ip = c.req.header('CF-Connecting-IP') ?? null;
    const verdict = await ask(c.env.API_KEYS, {
      apiKey,
      ip,
      permissions,
      ...(orgId === undefined ? {} : { orgId }),
    });
    if (verdict === null) return deny('UNAVAILABLE');
    if (!verdict.allowed) return deny(verdict.code, verdict);
    // The service has looked at this already; a Worker that relies on it looks again.
    if (orgId !== undefined && verdict.key.orgId !== orgId) return deny('UNKNOWN_KEY');
    c.set('apiKey', verdict.key);
    await next();
  });
}

/** Asks the service; null when it does not answer, or not in time. */
async function ask(service: ApiKeysBinding, call: RpcCall): Promise<RpcVerdict | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), BUDGET_MS);
  });
  try {
    return await Promise.race([service.verify(call), late]);
  } catch (error) {
    console.error(JSON.stringify({ message: 'Latchkey could not be asked', reason: String(error) }));
    return null;
  } finally {
    clearTimeout(timer);
  }
}
