import type { HonoRequest } from 'hono';
import { every } from 'hono/combine';
import { createMiddleware } from 'hono/factory';
import type { Services } from '../../domain/services.ts';
import type { CallContext, CallEnv, Needs, Puts } from '../context.ts';
import { type BodyType, fail } from '../errors.ts';

const MAX_BODY_BYTES = 64 * 1024;
/** A client can send a body as slowly as it likes. What was judged when its headers arrived goes stale meanwhile. */
const BODY_DEADLINE_MS = 10_000;

export interface BodyPut {
  /** The whole body as text; null when it is not UTF-8. */
  bodyText: string | null;
}

/**
 * Reads the whole body and puts its text into the context, `null` if it is not UTF-8. It runs before the caller is
 * confirmed, and before what the path names is looked up. So a client that sends slowly cannot make these judgements
 * stale. Answers 413 if the body is too large, and 408 if it is not whole by the deadline.
 */
const readBody: Puts<BodyPut> = async (c, next) => {
  const body = await readBodyText(c);
  if (body.refused) return fail(c, body);
  c.set('bodyText', body.text);
  await next();
};

/** What reading a body needs of a context. */
interface BodyCarrier {
  req: Pick<HonoRequest, 'raw' | 'header'>;
  var: { services: Pick<Services, 'after'> };
}

/**
 * Reads the whole body as text, and leaves the request with a body that can be read again.
 * @returns the text, null when it is not UTF-8; or the refusal when it is too large, or not whole by the deadline
 */
export async function readBodyText(
  c: BodyCarrier,
): Promise<{ refused?: never; text: string | null } | { refused: 'body_too_large' | 'body_timeout' }> {
  const body = await readWithin(c, MAX_BODY_BYTES, BODY_DEADLINE_MS);
  if ('refused' in body) return body;
  // The stream is consumed, and hono's validators read the body from the request again.
  if (c.req.raw.body !== null) c.req.raw = new Request(c.req.raw, { body: body.bytes });
  return { text: decode(body.bytes) };
}

/**
 * For calls with a body. Answers 413 if it is too large, 415 if it is not declared as JSON, 408 if it is late.
 * `validJson` checks its content.
 */
export const jsonBody = bodyDeclaredAs('application/json');

/** The same for a form. `validForm` checks its content. */
export const formBody = bodyDeclaredAs('application/x-www-form-urlencoded');

function bodyDeclaredAs(type: BodyType): Puts<BodyPut> {
  return every(
    createMiddleware<CallEnv>(async (c, next) => {
      if (declaredLength(c) > MAX_BODY_BYTES) return fail(c, { refused: 'body_too_large' });
      if (!isDeclaredAs(type, c)) return fail(c, { refused: 'unsupported_media_type', takes: type });
      await next();
    }),
    readBody,
  );
}

/** A body without content: nothing, white space or an empty object. */
const NO_CONTENT = /^\s*(\{\s*\}\s*)?$/;

/** Whether a body has no content. */
export function isEmpty(body: string | null): boolean {
  return body !== null && NO_CONTENT.test(body);
}

/**
 * For calls that take no body, or need none. Reads what is sent, within the same size and deadline. A body without content
 * may have any content type, or none, and counts as `{}`, because some clients send one with every POST. Content that is
 * not declared as JSON is answered with 415.
 */
export const optionalBody: Puts<BodyPut> = every(readBody, (async (c, next) => {
  const text = c.get('bodyText');
  if (isEmpty(text)) {
    c.set('bodyText', '{}');
    const headers = new Headers(c.req.raw.headers);
    headers.set('Content-Type', 'application/json');
    c.req.raw = new Request(c.req.raw, { body: '{}', headers });
  } else if (!isDeclaredAs('application/json', c)) {
    return fail(c, { refused: 'unsupported_media_type', takes: 'application/json' });
  }
  await next();
}) satisfies Puts<BodyPut>);

/**
 * Accepts a body without content; else answers 400. It runs behind `optionalBody`, after what the path names was found,
 * because a 404 comes before a 400.
 */
export const emptyBody: Needs<BodyPut> = async (c, next) => {
  if (!isEmpty(c.var.bodyText)) {
    return fail(c, { refused: 'invalid', fields: { body: 'This call takes no body.' } });
  }
  await next();
  return undefined;
};

function isDeclaredAs(type: BodyType, c: CallContext): boolean {
  const [declared = '', ...parameters] = (c.req.header('Content-Type') ?? '').split(';');
  return (
    declared.trimEnd().toLowerCase() === type &&
    (parameters.length === 0 || /^\s*charset\s*=\s*"?utf-8"?\s*$/i.test(parameters.join(';')))
  );
}

function declaredLength(c: Pick<BodyCarrier, 'req'>): number {
  return Number(c.req.header('Content-Length') ?? 0);
}

type ReadBody = { bytes: Uint8Array<ArrayBuffer> } | { refused: 'body_too_large' } | { refused: 'body_timeout' };

async function readWithin(c: BodyCarrier, maxBytes: number, deadlineMs: number): Promise<ReadBody> {
  const stream = c.req.raw.body;
  if (stream === null) return { bytes: new Uint8Array() };
  if (declaredLength(c) > maxBytes) return { refused: 'body_too_large' };
  const reader = stream.getReader();
  let cancelTimer = () => {};
  const late = new Promise<'late'>((resolve) => {
    cancelTimer = c.var.services.after(deadlineMs, () => resolve('late'));
  });
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const read = await Promise.race([reader.read(), late]);
      if (read === 'late') return { refused: 'body_timeout' };
      if (read.done) return { bytes: concat(chunks, length) };
      length += read.value.byteLength;
      if (length > maxBytes) return { refused: 'body_too_large' };
      chunks.push(read.value);
    }
  } finally {
    cancelTimer();
    // The rest of the body is not needed. It may never arrive, so the cancellation is not awaited.
    reader.cancel().catch(() => {});
  }
}

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}

/** Bytes as text; null when they are not UTF-8. The platform's default is to replace such bytes silently. */
function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    return null;
  }
}
