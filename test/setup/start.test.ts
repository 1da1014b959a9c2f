import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { runWrangler } from '../../src/setup/wrangler.ts';
import { copyCheckout, freePort, npmStart, type Running, runNpm } from '../support/checkout.ts';

/* `npm start`, with everything that may come between it and a service that answers. */

const checkout = copyCheckout();
const folders = mkdtempSync(join(tmpdir(), 'latchkey-states-'));
const running: Running[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop('SIGKILL')));
});
afterAll(() => {
  checkout.remove();
  rmSync(folders, { recursive: true, force: true });
});

function newState(): string {
  return mkdtempSync(join(folders, 'state-'));
}

/** What a first start left behind that was stopped in order; the tests that begin with one copy it. */
const startedOnce = newState();
beforeAll(async () => {
  const first = await start(startedOnce);
  await first.process.stop();
});

function stateStartedOnce(): string {
  const state = newState();
  cpSync(startedOnce, state, { recursive: true, preserveTimestamps: true });
  return state;
}

interface Service {
  process: Running;
  port: number;
}

async function start(state: string, folder = checkout.folder): Promise<Service> {
  const port = await freePort();
  const process = await npmStart(folder, port, ['--persist-to', state]);
  running.push(process);
  return { process, port };
}

function call({ port }: Service, key: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { 'x-APIKey': key, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
}

function devKeys(state: string): Record<string, string> {
  return JSON.parse(readFileSync(join(state, 'dev-keys.json'), 'utf8'));
}

function npmRun(script: string, state: string, ...args: string[]) {
  return spawnSync('npm', ['run', '--silent', script, '--', '--persist-to', state, ...args], {
    cwd: checkout.folder,
    encoding: 'utf8',
    input: '',
  });
}

async function expectAllUsable(service: Service, state: string): Promise<void> {
  const keys = devKeys(state);
  expect(Object.keys(keys)).toHaveLength(6);
  for (const [role, key] of Object.entries(keys)) {
    const answer = await call(service, key, '/v2/user/me');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ role });
  }
}

/** What wrangler's own tables of a database look like, and what it has applied. */
async function migrationsOf(state: string, database: string): Promise<{ sql: unknown; names: unknown }> {
  const where = ['--local', '--persist-to', state, '--json'];
  const printed = await runWrangler([
    ...['d1', 'execute', database, ...where],
    "--command=SELECT sql FROM sqlite_master WHERE name = 'd1_migrations'; SELECT name FROM d1_migrations ORDER BY id",
  ]);
  const [table, names]: { results: Record<string, string>[] }[] = JSON.parse(printed);
  return { sql: table?.results[0]?.sql?.replaceAll(/\s+/g, ' '), names: names?.results };
}

test.each(['DB', 'USAGE_DB'])(
  'wrangler finds the migrations of %s applied, in a record like its own',
  async (database) => {
    const [ours, its] = [stateStartedOnce(), newState()];
    const apply = ['d1', 'migrations', 'apply', database, '--local', '--persist-to'];
    expect(await runWrangler([...apply, ours])).toContain('No migrations to apply');
    await runWrangler([...apply, its]);
    expect(await migrationsOf(ours, database)).toEqual(await migrationsOf(its, database));

    // The other way round: what wrangler has applied is left alone.
    const again = await start(its);
    await expectAllUsable(again, its);
  },
);

test.each([1, 2, 3, 5, 6])(
  'killed when %i demo keys are on disk, the next start goes on: all six are usable',
  async (number) => {
    const state = newState();
    const killed = runNpm(checkout.folder, ['start', '--', '--persist-to', state, '--port', String(await freePort())]);
    running.push(killed);
    const unfinished = join(state, 'dev-keys.unfinished.json');
    const written = () =>
      existsSync(unfinished) ? Object.keys(JSON.parse(readFileSync(unfinished, 'utf8'))).length : 0;
    while (written() < number && !existsSync(join(state, 'dev-keys.json'))) await setTimeout(1);
    await killed.stop('SIGKILL');
    const before = existsSync(unfinished) ? readFileSync(unfinished, 'utf8') : '{}';

    const service = await start(state);
    await expectAllUsable(service, state);
    expect(existsSync(unfinished)).toBe(false);
    expect(statSync(join(state, 'dev-keys.json')).mode & 0o777).toBe(0o600);
    // What counted already is kept, and nothing was made twice.
    const kept = Object.entries<string>(JSON.parse(before)).filter(([role, key]) => devKeys(state)[role] === key);
    expect(kept.length).toBeGreaterThanOrEqual(Object.keys(JSON.parse(before)).length - 1);
    const { PROVIDER, ORG_ADMIN } = devKeys(state);
    expect(await (await call(service, PROVIDER ?? '', '/v2/org/search')).json()).toMatchObject({ count: 2 });
    expect(await (await call(service, ORG_ADMIN ?? '', '/v2/user/search')).json()).toMatchObject({ count: 5 });
    expect(await (await call(service, ORG_ADMIN ?? '', '/v2/api_keys')).json()).toMatchObject({ count: 5 });
  },
);

