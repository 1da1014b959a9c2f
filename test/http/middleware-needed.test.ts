import { Hono } from 'hono';
import { expect, test } from 'vitest';
import * as z from 'zod';
import type { CallEnv, CallVariables } from '../../src/http/context.ts';
import { accessibleKey, accessibleUser, type KeyPut } from '../../src/http/middleware/accessible.ts';
import { emptyBody, jsonBody, optionalBody } from '../../src/http/middleware/body.ts';
import { limitByBody } from '../../src/http/middleware/limit-rate.ts';
import { retryable } from '../../src/http/middleware/retryable.ts';
import { validJson } from '../../src/http/middleware/validated.ts';

/*
 * A route that forgets a middleware does not compile: `npm run check` is the test, which finds an `@ts-expect-error` that is
 * not needed.
 */

const schema = z.strictObject({ label: z.string() });
const ofKey = ({ key }: CallVariables & KeyPut) => ({ label: key.label });

const limited = limitByBody(() => true);

function routes() {
  return new Hono<CallEnv>();
}

test('a route with the middleware that it needs compiles', () => {
  const app = routes()
    .get('/key/:id', accessibleKey, (c) => c.json(c.var.key.id))
    .get('/user/:id', accessibleUser, (c) => c.json(c.var.user.id))
    .post('/', optionalBody, emptyBody, (c) => c.json(c.var.bodyText))
    .post('/limited', jsonBody, limited, (c) => c.json(c.var.bodyText))
    .post('/retryable', jsonBody, retryable, (c) => c.json(c.var.retry?.id))
    .post('/new', jsonBody, ...validJson(schema), (c) => c.json(c.req.valid('json').label))
    .put('/:id', jsonBody, accessibleKey, ...validJson(schema, ofKey), (c) => c.json(c.var.key.id));
  expect(app.routes.length).toBeGreaterThan(0);
});

test('a route that shows a key compiles only behind accessibleKey', () => {
  // @ts-expect-error: nothing puts `key`
  routes().get('/:id', (c) => c.json(c.var.key.id));
  // @ts-expect-error: accessibleUser puts `user`
  routes().get('/:id', accessibleUser, (c) => c.json(c.var.key.id));
  // @ts-expect-error: the rules need `key`
  routes().put('/:id', jsonBody, ...validJson(schema, ofKey), (c) => c.json({}));
});

test('a route that shows a user compiles only behind accessibleUser', () => {
  // @ts-expect-error: nothing puts `user`
  routes().get('/:id', (c) => c.json(c.var.user.id));
});

test('a route that looks at the body compiles only behind what reads it', () => {
  // @ts-expect-error: nothing puts `bodyText`
  routes().post('/', ...validJson(schema), (c) => c.json({}));
  // @ts-expect-error: nothing puts `bodyText`
  routes().post('/', emptyBody, (c) => c.json({}));
  // @ts-expect-error: nothing puts `bodyText`
  routes().post('/', limited, (c) => c.json({}));
  // @ts-expect-error: nothing puts `bodyText`
  routes().post('/', retryable, (c) => c.json({}));
  // @ts-expect-error: the body is read after it is looked at
  routes().post('/', ...validJson(schema), jsonBody, (c) => c.json({}));
});
