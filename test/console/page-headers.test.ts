import { expect, test } from 'vitest';
import { call } from '../support/client.ts';

const PAGE = 'GET /console/sign-in';

test('a page may load and post to the console only, and runs nothing that stands in it', async () => {
  const { status, headers, body } = await call(null, PAGE);
  expect(status).toBe(200);
  expect(headers.get('Content-Type')).toBe('text/html; charset=UTF-8');
  expect(headers.get('Content-Security-Policy')).toBe(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  );
  expect(body).toMatch(/^<!doctype html>/);
});

test('no cache keeps a page', async () => {
  expect((await call(null, PAGE)).headers.get('Cache-Control')).toBe('no-store');
});

test('the policy of the API stays as narrow as it was', async () => {
  const { headers } = await call(null, 'GET /v2/api_keys');
  expect(headers.get('Content-Security-Policy')).toBe("default-src 'none'; frame-ancestors 'none'");
});
