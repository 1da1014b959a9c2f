import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLatchkey, each, LatchkeyError, type LatchkeyOptions } from '../../src/client/backend/latchkey.ts';

/* The client for backends against answers made up here: what it sends, what it sends again, and what it tells. */

const OWN_KEY = 'lk_TheBackendsOwn';
const ASKED_KEY = 'lk_TheClientsKey';
const VERDICT = { valid: true, code: 'VALID', key: { id: 7, label: 'Store locator', permissions: ['review_read'] } };

/** An answer, or what the connection fails with. */
type Scripted = Response | Error | ((request: Sent) => Promise<Response>);

interface Sent {
  url: string;
  init: RequestInit;
  headers: Headers;
  /** When it was sent, in milliseconds since the test began. */
  at: number;
}

/** A client whose calls get the scripted answers in turn, the last one again and again. */
function scripted(answers: Scripted[], options: Partial<LatchkeyOptions> = {}) {
  const sent: Sent[] = [];
  const begun = performance.now();
  const fetch = async (url: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const request = { url: String(url), init, headers: new Headers(init.headers), at: performance.now() - begun };
    sent.push(request);
    const answer = answers[Math.min(sent.length, answers.length) - 1];
    if (answer instanceof Response) return answer.clone();
    if (typeof answer === 'function') return answer(request);
    throw answer;
  };
  return { sent, latchkey: createLatchkey({ url: 'https://keys.example/', apiKey: OWN_KEY, fetch, ...options }) };
}

const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  Response.json(body, { status, headers });
const outage = (headers: Record<string, string> = {}) =>
  json({ errors: { server: 'Not now.' }, code: 'UNAVAILABLE', request_id: 'r-1' }, 503, headers);
const lost = () => new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
/** As `fetch` does where nothing answers. */
const silent = ({ init }: Sent) =>
  new Promise<Response>((_, reject) => init.signal?.addEventListener('abort', () => reject(init.signal?.reason)));

/** What a call comes to, with all pauses passed over. */
async function settled<Answer>(call: Promise<Answer>): Promise<PromiseSettledResult<Answer>> {
  let result: PromiseSettledResult<Answer> | undefined;
  Promise.allSettled([call]).then(([settledCall]) => {
    result = settledCall;
  });
  while (result === undefined) {
    // A body is read in turns of the real event loop.
    await new Promise((turn) => setImmediate(turn));
    await vi.advanceTimersByTimeAsync(10);
  }
  return result;
}

async function failureOf(call: Promise<unknown>): Promise<LatchkeyError> {
  const result = await settled(call);
  if (result.status === 'rejected' && result.reason instanceof LatchkeyError) return result.reason;
  throw new Error('The call did not fail, or not with a LatchkeyError', { cause: result });
}

