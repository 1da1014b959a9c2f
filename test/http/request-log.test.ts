import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { generateApiKey, hashApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { ApiKeys } from '../../src/rpc/api-keys.ts';
import { type Answer, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { type Location, openLocation } from '../support/location.ts';

/*
 * What the line of a request says of its time, and of where its verdict came from. A location's clock moves only for what
 * a call waits.
 */

const BOUND_MS = 30_000;

let keys: RoleKeys;
let key: { id: number; org_id: number; api_key: string };
let here: Location;
let lines: Record<string, unknown>[];
beforeAll(async () => {
  keys = await deploy();
});
beforeEach(async () => {
  key = await createKey(keys.ORG_ADMIN);
  here = openLocation();
  lines = [];
  const log = vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(JSON.parse(String(line))));
  return () => log.mockRestore();
});

/** The line of one call. */
async function lineOf(act: () => Promise<Answer>): Promise<Record<string, unknown>> {
  lines = [];
  await act();
  expect(lines).toHaveLength(1);
  return lines[0] ?? {};
}

const current = (at = here) => lineOf(() => at.current(key.api_key));

async function forgetInKv(): Promise<void> {
  await env.KEY_CACHE.delete(`key:v4:${hashApiKey(key.api_key)}`);
}

test('has just these fields', async () => {
  expect(await lineOf(() => here.call(key.api_key, `GET /v2/api_keys/${key.id}?include_all_permissions=true`))).toEqual(
    {
      message: 'request',
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      method: 'GET',
      route: '/v2/api_keys/:id',
      status: 200,
      code: null,
      api_key_id: key.id,
      org_id: key.org_id,
      ms: 0,
      verification_ms: 0,
      tier: 'primary',
    },
  );
});

describe('names where the verdict came from:', () => {
  test('the primary, where the feed was polled with the record', async () => {
    expect(await current()).toMatchObject({ tier: 'primary' });
  });

  test('memory, where the key was called with before', async () => {
    await current();
    expect(await current()).toMatchObject({ tier: 'memory', ms: 0, verification_ms: 0 });
  });

  test('KV, where another isolate has read the key', async () => {
    await here.current(keys.ORG_ADMIN);
    expect(await current()).toMatchObject({ tier: 'kv' });
  });

  test('D1, where neither memory nor KV has it', async () => {
    await here.current(keys.ORG_ADMIN);
    await forgetInKv();
    expect(await current()).toMatchObject({ tier: 'd1' });
  });

  test('the primary, where the replica lacks a change', async () => {
    await here.current(keys.ORG_ADMIN);
    here.replicaLags = true;
    await forgetInKv();
    expect(await current()).toMatchObject({ tier: 'd1' });
    await here.call(keys.ORG_ADMIN, `POST /v2/api_keys/pause/${key.id}`);
    await forgetInKv();
    expect(await current()).toMatchObject({ code: 'PAUSED', tier: 'primary' });
  });

  test('the region, where there is one', async () => {
    const elsewhere = openLocation();
    here = openLocation({ REGION: 'on', MAX_STALENESS_SECONDS: '10' });
    here.colo = 'LHR';
    here.region = (question) => elsewhere.answer(question);
    expect(await current()).toMatchObject({ tier: 'region' });
    expect(await current()).toMatchObject({ tier: 'memory' });
  });

  test('the primary, with a bound of 0', async () => {
    here = openLocation({ MAX_STALENESS_SECONDS: '0' });
    for (let n = 0; n < 2; n++) expect(await current()).toMatchObject({ tier: 'primary' });
  });

  test('of a key that there is not: the primary, and then memory', async () => {
    const unknown = generateApiKey('lk');
    const ask = () => lineOf(() => here.current(unknown));
    expect(await ask()).toMatchObject({ code: 'UNKNOWN_KEY', tier: 'primary' });
    expect(await ask()).toMatchObject({ code: 'UNKNOWN_KEY', tier: 'memory' });
  });

  test.each<[string | null, string]>([
    [null, 'MISSING_KEY'],
    ['nonsense', 'MALFORMED_KEY'],
  ])('none, of %j', async (given, code) => {
    expect(await lineOf(() => here.call(given, 'GET /v2/api_keys'))).toMatchObject({ code, tier: 'none', ms: 0 });
  });

  test('none, where nothing answered, and none on a path without a key', async () => {
    here.d1 = 'rejects';
    here.kvReads = 'rejects';
    expect(await current()).toMatchObject({ status: 503, tier: 'none' });
    for (const path of ['/nowhere', '/health']) {
      expect(await lineOf(() => here.call(null, `GET ${path}`))).toMatchObject({
        tier: 'none',
        ms: 0,
        verification_ms: 0,
      });
    }
  });
});

describe('tells what was waited for:', () => {
  test('D1, for a verdict', async () => {
    here.d1Takes = 700;
    expect(await current()).toMatchObject({ ms: 700, verification_ms: 700 });
    expect(await current()).toMatchObject({ ms: 0, verification_ms: 0 });
  });

  test('the end of a budget', async () => {
    here.d1 = 'hangs';
    expect(await current()).toMatchObject({ status: 503, ms: 2_000, verification_ms: 2_000 });
  });

  test('the primary once more, before a change', async () => {
    await here.current(key.api_key);
    here.d1Takes = 300;
    const line = await lineOf(() => here.call(key.api_key, `PUT /v2/api_keys/${key.id}`, { body: { label: 'next' } }));
    expect(line).toMatchObject({ status: 200, tier: 'memory', verification_ms: 300 });
  });

  test('all verdicts of a call together', async () => {
    here.d1Takes = 300;
    const line = await lineOf(() => here.call(key.api_key, `PUT /v2/api_keys/${key.id}`, { body: { label: 'next' } }));
    expect(line).toMatchObject({ status: 200, tier: 'primary', verification_ms: 600 });
  });

  test('the verdict after the body, of a call that only reads', async () => {
    await here.current(keys.ORG_ADMIN);
    const line = await lineOf(() =>
      here.call(keys.ORG_ADMIN, 'POST /v2/api_keys/verify', { body: { api_key: key.api_key, ip: '203.0.113.7' } }),
    );
    expect(line).toMatchObject({ status: 200, tier: 'memory', verification_ms: 0 });
  });

  test('no time before its own, where the clock was set back', async () => {
    await here.current(key.api_key);
    here.clock.now += BOUND_MS;
    here.d1Takes = 100;
    const line = lineOf(() => here.current(key.api_key));
    here.clock.now -= 3_600_000;
    expect(Number((await line).ms)).toBeGreaterThanOrEqual(0);
  });
});

describe('with REQUEST_LOG=errors', () => {
  const ERRORS: Partial<Env> = { REQUEST_LOG: 'errors' };

  test('a call that succeeds has no line, and one that fails has the same line', async () => {
    here = openLocation(ERRORS);
    await here.current(key.api_key);
    expect(lines).toEqual([]);
    expect(await lineOf(() => here.call(key.api_key, 'GET /v2/api_keys/999999'))).toMatchObject({
      status: 404,
      tier: 'memory',
      ms: 0,
      verification_ms: 0,
    });
  });
});

describe('a verification for another Worker', () => {
  async function verify(apiKey: string, settings: Partial<Env>): Promise<void> {
    const entrypoint = new ApiKeys(createExecutionContext(), { ...env, ...settings });
    await entrypoint.verify({ apiKey, ip: '203.0.113.7' });
  }

  test('has a line with REQUEST_LOG=all', async () => {
    lines = [];
    await verify(key.api_key, { REQUEST_LOG: 'all' });
    await verify(key.api_key, { REQUEST_LOG: 'all' });
    await verify('nonsense', { REQUEST_LOG: 'all' });
    const found = { message: 'verification', code: 'VALID', api_key_id: key.id, org_id: key.org_id };
    expect(lines).toEqual([
      { ...found, ms: expect.any(Number), tier: expect.stringMatching(/^(kv|d1|primary|region)$/) },
      { ...found, ms: expect.any(Number), tier: 'memory' },
      { message: 'verification', code: 'MALFORMED_KEY', api_key_id: null, org_id: null, ms: 0, tier: 'none' },
    ]);
  });

  test('has none without', async () => {
    lines = [];
    await verify(key.api_key, { REQUEST_LOG: 'errors' });
    await verify('nonsense', { REQUEST_LOG: 'errors' });
    expect(lines).toEqual([]);
  });
});
