import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { introspection, verdict } from '../../answers/verification.ts';
import { introspectionForm, verifyKeyBody } from '../../schemas/keys.ts';
import { describeBody, operation } from '../operation.ts';

/*
 * The calls of backends and gateways that ask about a key.
 */

const question = describeBody(verifyKeyBody, verifyKeyBody, {
  id: 'VerifyRequest',
  description: 'A call that a backend received.',
  fields: {
    api_key: { description: 'The key that the backend was sent. White space around it is dropped.' },
    ip: {
      description:
        'The address that the backend was called from. Null or left out: not known, which passes no `ip_whitelist`.',
      type: ['string', 'null'],
      examples: ['192.0.2.10'],
    },
    permissions: {
      description: 'The permissions that the call needs: names of the catalogue.',
      type: 'array',
      items: { type: 'string' },
      examples: [['review_read']],
    },
  },
});

const token = describeBody(introspectionForm, introspectionForm, {
  id: 'IntrospectionRequest',
  description: 'A call that a gateway received. Other parameters are ignored.',
  fields: {
    token: { description: 'The key that the gateway was sent.', minLength: 1 },
    ip: {
      description:
        'The address that the gateway was called from. Without it, keys that have an `ip_whitelist` are inactive.',
      type: 'string',
    },
    permissions: { description: 'The permissions that the call needs, separated by spaces.', type: 'string' },
  },
});

export const verificationPaths: ZodOpenApiPathsObject = {
  '/v2/api_keys/verify': {
    post: operation({
      id: 'verifyApiKey',
      tag: 'verification',
      summary: 'Verify a key',
      description:
        'For a backend that was sent a key. Every verdict is a 200. Where there is none it is a 503 or a 429, and never `valid: false`. A key of another organisation is `UNKNOWN_KEY`.',
      needs: 'api_key_verify',
      body: question,
      limit: 'verifying',
      answer: { description: 'The verdict.', schema: verdict },
    }),
  },
  '/v2/introspect': {
    post: operation({
      id: 'introspectToken',
      tag: 'verification',
      summary: 'Introspect a token',
      description:
        'The same question as OAuth asks it (RFC 7662), for gateways that speak it. Where there is no verdict it is a 503 or a 429, and never `active: false`.',
      needs: 'api_key_verify',
      body: token,
      bodyType: 'application/x-www-form-urlencoded',
      limit: 'verifying',
      takesBasic: true,
      answer: { description: 'The verdict.', schema: introspection },
    }),
  },
};