async function answerOf<Answer>(call: Promise<Answer>): Promise<Answer> {
  const result = await settled(call);
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
  vi.spyOn(Math, 'random').mockReturnValue(0);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test('a call puts its fields where the document says: path, query, body, form', async () => {
  const { sent, latchkey } = scripted([json({ id: 7 })]);
  await latchkey.updateApiKey({ id: 7, label: 'New', ip_whitelist: [] });
  await latchkey.listApiKeys({ page: 2, status: 'active', search_text: 'a&b' });
  // As JavaScript may give it.
  await Reflect.apply(latchkey.listApiKeys, undefined, [{ status: undefined, page: 3 }]);
  await latchkey.revokeApiKey({ id: 7 });
  await latchkey.getCurrentApiKey();
  await latchkey.introspectToken({ token: ASKED_KEY, permissions: 'review_read review_reply' });
  expect(sent.map(({ url, init, headers }) => [init.method, url, headers.get('Content-Type'), init.body])).toEqual([
    ['PUT', 'https://keys.example/v2/api_keys/7', 'application/json', '{"label":"New","ip_whitelist":[]}'],
    ['GET', 'https://keys.example/v2/api_keys?page=2&status=active&search_text=a%26b', null, undefined],
    ['GET', 'https://keys.example/v2/api_keys?page=3', null, undefined],
    ['POST', 'https://keys.example/v2/api_keys/revoke/7', null, undefined],
    ['GET', 'https://keys.example/v2/api_keys/current', null, undefined],
    [
      'POST',
      'https://keys.example/v2/introspect',
      'application/x-www-form-urlencoded',
      `token=${ASKED_KEY}&permissions=review_read+review_reply`,
    ],
  ]);
  expect(sent.every(({ headers }) => headers.get('x-APIKey') === OWN_KEY)).toBe(true);
});

test('an id that is none is refused, so that it cannot lead to another path', async () => {
  const { sent, latchkey } = scripted([json({})]);
  for (const id of ['..', '../api_keys/revoke_current', 'me', '', '5309c3a237bbc544d8e26737?x=1']) {
    await expect(latchkey.deleteUser({ id })).rejects.toThrow(TypeError);
  }
  expect(sent).toEqual([]);
  await latchkey.deleteUser({ id: '5309c3a237bbc544d8e26737' });
  expect(sent[0]?.url).toBe('https://keys.example/v2/user/5309c3a237bbc544d8e26737');
});

test('what makes something has one Idempotency-Key for all its tries, and another for the next call', async () => {
  const { sent, latchkey } = scripted([lost(), outage(), json({ id: 7 }), json({ id: 8 })]);
  expect(await answerOf(latchkey.createApiKey({ label: 'New' }))).toEqual({ id: 7 });
  await latchkey.createApiKey({ label: 'New' });
  await latchkey.rotateApiKey({ id: 8, overlap_seconds: 3600 }, { idempotencyKey: 'mine' });
  const [first, second, third, next, own] = sent.map(({ headers }) => headers.get('Idempotency-Key'));
  expect([second, third]).toEqual([first, first]);
  expect(first).toMatch(/^[0-9a-f-]{36}$/);
  expect(next).toMatch(/^[0-9a-f-]{36}$/);
  expect(next).not.toBe(first);
  expect(own).toBe('mine');
  await expect(latchkey.createApiKey({ label: 'New' }, { idempotencyKey: 'a\nb' })).rejects.toThrow(TypeError);
});

test('reading and revoking are repeated after a 503 and a lost connection; pausing, changing and deleting are not', async () => {
  for (const failure of [outage(), lost()]) {
    const { sent, latchkey } = scripted([failure]);
    const countOf = async (call: Promise<unknown>) => {
      await failureOf(call);
      return sent.splice(0).length;
    };
    expect(await countOf(latchkey.getApiKey({ id: 7 }))).toBe(3);
    expect(await countOf(latchkey.explainApiKey({ id: 7 }))).toBe(3);
    expect(await countOf(latchkey.revokeApiKey({ id: 7 }))).toBe(3);
    expect(await countOf(latchkey.pauseApiKey({ id: 7 }))).toBe(1);
    expect(await countOf(latchkey.resumeApiKey({ id: 7 }))).toBe(1);
    expect(await countOf(latchkey.updateApiKey({ id: 7, label: 'New' }))).toBe(1);
    expect(await countOf(latchkey.changeOverlap({ id: 7, overlap_seconds: 0 }))).toBe(1);
    expect(await countOf(latchkey.deleteUser({ id: '5309c3a237bbc544d8e26737' }))).toBe(1);
  }
});

test('pauses between tries double, and are never shorter than Retry-After', async () => {
  const plain = scripted([outage()], { retries: 3 });
  await failureOf(plain.latchkey.getApiKey({ id: 7 }));
  expect(plain.sent.map(({ at }) => at)).toEqual([0, 100, 300, 700]);

  const told = scripted([outage({ 'Retry-After': '5' }), json({ id: 7 })]);
  await answerOf(told.latchkey.getApiKey({ id: 7 }));
  expect(told.sent.map(({ at }) => at)).toEqual([0, 5100]);

  const dated = scripted([outage({ 'Retry-After': new Date(Date.now() + 4000).toUTCString() }), json({ id: 7 })]);
  await answerOf(dated.latchkey.getApiKey({ id: 7 }));
  expect(dated.sent[1]?.at).toBeGreaterThanOrEqual(3000);
});

test('a wait that does not fit into the time of the call is not begun: the error says how long it is', async () => {
  const limited = json({ errors: { rate_limit: 'Too many calls.' }, code: 'RATE_LIMITED' }, 429, {
    'Retry-After': '60',
  });
  const { sent, latchkey } = scripted([limited, limited, json({ id: 7 })]);
  const error = await failureOf(latchkey.getApiKey({ id: 7 }));
  expect(error).toMatchObject({ code: 'RATE_LIMITED', status: 429, retryAfterSeconds: 60 });
  expect(sent).toHaveLength(1);
  // Nothing was done, so even a change is made again by a caller who has the time.
  expect(await answerOf(latchkey.pauseApiKey({ id: 7 }, { timeoutMs: 120_000 }))).toEqual({ id: 7 });
  expect((sent[2]?.at ?? 0) - (sent[1]?.at ?? 0)).toBe(60_100);
});

test('a call that gets no answer ends in time, and a call that its caller aborts ends with his reason', async () => {
  const { sent, latchkey } = scripted([silent]);
  expect(await failureOf(latchkey.getApiKey({ id: 7 }))).toMatchObject({ code: 'TIMEOUT', status: null });
  expect(sent).toHaveLength(1);
  expect(performance.now() - (sent[0]?.at ?? 0)).toBeGreaterThanOrEqual(15_000);

  const stopped = new AbortController();
  const call = latchkey.getApiKey({ id: 7 }, { signal: stopped.signal });
  stopped.abort(new Error('No longer needed'));
  await expect(call).rejects.toThrow('No longer needed');

  // Between two tries as well.
  const later = new AbortController();
  const { sent: tried, latchkey: lossy } = scripted([lost()]);
  const waiting = expect(lossy.getApiKey({ id: 7 }, { signal: later.signal })).rejects.toThrow('Stop');
  await vi.advanceTimersByTimeAsync(50);
  later.abort(new Error('Stop'));
  await waiting;
  expect(tried).toHaveLength(1);
});

test('an error says what is wrong with which field, and names the call in the log', async () => {
  const invalid = {
    errors: { json: { label: 'Too long.', 'ip_whitelist.2': 'No network.' } },
    code: 'INVALID_REQUEST',
  };
  const { latchkey } = scripted([json({ ...invalid, request_id: 'r-9' }, 400)]);
  const error = await failureOf(latchkey.createApiKey({ label: '…' }));
  expect(error).toMatchObject({
    name: 'LatchkeyError',
    code: 'INVALID_REQUEST',
    status: 400,
    fields: { label: 'Too long.', 'ip_whitelist.2': 'No network.' },
    requestId: 'r-9',
    message: 'createApiKey: 400 INVALID_REQUEST: label: Too long. ip_whitelist.2: No network.',
  });
});

test('verify gives the verdict, and what to answer a refused request with', async () => {
  const { sent, latchkey } = scripted([json(VERDICT), json({ valid: false, code: 'EXPIRED' })]);
  const call = { apiKey: ASKED_KEY, ip: '192.0.2.10', permissions: ['review_read'] };
  expect(await latchkey.verify(call)).toEqual({ allowed: true, key: VERDICT.key });
  expect(sent[0]?.init.body).toBe(
    JSON.stringify({ api_key: ASKED_KEY, ip: '192.0.2.10', permissions: ['review_read'] }),
  );
  expect(await latchkey.verify(call)).toMatchObject({ allowed: false, code: 'EXPIRED', status: 401 });
  expect(await latchkey.verify({ ...call, apiKey: null })).toMatchObject({ code: 'MISSING_KEY', status: 401 });
  expect(sent).toHaveLength(2);
});

test('without an answer there is no verdict: verify lets nothing in, and says nothing about the key', async () => {
  const call = { apiKey: ASKED_KEY, ip: null };
  const noAnswers: Scripted[] = [
    outage({ 'Retry-After': '5' }),
    json({ errors: { server: 'Oh.' }, code: 'INTERNAL' }, 500),
    new Response('<h1>Bad gateway</h1>', { status: 502 }),
    new Response('<h1>Welcome</h1>'),
    new Response(null, { status: 302, headers: { Location: 'https://elsewhere.example/' } }),
    json({ valid: 'yes', code: 'VALID' }),
    json({ valid: true, code: 'VALID' }),
    json({ valid: false, code: 'A_LATER_CODE' }),
    json(null),
    lost(),
    silent,
  ];
  for (const answer of noAnswers) {
    const { latchkey } = scripted([answer]);
    const verdict = await answerOf(latchkey.verify(call));
    expect(verdict).toMatchObject({ allowed: false, code: 'UNAVAILABLE', status: 503 });
    expect(verdict).toHaveProperty('cause', expect.any(LatchkeyError));
  }
  const limited = json({ errors: { rate_limit: 'Too many.' }, code: 'RATE_LIMITED' }, 429, { 'Retry-After': '60' });
  expect(await answerOf(scripted([limited]).latchkey.verify(call))).toMatchObject({
    allowed: false,
    code: 'RATE_LIMITED',
    status: 429,
    cause: { retryAfterSeconds: 60 },
  });
});

test('verify waits for five seconds at most, as the middleware for Workers does', async () => {
  const { latchkey } = scripted([silent]);
  const begun = performance.now();
  let waited: number | undefined;
  const verdict = latchkey.verify({ apiKey: ASKED_KEY, ip: null }).then((given) => {
    waited = performance.now() - begun;
    return given;
  });
  expect(await answerOf(verdict)).toMatchObject({ code: 'UNAVAILABLE' });
  expect(waited).toBe(5_000);
});

test("that the backend's own key is refused is no verdict about another key: verify throws", async () => {
  for (const [status, code] of [
    [401, 'REVOKED'],
    [403, 'PERMISSION_DENIED'],
    [400, 'INVALID_REQUEST'],
  ] as const) {
    const { latchkey } = scripted([json({ errors: { authentication: 'No.' }, code }, status)]);
    const error = await failureOf(latchkey.verify({ apiKey: ASKED_KEY, ip: null }));
    expect(error).toMatchObject({ status, code });
  }
});

test('no key is in an error, in a log of the client, or carried along by a redirect', async () => {
  const shown: string[] = [];
  const show = (value: unknown) => shown.push(inspect(value, { depth: 9, showHidden: true }), JSON.stringify(value));
  for (const answer of [outage(), lost(), silent, new Response('?'), json({ errors: {}, code: 'X' }, 400)]) {
    const { sent, latchkey } = scripted([answer]);
    show(latchkey);
    show(await failureOf(latchkey.findApiKey({ api_key: ASKED_KEY })));
    show(await answerOf(latchkey.verify({ apiKey: ASKED_KEY, ip: null }).catch((error: unknown) => error)));
    expect(sent[0]?.init.redirect).toBe('manual');
    expect(sent[0]?.url).not.toContain('lk_');
  }
  for (const apiKey of [`${OWN_KEY}\nlk_x`, `${OWN_KEY}é`, '']) {
    expect(() => createLatchkey({ url: 'https://keys.example', apiKey })).toThrow(/^apiKey must(?!.*lk_)/);
  }
  expect(shown.filter((text) => text?.includes('lk_'))).toEqual([]);
  // A file often ends in a line break.
  const { sent, latchkey } = scripted([json({})], { apiKey: `${OWN_KEY}\n` });
  await latchkey.getCurrentApiKey();
  expect(sent[0]?.headers.get('x-APIKey')).toBe(OWN_KEY);
});

test('an address that is none is refused at once, and one below a path works', async () => {
  for (const url of [
    '',
    'keys.example',
    'ftp://keys.example',
    'https://a:secret@keys.example',
    'https://k.example/?a=1',
  ]) {
    expect(() => createLatchkey({ url, apiKey: OWN_KEY })).toThrow(/^url must(?!.*secret)/);
  }
  const { sent, latchkey } = scripted([json({})], { url: 'http://127.0.0.1:8787/keys/' });
  await latchkey.getCurrentApiKey();
  expect(sent[0]?.url).toBe('http://127.0.0.1:8787/keys/v2/api_keys/current');
});

test('each walks through all pages, gives what moved once, and goes further back where pages end', async () => {
  const pages = [
    { page: 1, max_page: 2, count: 4, api_keys: [{ id: 9 }, { id: 8 }] },
    { page: 2, max_page: 2, count: 4, api_keys: [{ id: 8 }, { id: 7 }] },
  ];
  const { sent, latchkey } = scripted(pages.map((page) => json(page)));
  const ids: number[] = [];
  for await (const key of each(latchkey.listApiKeys, { status: 'active' })) ids.push(key.id);
  expect(ids).toEqual([9, 8, 7]);
  expect(sent.map(({ url }) => new URL(url).search)).toEqual([
    '?per_page=100&status=active&page=1',
    '?per_page=100&status=active&page=2',
  ]);

  const log = scripted([
    json({ page: 1, max_page: 1, count: 2, count_is_exact: false, audit_events: [{ id: 31 }, { id: 30 }] }),
    json({ page: 1, max_page: 1, count: 1, audit_events: [{ id: 12 }] }),
  ]);
  const events: number[] = [];
  for await (const event of each(log.latchkey.listAuditEvents)) events.push(event.id);
  expect(events).toEqual([31, 30, 12]);
  expect(new URL(log.sent[1]?.url ?? '').searchParams.get('before')).toBe('30');
});

test('the README names every call, and only those', () => {
  const section =
    /^## Every call of the API\n(.*?)^## /ms.exec(readFileSync('src/client/README.md', 'utf8'))?.[1] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  const named = [...rows.join().matchAll(/`(\w+)`/g)].map(([, name]) => name);
  expect(named.sort()).toEqual(Object.keys(scripted([json({})]).latchkey).sort());
});
