import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { createApp } from '../../src/app.ts';
import { compose } from '../../src/compose.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import { type Answer, LIFTED } from './client.ts';

/** A second isolate of the Worker, with its own memory and a clock that the test sets. */
export interface OwnIsolate {
  /** Unix milliseconds. */
  now: number;
  call: (
    key: string,
    route: string,
    options?: { body?: unknown; bindings?: Partial<Env>; ip?: string },
  ) => Promise<Answer>;
}

export function openIsolate(): OwnIsolate {
  const isolate = newIsolate();
  const app = createApp((bindings, context) => ({ ...compose(bindings, context, isolate), now: () => own.now }));
  const own: OwnIsolate = {
    now: Date.now(),

    async call(key, route, { body, bindings, ip = '203.0.113.7' } = {}) {
      const [method = '', path = ''] = route.split(' ');
      const request = new Request(`https://latchkey.example${path}`, {
        method,
        headers: { 'x-APIKey': key, 'CF-Connecting-IP': ip, 'Content-Type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const context = createExecutionContext();
      const response = await app.fetch(request, { ...env, ...LIFTED, ...bindings }, context);
      const answer = { status: response.status, headers: response.headers, body: await response.json() };
      await waitOnExecutionContext(context);
      return answer;
    },
  };
  return own;
}
