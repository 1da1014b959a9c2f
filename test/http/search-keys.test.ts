import { beforeAll, expect, test } from 'vitest';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectInvalid } from '../support/expect-error.ts';

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

async function search(text: string): Promise<number[]> {
  const { status, body } = await call(keys.ORG_MANAGER, `GET /v2/api_keys?search_text=${encodeURIComponent(text)}`);
  expect(status).toBe(200);
  return body.api_keys.map((key: { id: number }) => key.id);
}

test.each([
  ['the whole label', 'Billing export', 'Billing export'],
  ['a part of the label', 'Nightly import', 'ly im'],
  ['another case', 'Webshop', 'wEBSHOP'],
  ['another case beyond ASCII', 'Réservé', 'RÉSERVÉ'],
  ['decomposed letters for composed ones', 'Café', 'CAFE\u0301'],
  ['SS for ß', 'Hauptstraße', 'HAUPTSTRASSE'],
  ['ß for SS', 'GASSENSTRASSE', 'gassenstraße'],
  ['ß for the capital ẞ', 'RINGSTRAẞE', 'ringstraße'],
  ['a final sigma for another', 'ΚΩΔΙΚΟΣ', 'κωδικος'],
  ['a part that ends in a sigma', 'ΠΡΟΣΒΑΣΗ', 'προς'],
  ['Cyrillic in another case', 'Ключ', 'кЛЮЧ'],
  ['an emoji', 'The 🗝 one', '🗝'],
  ['spaces around it', 'Trimmed text', '  Trimmed text '],
  ['a percent sign', 'Half: 50% off', '50% OFF'],
  ['an underscore', 'snake_case_label', 'e_c'],
  ['a quote', "it's quoted", "T'S"],
])('a key is found by %s', async (_, label, text) => {
  const { id } = await createKey(keys.ORG_MANAGER, { label });
  expect(await search(text)).toEqual([id]);
});

test.each([
  ['a percent sign stands for itself', 'A%B'],
  ['an underscore stands for itself', 'A_B'],
  ['a letter does not stand for the same with an accent', 'ÀXB'],
])('%s', async (_, text) => {
  await createKey(keys.ORG_MANAGER, { label: 'AXB' });
  expect(await search(text)).toEqual([]);
});

test('a key is found by its hint, whatever the case', async () => {
  const { id, key_hint } = await createKey(keys.ORG_MANAGER);
  expect(await search(key_hint)).toContain(id);
  expect(await search(key_hint.slice(-4).toLowerCase())).toContain(id);
  expect(await search(key_hint.toUpperCase())).toContain(id);
});

test('no key is found by what is only in its description', async () => {
  await createKey(keys.ORG_MANAGER, { description: 'described somehow' });
  expect(await search('described somehow')).toEqual([]);
});

test('an empty search finds everything', async () => {
  const { body } = await call(keys.ORG_MANAGER, 'GET /v2/api_keys');
  expect(await search('')).toEqual(body.api_keys.map((key: { id: number }) => key.id));
});

test.each<[string, () => string]>([
  ['a whole key', () => keys.ORG_MANAGER],
  ['a whole key with text around it', () => `is it ${keys.ORG_MANAGER}?`],
  ['a whole key with spaces around it', () => ` ${keys.ORG_MANAGER} `],
  ['a key that does not exist', () => generateApiKey('lk')],
])('%s is refused as a search, for a URL is logged, and another way named', async (_, text) => {
  const answer = await call(keys.ORG_MANAGER, `GET /v2/api_keys?search_text=${encodeURIComponent(text())}`);
  expectInvalid(answer, ['search_text']);
  expect(answer.body.errors.json.search_text).toContain('find');
});
