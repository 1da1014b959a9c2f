import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { alive, ready } from '../../answers/health.ts';
import { operation } from '../operation.ts';

/*
 * The calls of monitors.
 */

export const healthPaths: ZodOpenApiPathsObject = {
  '/health': {
    get: operation({
      id: 'getHealth',
      tag: 'health',
      summary: 'Ask whether the service runs',
      description: 'Asks no storage.',
      open: ['Internal'],
      answer: { description: 'The Worker runs.', schema: alive },
    }),
  },
  '/health/ready': {
    get: operation({
      id: 'getReadiness',
      tag: 'health',
      summary: 'Ask whether keys are verified',
      description:
        'Each part that the service rests on, in one word. Computed at most every 5 seconds in each place. A 503 only where no key can be verified.',
      open: ['RateLimited', 'Internal', 'NotReady'],
      answer: { description: 'Keys are verified.', schema: ready },
    }),
  },
};
