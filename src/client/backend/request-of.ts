import type { Operation } from './call.ts';

interface ApiRequest {
  /** With the query. */
  path: string;
  method: string;
  headers: Record<string, string>;
  body: string | undefined;
}

/** The ids of the API: integers, and 24 hexadecimal digits. */
const ID = /^(\d{1,16}|[0-9a-f]{24})$/;

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Makes the request of a call: what the path names goes there, the rest into the body, or into the query where there is
 * no body. It is made once for all tries, so they have the same `Idempotency-Key`.
 * @throws TypeError for an id that is none, so that no other path is called by it
 */
export function requestOf(operation: Operation, input: unknown, idempotencyKey?: string): ApiRequest {
  const fields = new Map<string, unknown>(Object.entries(input ?? {}));
  let path = operation.path;
  if (path.includes('{id}')) {
    const id = String(fields.get('id'));
    fields.delete('id');
    if (!ID.test(id)) throw new TypeError(`${operation.id}: id must be that of the API`);
    path = path.replace('{id}', id);
  }
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (operation.takesIdempotencyKey) {
    const key = idempotencyKey ?? crypto.randomUUID();
    if (!IDEMPOTENCY_KEY.test(key)) throw new TypeError('idempotencyKey must be 1 to 255 visible ASCII characters');
    headers['Idempotency-Key'] = key;
  }
  const request = { method: operation.method, headers };
  if (operation.body === 'json') {
    headers['Content-Type'] = 'application/json';
    return { ...request, path, body: JSON.stringify(Object.fromEntries(fields)) };
  }
  const given = [...fields].filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)]);
  const encoded = new URLSearchParams(given).toString();
  if (operation.body === 'form') {
    headers['Content-Type'] = 'application/x-www-form-urlencoded';
    return { ...request, path, body: encoded };
  }
  return { ...request, path: encoded === '' ? path : `${path}?${encoded}`, body: undefined };
}
