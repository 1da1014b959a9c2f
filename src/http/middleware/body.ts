import { every } from 'hono/combine';
import { createMiddleware } from 'hono/factory';
import type { CallContext, CallEnv, Needs, Puts } from '../context.ts';
import { fail } from '../errors.ts';

const MOST_BYTES = 64 * 1024;
/** A client sends as slowly as it likes; what was judged when the headers came grows old meanwhile. */
const DEADLINE_MS = 10_000;

export interface BodyPut {
  /** The body, read whole; null when it is not UTF-8. */
  bodyText: string | null;
}

const declaredAsJson = createMiddleware<CallEnv>(async (c, next) => {
  const type = c.req.header('Content-Type') ?? '';
  if (!/^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(type)) {
    return fail(c, { refused: 'unsupported_media_type' });
  }
  await next();
});

/**
 * Reads the body whole and puts its text into the context, `null` for what is not UTF-8. It comes before the caller is
 * confirmed and before anything is looked up or judged, so that no client decides how old a judgement gets.
 */
const readBody: Puts<BodyPut> = async (c, next) => {
  const body = await readWithin(c, MOST_BYTES, DEADLINE_MS);
  if ('refused' in body) return fail(c, body);
  c.set('bodyText', decode(body.bytes));
  // The stream is used up. Validators of hono read the body from the request again.
  if (body.bytes.length > 0) c.req.raw = new Request(c.req.raw, { body: body.bytes });
  await next();
};

/** For calls with a body: declared as JSON, not too large, and here in time. What is in it is looked at by `validJson`. */
export const jsonBody: Puts<BodyPut> = every(
  createMiddleware<CallEnv>(async (c, next) => {
    if (declaredLength(c) > MOST_BYTES) return fail(c, { refused: 'body_too_large' });
    await next();
  }),
  declaredAsJson,
  readBody,
);

/** For calls that take no body: one may come all the same, if it is not too large. `emptyBody` looks at it later. */
export const optionalBody = readBody;

/** Nothing, or `{}` of any type. It comes after what finds the thing that the path names: 404 before 400. */
export const emptyBody: Needs<BodyPut> = async (c, next) => {
  const body = c.var.bodyText;
  if (body === null || !/^\s*(\{\s*\}\s*)?$/.test(body)) {
    return fail(c, { refused: 'invalid', fields: { body: 'This call takes no body.' } });
  }
  await next();
  return undefined;
};

function declaredLength(c: CallContext): number {
  return Number(c.req.header('Content-Length') ?? 0);
}

type ReadBody = { bytes: Uint8Array<ArrayBuffer> } | { refused: 'body_too_large' } | { refused: 'body_timeout' };

async function readWithin(c: CallContext, mostBytes: number, milliseconds: number): Promise<ReadBody> {
  const stream = c.req.raw.body;
  if (stream === null) return { bytes: new Uint8Array() };
  if (declaredLength(c) > mostBytes) return { refused: 'body_too_large' };
  const reader = stream.getReader();
  let cancelTimer = () => {};
  const late = new Promise<'late'>((resolve) => {
    cancelTimer = c.var.services.after(milliseconds, () => resolve('late'));
  });
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const read = await Promise.race([reader.read(), late]);
      if (read === 'late') return { refused: 'body_timeout' };
      if (read.done) return { bytes: concat(chunks, length) };
      length += read.value.byteLength;
      if (length > mostBytes) return { refused: 'body_too_large' };
      chunks.push(read.value);
    }
  } finally {
    cancelTimer();
    // What the client has not sent is of no interest. It may never come, so no one waits for this.
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

/** Bytes as text; null when they are not UTF-8, which the platform would quietly mend. */
function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    return null;
  }
}
