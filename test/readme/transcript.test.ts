import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyCheckout, freePort, npmStart, type Running } from '../support/checkout.ts';

/* The commands of the README, as they are pasted into a terminal, so that they cannot rot. */

const checkout = copyCheckout();
let port: number;
let service: Running;

beforeAll(async () => {
  port = await freePort();
  service = await npmStart(checkout.folder, port);
});

afterAll(async () => {
  await service.stop();
  checkout.remove();
});

/** The pages whose commands go on from each other. */
const PAGES = ['README.md', 'docs/verifying-calls.md', 'docs/managing-keys.md'];

/** Their shell blocks, one after the other in one shell, as a reader pastes them. */
function transcript(): string {
  const pages = PAGES.map((page) => readFileSync(page, 'utf8')).join('\n');
  const blocks = [...pages.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block);
  return blocks.join('\n').replaceAll('http://localhost:8787', `http://localhost:${port}`);
}

function run(script: string): string {
  return execFileSync('bash', ['-euc', script], { cwd: checkout.folder, encoding: 'utf8' });
}

test("the README's transcript creates a key, uses it, sees it refused, revokes it, sees it refused, and why", () => {
  const printed = run(transcript());
  expect(printed).toContain('"label":"Store locator"');
  expect(printed.match(/^\d{3}$/gm)).toEqual(['200', '403', '401']);
  expect(printed.match(/"errors":.*?"code":"\w+"/g)?.map((error) => error.split('"').at(-2))).toEqual([
    'IP_NOT_ALLOWED',
    'REVOKED',
  ]);
  expect(printed).toContain('{"valid":false,"code":"REVOKED"}');
  expect(printed).toContain('{"active":false}');
  expect(printed).toMatch(/"check":"address","passed":false,"code":"IP_NOT_ALLOWED","detail":"192\.0\.2\.1 /);
});

test('the curl line that npm start prints works', () => {
  const line = /^ {2}(curl .*?)\n\n/ms.exec(service.printed())?.[1] ?? '';
  expect(run(line)).toContain('"user_role":"ORG_ADMIN"');
});

test('after a restart the keys are still there, and a revoked one is still refused', async () => {
  const devKeys = readFileSync(join(checkout.folder, '.wrangler/state/dev-keys.json'), 'utf8');
  await service.stop();
  service = await npmStart(checkout.folder, port);
  expect(readFileSync(join(checkout.folder, '.wrangler/state/dev-keys.json'), 'utf8')).toBe(devKeys);

  const current = (key: string) =>
    fetch(`http://127.0.0.1:${port}/v2/api_keys/current`, {
      headers: { 'x-APIKey': key, 'CF-Connecting-IP': '198.51.100.20' },
    });
  const keys: Record<string, string> = JSON.parse(devKeys);
  expect(Object.keys(keys)).toHaveLength(6);
  for (const key of Object.values(keys)) expect((await current(key)).status).toBe(200);
  const revoked: { api_key: string } = JSON.parse(readFileSync(join(checkout.folder, 'key.json'), 'utf8'));
  expect(await (await current(revoked.api_key)).json()).toMatchObject({ code: 'REVOKED' });
});
