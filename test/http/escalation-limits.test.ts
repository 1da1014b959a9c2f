import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectOutOfReach } from '../support/expect-error.ts';
import { writingNothing } from '../support/stored.ts';

/*
 * The ways in which a key could get past its own addresses or its own last day, by making or changing keys. As in
 * escalation.test.ts, each attempt is then made by a key without such limits, and works.
 */

interface Made {
  id: number;
  api_key: string;
}

const FROM = { ip: '192.0.2.5' };

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

async function expectRefusedToTheNarrow(
  narrow: Made,
  { route, body }: { route: string; body?: Record<string, unknown> },
  message: RegExp,
): Promise<void> {
  const options = body === undefined ? FROM : { body, ...FROM };
  expectOutOfReach(await writingNothing(() => call(narrow.api_key, route, options)), message);
  expect((await call(keys.ORG_ADMIN, route, options)).status).toBeLessThan(300);
}

describe('a key with an allowlist', () => {
  const OWN = ['192.0.2.0/24'];
  const WIDER: [string, string[]][] = [
    ['none', []],
    ['a wider network', ['192.0.2.0/23']],
    ['a wider network, written with host bits', ['192.0.2.5/8']],
    ['another network', ['198.51.100.0/24']],
    ['its own network and one more address', ['192.0.2.0/24', '203.0.113.1']],
    ['all of IPv4', ['0.0.0.0/0']],
    ['all of IPv6', ['::/0']],
    ['a wider network as its IPv6 twin', ['::ffff:192.0.2.0/119']],
    ['a wider network as its IPv6 twin in hex', ['::ffff:c000:0200/119']],
    ['all of IPv4 as its IPv6 twin', ['::ffff:0:0/96']],
    ['more than all of IPv4 as its IPv6 twin', ['::ffff:0:0/95']],
    ['its own network in IPv6, but not as the twin', ['::192.0.2.0/120']],
  ];

  let narrow: Made;
  let narrowTwin: Made;
  let open: Made;
  beforeEach(async () => {
    narrow = await createKey(keys.ORG_ADMIN, { ip_whitelist: OWN });
    narrowTwin = await createKey(keys.ORG_ADMIN, { ip_whitelist: OWN });
    open = await createKey(keys.ORG_ADMIN);
  });

  test('makes no key that leaves the list out', async () => {
    const attempt = { route: 'POST /v2/api_keys', body: { label: 'a key' } };
    await expectRefusedToTheNarrow(narrow, attempt, /address/);
  });

  test.each(WIDER)('makes no key with %s', async (_, list) => {
    const attempt = { route: 'POST /v2/api_keys', body: { label: 'a key', ip_whitelist: list } };
    await expectRefusedToTheNarrow(narrow, attempt, /address/);
  });

  test.each(WIDER)('makes no main key with %s', async (_, list) => {
    const attempt = { route: 'POST /v2/api_keys', body: { label: 'a key', ip_whitelist: list, user_type: 'bot' } };
    await expectRefusedToTheNarrow(narrow, attempt, /address/);
  });

  test.each(WIDER)('gives itself no list with %s', async (_, list) => {
    const attempt = { route: `PUT /v2/api_keys/${narrow.id}`, body: { ip_whitelist: list } };
    await expectRefusedToTheNarrow(narrow, attempt, /address/);
  });

  test.each(WIDER)('gives another own key no list with %s', async (_, list) => {
    const attempt = { route: `PUT /v2/api_keys/${narrowTwin.id}`, body: { ip_whitelist: list } };
    await expectRefusedToTheNarrow(narrow, attempt, /address/);
  });

  test.each<[string, Record<string, unknown>]>([
    ['rename', { label: 'renamed' }],
    ['narrow', { ip_whitelist: OWN }],
  ])('does not %s a key without a list', async (_, body) => {
    await expectRefusedToTheNarrow(narrow, { route: `PUT /v2/api_keys/${open.id}`, body }, /address/);
  });

  test('neither sees nor rotates a key without a list', async () => {
    await expectRefusedToTheNarrow(narrow, { route: `GET /v2/api_keys/key/${open.id}` }, /address/);
    await expectRefusedToTheNarrow(narrow, { route: `POST /v2/api_keys/rotate/${open.id}`, body: {} }, /address/);
  });

  test.each([
    ['the same', OWN],
    ['the same as its IPv6 twin', ['::ffff:192.0.2.0/120']],
    ['halves of it', ['192.0.2.0/25', '192.0.2.128/25']],
    ['one address of it', ['192.0.2.77']],
  ])('makes keys with %s', async (_, list) => {
    const made = await call(narrow.api_key, 'POST /v2/api_keys', {
      body: { label: 'a key', ip_whitelist: list },
      ...FROM,
    });
    expect(made.status).toBe(201);
    const changed = await call(narrow.api_key, `PUT /v2/api_keys/${narrowTwin.id}`, {
      body: { ip_whitelist: list },
      ...FROM,
    });
    expect(changed.status).toBe(200);
  });
});

