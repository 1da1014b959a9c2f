import { bodyLimit } from 'hono/body-limit';
import { every } from 'hono/combine';
import { createMiddleware } from 'hono/factory';
import type { HttpContext, HttpEnv } from '../context.ts';
import { fail } from '../errors.ts';

const MOST_BYTES = 64 * 1024;

const limitedBody = bodyLimit({ maxSize: MOST_BYTES, onError: (c) => fail(c, { refused: 'body_too_large' }) });

const declaredAsJson = createMiddleware<HttpEnv>(async (c, next) => {
  const type = c.req.header('Content-Type') ?? '';
  if (!/^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(type)) {
    return fail(c, { refused: 'unsupported_media_type' });
  }
  await next();
});

/** For calls with a body: not too large, and declared as JSON. What is in it is looked at by `validJson`. */
export const jsonBody = every(limitedBody, declaredAsJson);

/** For calls that take no body: one may come all the same, if it is not too large. `emptyBody` looks at it later. */
export const optionalBody = limitedBody;

/** Nothing, or `{}` of any type. It comes after what finds the thing that the path names: 404 before 400. */
export const emptyBody = createMiddleware<HttpEnv>(async (c, next) => {
  const body = await readText(c);
  if (body === null || !/^\s*(\{\s*\}\s*)?$/.test(body)) {
    return fail(c, { refused: 'invalid', fields: { body: 'This call takes no body.' } });
  }
  await next();
});

/** The body of a request as text; null when it is not UTF-8, which the platform would quietly mend. */
export async function readText(c: HttpContext): Promise<string | null> {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(await c.req.arrayBuffer());
  } catch {
    return null;
  }
}
