import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import worker from '../../src/worker.ts';

/** An answer of the API, read whole. */
export interface Answer {
  status: number;
  headers: Headers;
  // What a test reads of an answer is what it is about: it states the shape by looking at it.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  body: any;
}

export interface CallOptions {
  /** Sent as JSON, unless it is a string, which is sent as it is. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Sent as `CF-Connecting-IP`; null: none. */
  ip?: string | null;
  /** Bindings and settings that this call is to find in place of the usual ones. */
  env?: Partial<Env>;
}

/** Makes one call, `POST /v2/api_keys` say, through the Worker's front door. */
export async function call(key: string | null, route: string, options: CallOptions = {}): Promise<Answer> {
  const [method = '', path = ''] = route.split(' ');
  const { body, ip = '203.0.113.7' } = options;
  const request = new Request(`https://latchkey.example${path}`, {
    method,
    headers: {
      ...(key === null ? {} : { 'x-APIKey': key }),
      ...(ip === null ? {} : { 'CF-Connecting-IP': ip }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const context = createExecutionContext();
  const response = await worker.fetch(request, { ...env, ...options.env }, context);
  const text = await response.text();
  await waitOnExecutionContext(context);
  const isJson = response.headers.get('Content-Type')?.startsWith('application/json');
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

/** Makes a key by the API and gives the whole answer's body. */
export async function createKey(by: string, fields: Record<string, unknown> = {}): Promise<Answer['body']> {
  const { status, body } = await call(by, 'POST /v2/api_keys', { body: { label: 'a key', ...fields } });
  if (status !== 201) throw new Error(`No key was created: ${status} ${JSON.stringify(body)}`);
  return body;
}