/** The sign-in link that a start printed. */
function printedLink({ process, port }: Service): string {
  const [, path] =
    new RegExp(`^ *http://localhost:${port}(/console/sign-in/link\\?token=\\S+)$`, 'm').exec(process.printed()) ?? [];
  if (path === undefined) throw new Error(`No link was printed: ${process.printed()}`);
  return path;
}

function post({ port }: Service, path: string): Promise<Response> {
  const headers = { 'Sec-Fetch-Site': 'same-origin' };
  return fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, redirect: 'manual' });
}

test('each start prints one link that signs the demo administrator in, once', async () => {
  const state = stateStartedOnce();
  const first = await start(state);
  const unused = printedLink(first);
  await first.process.stop();

  const service = await start(state);
  const link = printedLink(service);
  expect(link).not.toBe(unused);
  expect((await post(service, unused)).status).toBe(410);
  const signedIn = await post(service, link);
  expect(signedIn.status).toBe(303);
  // Browsers take a cookie with `Secure` or `__Host-` over https only.
  expect(signedIn.headers.get('Set-Cookie')).toMatch(
    /^latchkey_session=[^;]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Lax$/,
  );
  expect((await post(service, link)).status).toBe(410);
  const { ORG_ADMIN } = devKeys(state);
  const events = await (await call(service, ORG_ADMIN ?? '', '/v2/audit_events?action=user.invited&per_page=1')).json();
  expect(events).toMatchObject({ audit_events: [{ actor_user_id: null, actor_name: 'npm start' }] });
});

test('what is deleted from the demo data stays deleted', async () => {
  const state = newState();
  const first = await start(state);
  const { PUBLISHER, ORG_ADMIN } = devKeys(state);
  const { id }: { id: string } = JSON.parse(await (await call(first, PUBLISHER ?? '', '/v2/user/me')).text());
  const deleted = await fetch(`http://127.0.0.1:${first.port}/v2/user/${id}`, {
    method: 'DELETE',
    headers: { 'x-APIKey': ORG_ADMIN ?? '' },
  });
  expect(deleted.status).toBeLessThan(300);
  await first.process.stop();

  const second = await start(state);
  expect((await call(second, PUBLISHER ?? '', '/v2/user/me')).status).toBe(401);
  expect(await (await call(second, ORG_ADMIN ?? '', '/v2/user/search')).json()).toMatchObject({ count: 4 });
});

test('with MASTER_KEYS lost it serves and says what to do; once that is given up, keys are made and rotated again', async () => {
  const state = stateStartedOnce();
  const secretsFile = join(state, 'secrets.env');
  rmSync(secretsFile);

  const lost = await start(state);
  expect(lost.process.printed()).toContain('MASTER_KEYS is gone');
  expect(lost.process.printed()).toContain(`npm run reseal -- --abandon --persist-to ${state}`);
  await expectAllUsable(lost, state);
  const { ORG_ADMIN = '' } = devKeys(state);
  expect((await call(lost, ORG_ADMIN, '/v2/api_keys', { label: 'a key' })).status).toBe(503);
  expect(existsSync(secretsFile)).toBe(false);
  await lost.process.stop();

  // No command makes another one in its place unasked.
  const recovered = npmRun('bootstrap', state, '--recover');
  expect(recovered).toMatchObject({ status: 1, stdout: '' });
  expect(recovered.stderr).toContain('MASTER_KEYS is gone');
  expect(npmRun('reseal', state).stderr).toContain('MASTER_KEYS is gone');
  expect(existsSync(secretsFile)).toBe(false);

  const unasked = npmRun('reseal', state, '--abandon');
  expect(unasked.status).toBe(1);
  expect(unasked.stdout).toContain('6 sealed secrets, of the keys 1, 2, 3, 4, 5, 6,');
  expect(unasked.stderr).toContain('Nothing was changed');
  expect(npmRun('reseal', state, '--abandon', '--yes')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('6 sealed secrets were given up'),
  });
  expect(npmRun('reseal', state, '--abandon', '--yes').stdout).toContain('Nothing to do');

  const mended = await start(state);
  expect(mended.process.printed()).not.toContain('MASTER_KEYS is gone');
  await expectAllUsable(mended, state);
  expect((await call(mended, ORG_ADMIN, '/v2/api_keys', { label: 'a key' })).status).toBe(201);
  const rotated = await call(mended, ORG_ADMIN, '/v2/api_keys/rotate/2', {});
  expect(rotated.status).toBe(200);
  const events = await call(mended, devKeys(state).PROVIDER ?? '', '/v2/audit_events?action=secrets.abandoned');
  expect(await events.json()).toMatchObject({
    audit_events: [{ actor_name: 'reseal --abandon', changes: { abandoned: 6 } }],
  });
});

