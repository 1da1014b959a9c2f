import { env } from 'cloudflare:workers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { hashApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { openKeyring } from '../../src/domain/secrets/keyring.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { expectUnavailable } from '../support/expect-error.ts';
import { alter, dumpCache, dumpDatabase, readRows } from '../support/stored.ts';

/** Whatever has the shape of a key. */
const ANY_KEY = /[a-z][a-z0-9]{1,15}_[0-9A-Za-z]{49}/;

let keys: RoleKeys;
/** Every secret that was given out, and those of them that are in use. */
const given: string[] = [];
const inUse: string[] = [];

beforeAll(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  keys = await deploy();
  given.push(...Object.values(keys));
  inUse.push(...Object.values(keys));

  const make = async (fields: Record<string, unknown> = {}) => {
    const key = await createKey(keys.BUSINESS_MANAGER, fields);
    given.push(key.api_key);
    return key;
  };
  const rotate = async (id: number, overlap_seconds: number): Promise<string> => {
    const rotation = { overlap_seconds, end_previous: true };
    const { body } = await call(keys.BUSINESS_MANAGER, `POST /v2/api_keys/rotate/${id}`, { body: rotation });
    given.push(body.api_key);
    return body.api_key;
  };
  inUse.push((await make()).api_key);
  const rotatedOnce = await make();
  inUse.push(await rotate(rotatedOnce.id, 3600));
  const rotatedTwice = await make();
  await rotate(rotatedTwice.id, 3600);
  inUse.push(await rotate(rotatedTwice.id, 0));
  const revoked = await make();
  await rotate(revoked.id, 3600);
  await call(keys.BUSINESS_MANAGER, `POST /v2/api_keys/revoke/${revoked.id}`);
  for (const secret of given) await call(secret, 'GET /v2/api_keys/current');
  for (const id of [rotatedOnce.id, rotatedTwice.id]) await call(keys.BUSINESS_MANAGER, `GET /v2/api_keys/key/${id}`);
});

afterAll(() => {
  vi.restoreAllMocks();
});

/** Those of the secrets that can be read in a text: in whole or but for what every key has, plain or encoded. */
function secretsIn(text: string): string[] {
  return given.filter((secret) => {
    const body = secret.slice(3, -6);
    const hex = Array.from(secret, (c) => c.charCodeAt(0).toString(16).padStart(2, '0')).join('');
    return text.includes(body) || text.includes(btoa(secret).replaceAll('=', '')) || text.toLowerCase().includes(hex);
  });
}

/** The entry of a keyring that these bytes are. */
function entry(id: string, byte: number): string {
  return `${id}:${btoa(String.fromCharCode(...Array(32).fill(byte)))}`;
}

async function readSealed(): Promise<{ hash: string; sealed: string }[]> {
  const rows = await readRows('SELECT hash, sealed FROM api_key_secrets WHERE sealed IS NOT NULL');
  return rows.map(({ hash, sealed }) => ({ hash: String(hash), sealed: String(sealed) }));
}

describe('a dump', () => {
  test('of D1 has a row for every secret, and no secret', async () => {
    const tables = await dumpDatabase();
    expect(tables.api_key_secrets).toHaveLength(given.length);
    const text = JSON.stringify(tables);
    expect(ANY_KEY.test(text)).toBe(false);
    expect(secretsIn(text)).toEqual([]);
  });

  test('of KV has an entry for every secret that was used, and no secret or sealed form', async () => {
    const entries = await dumpCache();
    const names = entries.map(({ name }) => name).join(' ');
    for (const secret of given) expect(names).toContain(await hashApiKey(secret));
    const text = JSON.stringify(entries);
    expect(ANY_KEY.test(text)).toBe(false);
    expect(secretsIn(text)).toEqual([]);
    const sealed = await readSealed();
    expect(sealed.filter((row) => text.includes(row.sealed))).toEqual([]);
    expect(text).not.toContain('v1.test.');
  });

  test('opens with the keyring to the secrets that are in use, and to no others', async () => {
    const keyring = await openKeyring(env.MASTER_KEYS);
    const opened = await Promise.all((await readSealed()).map(({ sealed, hash }) => keyring.open(sealed, hash)));
    expect(opened.toSorted()).toEqual(inUse.toSorted());
  });

  test('does not open with another master key, though it has the same id', async () => {
    const stranger = await openKeyring(entry('test', 1));
    const opened = await Promise.all((await readSealed()).map(({ sealed, hash }) => stranger.open(sealed, hash)));
    expect(opened).toEqual(Array(inUse.length).fill(null));
  });
});

