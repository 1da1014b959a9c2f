import { Hono } from 'hono';
import { verifyForBackend } from '../../domain/keys/verify-for-backend.ts';
import type { DenialCode } from '../../wire/denial.ts';
import type { CallEnv } from '../context.ts';
import { fail } from '../errors.ts';
import { authenticateGateway } from '../middleware/authenticate.ts';
import { formBody, jsonBody } from '../middleware/body.ts';
import { limitVerifying } from '../middleware/limit-rate.ts';
import { requires, stillAllowed } from '../middleware/requires.ts';
import { validForm, validJson } from '../middleware/validated.ts';
import { introspectionObject } from '../objects/introspection-object.ts';
import { currentKeyObject } from '../objects/key-object.ts';
import { introspectionForm, verifyKeyBody } from '../schemas/keys.ts';

/** `/v2/api_keys/verify` */
export const verificationRoutes = new Hono<CallEnv>().post(
  '/',
  limitVerifying,
  requires('api_key_verify'),
  jsonBody,
  stillAllowed('api_key_verify'),
  ...validJson(verifyKeyBody),
  async (c) => {
    const { services, caller } = c.var;
    const { apiKey, call } = c.req.valid('json');
    const verdict = await verifyForBackend(services, caller, apiKey, call);
    if (verdict.allowed) {
      return c.json({ valid: true, code: 'VALID', key: currentKeyObject(verdict.key, call.clientIp) });
    }
    if (isNoVerdict(verdict.code)) return fail(c, { refused: 'denied', code: verdict.code });
    return c.json({ valid: false, code: verdict.code });
  },
);

/** `/v2/introspect`: the same question as OAuth asks it (RFC 7662), for gateways. */
export const introspectionRoutes = new Hono<CallEnv>().post(
  '/',
  authenticateGateway,
  limitVerifying,
  requires('api_key_verify'),
  formBody,
  stillAllowed('api_key_verify'),
  ...validForm(introspectionForm),
  async (c) => {
    const { services, caller } = c.var;
    const { apiKey, call } = c.req.valid('form');
    const verdict = await verifyForBackend(services, caller, apiKey, call);
    if (verdict.allowed) return c.json(introspectionObject(verdict));
    if (isNoVerdict(verdict.code)) return fail(c, { refused: 'denied', code: verdict.code });
    return c.json({ active: false });
  },
);

/** Whether there is no verdict: the budget of look-ups is used up, or storage gave no answer. */
function isNoVerdict(code: DenialCode): code is 'RATE_LIMITED' | 'UNAVAILABLE' {
  return code === 'RATE_LIMITED' || code === 'UNAVAILABLE';
}
