import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import worker from '../../src/worker.ts';

/**
 * The limit of secrets that leave is lifted, as the limits of calls are: a file of tests rotates more often than a user
 * may. The tests of that limit put the binding back.
 */
export const LIFTED: Pick<Env, 'SECRETS_RATE_LIMIT'> = {
  SECRETS_RATE_LIMIT: { limit: async () => ({ success: true }) },
};

/** An answer of the API, read whole. */
export interface Answer {
  status: number;
  headers: Headers;
  // What a test reads of an answer is what it is about: it states the shape by looking at it.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  body: any;
}

export interface CallOptions {
  /** Sent as JSON, unless it is a string, bytes or a stream, which are sent as they are. */
  body?: unknown;
  /** In place of the usual ones; null: not that one. */
  headers?: Record<string, string | null>;
  /** Sent as `CF-Connecting-IP`; null: none. */
  ip?: string | null;
  /** Bindings and settings that this call is to find in place of the usual ones. */
  env?: Partial<Env>;
  /** In place of the Worker. */
  app?: { fetch: (request: Request, env: Env, context: ExecutionContext) => Response | Promise<Response> };
}

/** Makes one call, `POST /v2/api_keys` say, through the Worker's front door. */
export async function call(key: string | null, route: string, options: CallOptions = {}): Promise<Answer> {
  const [method = '', path = ''] = route.split(' ');
  const { body, ip = '203.0.113.7', app = worker } = options;
  const headers = {
    'x-APIKey': key,
    'CF-Connecting-IP': ip,
    'Content-Type': body === undefined ? null : 'application/json',
    ...options.headers,
  };
  const request = new Request(`https://latchkey.example${path}`, {
    method,
    headers: Object.entries(headers).filter((header): header is [string, string] => header[1] !== null),
    ...(body === undefined ? {} : { body: isRaw(body) ? body : JSON.stringify(body) }),
  });
  const context = createExecutionContext();
  const response = await app.fetch(request, { ...env, ...LIFTED, ...options.env }, context);
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

/** Reads a key by the API, as its `by` sees it. */
export async function readKey(by: string, id: number, query = ''): Promise<Answer['body']> {
  const { status, body } = await call(by, `GET /v2/api_keys/${id}${query}`);
  if (status !== 200) throw new Error(`No key was read: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** What a key says of itself. */
export async function readCurrent(key: string): Promise<Answer['body']> {
  const { status, body } = await call(key, 'GET /v2/api_keys/current');
  if (status !== 200) throw new Error(`The key does not work: ${status} ${JSON.stringify(body)}`);
  return body;
}

function isRaw(body: unknown): body is string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
  return typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
}