test('with the sealed forms of two rows swapped, neither opens', async () => {
  const [one, other] = [await createKey(keys.ORG_ADMIN), await createKey(keys.ORG_ADMIN)];
  const [oneHash, otherHash] = [await hashApiKey(one.api_key), await hashApiKey(other.api_key)];
  const sealedOf = new Map((await readSealed()).map(({ hash, sealed }) => [hash, sealed]));
  const [oneSealed = '', otherSealed = ''] = [sealedOf.get(oneHash), sealedOf.get(otherHash)];
  const keyring = await openKeyring(env.MASTER_KEYS);
  expect(await keyring.open(oneSealed, oneHash)).toBe(one.api_key);
  expect(await keyring.open(otherSealed, oneHash)).toBeNull();
  expect(await keyring.open(oneSealed, otherHash)).toBeNull();

  await alter('UPDATE api_key_secrets SET sealed = ? WHERE hash = ?', otherSealed, oneHash);
  await alter('UPDATE api_key_secrets SET sealed = ? WHERE hash = ?', oneSealed, otherHash);
  for (const { id } of [one, other]) {
    const answer = await call(keys.ORG_ADMIN, `GET /v2/api_keys/key/${id}`);
    expectUnavailable(answer);
    expect(ANY_KEY.test(JSON.stringify(answer.body))).toBe(false);
  }
  // Each still works: verification needs only the hash.
  for (const { id, api_key } of [one, other]) {
    expect((await call(api_key, 'GET /v2/api_keys/current')).body.id).toBe(id);
  }

  await alter('UPDATE api_key_secrets SET sealed = ? WHERE hash = ?', oneSealed, oneHash);
  await alter('UPDATE api_key_secrets SET sealed = ? WHERE hash = ?', otherSealed, otherHash);
  for (const { id, api_key } of [one, other]) {
    expect((await call(keys.ORG_ADMIN, `GET /v2/api_keys/key/${id}`)).body).toEqual({ id, api_key });
  }
});

test('a secret that was sealed in the place of another is not given out', async () => {
  // As someone with the keyring and the database could do it: what opens is not what the row is of.
  const [one, other] = [await createKey(keys.ORG_ADMIN), await createKey(keys.ORG_ADMIN)];
  const hash = await hashApiKey(one.api_key);
  const forged = await (await openKeyring(env.MASTER_KEYS)).seal(other.api_key, hash);
  await alter('UPDATE api_key_secrets SET sealed = ? WHERE hash = ?', forged, hash);
  const answer = await call(keys.ORG_ADMIN, `GET /v2/api_keys/key/${one.id}`);
  expectUnavailable(answer);
  expect(ANY_KEY.test(JSON.stringify(answer.body))).toBe(false);
});

test('each secret is sealed anew: the same one twice makes two forms', async () => {
  const keyring = await openKeyring(env.MASTER_KEYS);
  const forms = await Promise.all(Array.from({ length: 20 }, () => keyring.seal('a secret', 'a hash')));
  expect(new Set(forms).size).toBe(20);
  for (const form of forms) expect(await keyring.open(form, 'a hash')).toBe('a secret');
});