test('without dev-keys.json it names no file that is not there, and says how a key is made anew', async () => {
  const state = stateStartedOnce();
  rmSync(join(state, 'dev-keys.json'));

  const second = await start(state);
  expect(second.process.printed()).toContain(`npm run bootstrap -- --recover --persist-to ${state}`);
  expect(second.process.printed()).not.toContain('curl');
  await second.process.stop();
  const key = npmRun('bootstrap', state, '--recover').stdout.trim();
  const third = await start(state);
  expect(await (await call(third, key, '/v2/user/me')).json()).toMatchObject({ role: 'PROVIDER' });
});

test('a folder in use is refused with what to do, to a second start and to each command', async () => {
  const state = newState();
  const service = await start(state);
  const second = runNpm(checkout.folder, ['start', '--', '--persist-to', state]);
  running.push(second);
  await second.ended;
  expect(second.exitCode()).toBe(1);
  expect(second.printed()).toMatch(/is in use by npm start \(process \d+\)\. Stop that first, or name another folder/);
  for (const script of ['bootstrap', 'reseal']) {
    const refused = npmRun(script, state, ...(script === 'bootstrap' ? ['--recover'] : []));
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toContain('is in use by npm start');
  }
  await expectAllUsable(service, state);

  // Whoever had it was killed: nothing is left behind.
  await service.process.stop('SIGKILL');
  const next = await start(state);
  await expectAllUsable(next, state);
});

test('two starts from one checkout, at the same moment on folders of their own, both serve; and find only themselves', async () => {
  const states = [newState(), newState()];
  const services = await Promise.all(states.map((state) => start(state)));
  for (const [index, service] of services.entries()) {
    await expectAllUsable(service, states[index] ?? '');
    expect(readdirSync(join(states[index] ?? '', 'registry'))).toEqual(['latchkey']);
  }
});

test('the local explorer, which would write the database for anyone, is not there', async () => {
  const service = await start(newState());
  for (const path of ['/cdn-cgi/local/explorer', '/cdn-cgi/local/explorer/api/d1/database']) {
    const answer = await fetch(`http://127.0.0.1:${service.port}${path}`);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ code: 'NOT_FOUND' });
  }
});

test('the document of the API and its reference are served with their policies', async () => {
  const service = await start(newState());
  const read = (path: string) => fetch(`http://127.0.0.1:${service.port}${path}`, { redirect: 'manual' });
  for (const [path, type, policy] of [
    ['/openapi.json', /^application\/json/, /^default-src 'none'; frame-ancestors 'none'$/],
    ['/docs', /^text\/html/, /script-src 'self'/],
    ['/docs/errors', /^text\/html/, /script-src 'self'/],
  ] as const) {
    const answer = await read(path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('Content-Type')).toMatch(type);
    expect(answer.headers.get('Content-Security-Policy')).toMatch(policy);
    expect(answer.headers.get('X-Content-Type-Options')).toBe('nosniff');
  }
  const [file = ''] = /\/docs-files\/reference\.\w+\.js/.exec(await (await read('/docs')).text()) ?? [];
  expect((await read(file)).headers.get('Cache-Control')).toContain('immutable');
});
