import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import worker from '../../src/worker.ts';
import { findUndocumented } from './document.ts';

/**
 * Lifts the limit on secrets that leave, as the limits on calls are lifted: a test file rotates more often than a user
 * may. The tests of that limit put the binding back.
 */
export const LIFTED: Pick<Env, 'SECRETS_RATE_LIMIT'> = {
  SECRETS_RATE_LIMIT: { limit: async () => ({ success: true }) },
};

/** An answer of the API with its whole body: parsed JSON, or text. */
export interface Answer {
  status: number;
  headers: Headers;
  // A test states the shape of an answer by what it reads from it.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  body: any;
}

export interface CallOptions {
  /** Sent as JSON, unless it is a string, bytes or a stream, which are sent as they are. */
  body?: unknown;
  /** Headers in place of the usual ones. Null: the header is left out. */
  headers?: Record<string, string | null>;
  /** Sent as `CF-Connecting-IP`. Null: no address. */
  ip?: string | null;
  /** The Cloudflare location that the call comes in at, as the platform says. Left out: it does not say. */
  colo?: string;
  /** Bindings and settings in place of the usual ones. */
  env?: Partial<Env>;
  /** The app to call in place of the Worker. */
  app?: { fetch: (request: Request, env: Env, context: ExecutionContext) => Response | Promise<Response> };
}

/**
 * Makes one call, such as `POST /v2/api_keys`, through the Worker's front door, and waits for its deferred work. Throws if
 * the answer is not in the document of the API.
 */
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
    ...(options.colo === undefined ? {} : { cf: { colo: options.colo } }),
  });
  const context = createExecutionContext();
  const response = await app.fetch(request, { ...env, ...LIFTED, ...options.env }, context);
  const text = await response.text();
  await waitOnExecutionContext(context);
  const undocumented = findUndocumented({ method, path, status: response.status, headers: response.headers, text });
  if (undocumented !== null) throw new Error(undocumented);
  // An answer to HEAD has a type and no body.
  const isJson = text !== '' && response.headers.get('Content-Type')?.startsWith('application/json');
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

/** Creates a key through the API and returns the key with its secret: the body of the answer, but for `effective_by`. */
export async function createKey(by: string, fields: Record<string, unknown> = {}): Promise<Answer['body']> {
  const { status, body } = await call(by, 'POST /v2/api_keys', { body: { label: 'a key', ...fields } });
  if (status !== 201) throw new Error(`No key was created: ${status} ${JSON.stringify(body)}`);
  const { effective_by, ...made } = body;
  return made;
}

/** Reads a key through the API, with the key `by`. */
export async function readKey(by: string, id: number, query = ''): Promise<Answer['body']> {
  const { status, body } = await call(by, `GET /v2/api_keys/${id}${query}`);
  if (status !== 200) throw new Error(`No key was read: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** Reads the calling key (`GET /v2/api_keys/current`). */
export async function readCurrent(key: string): Promise<Answer['body']> {
  const { status, body } = await call(key, 'GET /v2/api_keys/current');
  if (status !== 200) throw new Error(`The key does not work: ${status} ${JSON.stringify(body)}`);
  return body;
}

function isRaw(body: unknown): body is string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> {
  return typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
}