test('a form that was changed anywhere does not open', async () => {
  const keyring = await openKeyring(env.MASTER_KEYS);
  const form = await keyring.seal('a secret', 'a hash');
  const [version, id, iv = '', box = ''] = form.split('.');
  const flip = (base64: string) => `${base64.startsWith('A') ? 'B' : 'A'}${base64.slice(1)}`;
  const changed = [
    ['v2', id, iv, box],
    [version, 'other', iv, box],
    [version, id, flip(iv), box],
    [version, id, iv, flip(box)],
    [version, id, iv, box.slice(0, -8)],
    [version, id, iv, ''],
    [version, id, '', box],
    [version, id, iv],
    [version, id, '!', '!'],
    [''],
  ];
  for (const parts of changed) expect(await keyring.open(parts.join('.'), 'a hash')).toBeNull();
  expect(await keyring.open(form, 'a hash')).toBe('a secret');
});

test('with a new entry in front, the old one opens on, and the new one seals', async () => {
  const next = { MASTER_KEYS: `${entry('next', 2)},${env.MASTER_KEYS}` };
  const old = await createKey(keys.ORG_MANAGER);
  const seen = await call(keys.ORG_MANAGER, `GET /v2/api_keys/key/${old.id}`, { env: next });
  expect(seen.body).toEqual({ id: old.id, api_key: old.api_key });

  const { status, body: made } = await call(keys.ORG_MANAGER, 'POST /v2/api_keys', {
    body: { label: 'new' },
    env: next,
  });
  expect(status).toBe(201);
  const hash = await hashApiKey(made.api_key);
  const sealed = (await readSealed()).find((row) => row.hash === hash)?.sealed ?? '';
  expect(sealed).toMatch(/^v1\.next\./);
  expect(await (await openKeyring(env.MASTER_KEYS)).open(sealed, hash)).toBeNull();
  expect(await (await openKeyring(entry('next', 2))).open(sealed, hash)).toBe(made.api_key);
  expectUnavailable(await call(keys.ORG_MANAGER, `GET /v2/api_keys/key/${made.id}`));

  // In whatever place an entry stands, what it sealed opens; blanks around entries are none of it.
  const spaced = { MASTER_KEYS: ` ${env.MASTER_KEYS} , ${entry('next', 2)} ` };
  for (const { id, api_key } of [old, made]) {
    const answer = await call(keys.ORG_MANAGER, `GET /v2/api_keys/key/${id}`, { env: spaced });
    expect(answer.body).toEqual({ id, api_key });
  }
});

const zebra = (bytes: number) => btoa('zebra'.repeat(20).slice(0, bytes));

test.each<[string, string]>([
  ['nothing', ''],
  ['a blank', ' '],
  ['no id', zebra(32)],
  ['an empty id', `:${zebra(32)}`],
  ['an empty key', 'zebra:'],
  ['a key of 31 bytes', `zebra:${zebra(31)}`],
  ['a key of 33 bytes', `zebra:${zebra(33)}`],
  ['a key of 16 bytes', `zebra:${zebra(16)}`],
  ['a key that is no base64', 'zebra:zebra!zebra!zebra!zebra!zebra!zebra!zeb='],
  ['a key of base64 that is cut off', `zebra:${zebra(32).slice(0, 41)}`],
  ['a key in hex', `zebra:${'7a'.repeat(32)}`],
  ['an id with a dot', `ze.bra:${zebra(32)}`],
  ['an id that is too long', `${'zebra'.repeat(13)}:${zebra(32)}`],
  ['a comma at the end', `zebra:${zebra(32)},`],
  ['a second entry that is unreadable', `zebra:${zebra(32)},zebu:zebra`],
  ['two entries of one id', `zebra:${zebra(32)},zebra:${btoa('zebu'.repeat(8))}`],
  ['entries apart by semicolons', `zebra:${zebra(32)};zebu:${zebra(32)}`],
])('MASTER_KEYS with %s is refused, and the message has nothing of its content', async (_, masterKeys) => {
  const problem: unknown = await openKeyring(masterKeys).catch((error: unknown) => error);
  if (!(problem instanceof Error)) throw new Error('It was taken');
  expect(problem.message).toContain('MASTER_KEYS');
  expect(problem.message).not.toMatch(/zeb|ze\.bra/);
  const parts = masterKeys.split(/[,:;]/).filter((part) => part.trim() !== '');
  expect(parts.filter((part) => problem.message.includes(part))).toEqual([]);
});