describe('a key that expires', () => {
  const OWN = '2099-06-15';
  const LATER: [string, string | null][] = [
    ['never', null],
    ['a day later', '2099-06-16'],
    ['a year later', '2100-01-01'],
  ];

  let narrow: Made;
  let narrowTwin: Made;
  let lasting: Made;
  beforeEach(async () => {
    narrow = await createKey(keys.ORG_ADMIN, { expiration_date: OWN });
    narrowTwin = await createKey(keys.ORG_ADMIN, { expiration_date: OWN });
    lasting = await createKey(keys.ORG_ADMIN);
  });

  test('makes no key that leaves the date out', async () => {
    const attempt = { route: 'POST /v2/api_keys', body: { label: 'a key' } };
    await expectRefusedToTheNarrow(narrow, attempt, /2099-06-15/);
  });

  test.each(LATER)('makes no key that expires %s', async (_, date) => {
    const attempt = { route: 'POST /v2/api_keys', body: { label: 'a key', expiration_date: date } };
    await expectRefusedToTheNarrow(narrow, attempt, /2099-06-15/);
  });

  test.each(LATER)('makes no main key that expires %s', async (_, date) => {
    const attempt = { route: 'POST /v2/api_keys', body: { label: 'a key', expiration_date: date, user_type: 'bot' } };
    await expectRefusedToTheNarrow(narrow, attempt, /2099-06-15/);
  });

  test.each(LATER)('does not move its own date to %s', async (_, date) => {
    const attempt = { route: `PUT /v2/api_keys/${narrow.id}`, body: { expiration_date: date } };
    await expectRefusedToTheNarrow(narrow, attempt, /2099-06-15/);
  });

  test.each(LATER)('does not move the date of another own key to %s', async (_, date) => {
    const attempt = { route: `PUT /v2/api_keys/${narrowTwin.id}`, body: { expiration_date: date } };
    await expectRefusedToTheNarrow(narrow, attempt, /2099-06-15/);
  });

  test.each<[string, Record<string, unknown>]>([
    ['rename', { label: 'renamed' }],
    ['shorten', { expiration_date: OWN }],
  ])('does not %s a key that does not expire', async (_, body) => {
    await expectRefusedToTheNarrow(narrow, { route: `PUT /v2/api_keys/${lasting.id}`, body }, /2099-06-15/);
  });

  test('neither sees nor rotates a key that does not expire', async () => {
    await expectRefusedToTheNarrow(narrow, { route: `GET /v2/api_keys/key/${lasting.id}` }, /2099-06-15/);
    await expectRefusedToTheNarrow(narrow, { route: `POST /v2/api_keys/rotate/${lasting.id}`, body: {} }, /2099-06-15/);
  });

  test.each([
    ['on the same day', OWN],
    ['before', '2099-06-14'],
  ])('makes keys that expire %s', async (_, date) => {
    const made = await call(narrow.api_key, 'POST /v2/api_keys', { body: { label: 'a key', expiration_date: date } });
    expect(made.status).toBe(201);
    const changed = await call(narrow.api_key, `PUT /v2/api_keys/${narrowTwin.id}`, {
      body: { expiration_date: date },
    });
    expect(changed.status).toBe(200);
  });
});
