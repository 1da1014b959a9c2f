import { Hono } from 'hono';
import { verifyForBackend } from '../../domain/verification/verify-for-backend.ts';
import type { CallEnv } from '../context.ts';
import { fail } from '../errors.ts';
import { jsonBody } from '../middleware/body.ts';
import { requires, stillAllowed } from '../middleware/requires.ts';
import { validJson } from '../middleware/validated.ts';
import { currentKeyObject } from '../objects/key-object.ts';
import { verifyKeyBody } from '../schemas/keys.ts';

/** `/v2/api_keys/verify` */
export const verificationRoutes = new Hono<CallEnv>().post(
  '/',
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
    // Both codes mean that there is no verdict: the budget of look-ups is used up, or storage gave no answer.
    if (verdict.code === 'RATE_LIMITED' || verdict.code === 'UNAVAILABLE')
      return fail(c, { refused: 'denied', code: verdict.code });
    return c.json({ valid: false, code: verdict.code });
  },
);
