import { spawnSync } from 'node:child_process';
import { afterAll, expect, test } from 'vitest';
import { copyCheckout, freePort, npmStart } from '../support/checkout.ts';

const checkout = copyCheckout();
afterAll(checkout.remove);

const WHO = [
  '--organisation',
  "L'Atelier ?",
  '--email',
  'first@atelier.example',
  '--first-name',
  'First',
  '--last-name',
  'User',
];

function bootstrap(args: readonly string[], env: Record<string, string> = {}) {
  return spawnSync('npm', ['run', '--silent', 'bootstrap', '--', ...args], {
    cwd: checkout.folder,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
}

test('bootstrap makes the first key of a deployment, which works, and refuses when there is one', async () => {
  const first = bootstrap([...WHO, '--persist-to', 'state']);
  expect(first.status).toBe(0);
  const key = first.stdout.trim();
  expect(key).toMatch(/^lk_[0-9A-Za-z]{49}$/);

  const second = bootstrap([...WHO, '--persist-to', 'state']);
  expect(second.status).toBe(1);
  expect(second.stdout).toBe('');
  expect(second.stderr).toContain('has its organisation already');

  // The other spelling of --persist-to; and a database with something in it gets no demo data.
  const port = await freePort();
  const service = await npmStart(checkout.folder, port, ['--persist-to=state']);
  const answer = await fetch(`http://127.0.0.1:${port}/v2/user/me`, { headers: { Authorization: `Bearer ${key}` } });
  expect(await answer.json()).toMatchObject({ email: 'first@atelier.example', role: 'PROVIDER', org_id: 1 });
  expect(service.printed()).toContain('keeps it');
  await service.stop();
});

test('bootstrap says how to call it, and what it needs', () => {
  const unnamed = bootstrap([]);
  expect(unnamed.status).toBe(2);
  expect(unnamed.stderr).toContain('Usage: npm run bootstrap');

  const withoutKeyring = bootstrap([...WHO, '--remote'], { MASTER_KEYS: '' });
  expect(withoutKeyring.status).toBe(1);
  expect(withoutKeyring.stderr).toContain('MASTER_KEYS');
});

test.each([
  ['--email', 'no email', 'Must be an email address.'],
  ['--first-name', 'Fir\u202Est', 'Must not contain characters that change the direction of text'],
  ['--last-name', ' ', 'Must not be empty.'],
  ['--organisation', 'x'.repeat(101), 'Must have at most 100 characters.'],
])('bootstrap takes no text that the API would not take: %s %j', (option, text, problem) => {
  const args = WHO.with(WHO.indexOf(option) + 1, text);
  const refused = bootstrap([...args, '--persist-to', 'state-of-bad-texts']);
  expect(refused).toMatchObject({ status: 1, stdout: '' });
  expect(refused.stderr).toContain(`${option}: ${problem}`);
});

test('recovering makes no user with a text that the API would not take', () => {
  const made = bootstrap([...WHO, '--persist-to', 'state-of-recovery']);
  expect(made.status).toBe(0);
  const person = ['--email', 'second@atelier.example', '--first-name', 'Main', '--last-name', 'Integration'];
  const refused = bootstrap(['--recover', ...person, '--persist-to', 'state-of-recovery']);
  expect(refused).toMatchObject({ status: 1, stdout: '' });
  expect(refused.stderr).toContain('--last-name: This is what main integrations are called.');
});
