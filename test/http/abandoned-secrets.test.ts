import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { compose } from '../../src/compose.ts';
import { openKeyring } from '../../src/domain/secrets/keyring.ts';
import { abandonUnopened, findUnopened } from '../../src/domain/secrets/reseal-secrets.ts';
import { call, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { eventsOf } from '../support/events.ts';
import { readRows } from '../support/stored.ts';
import { watchDatabase } from '../support/watched-database.ts';

/*
 * `npm run reseal -- --abandon` between its question and its deed, on a deployment whose MASTER_KEYS the command lacks.
 */

const ANOTHER = `other:${btoa('o'.repeat(32))}`;

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

const servicesOn = (bindings: Partial<Env> = {}) => compose({ ...env, ...bindings }, { waitUntil: () => {} });

async function countSealed(): Promise<number> {
  const [row] = await readRows('SELECT count(*) AS n FROM api_key_secrets WHERE sealed IS NOT NULL');
  return Number(row?.n);
}

test('what cannot be put on record is not given up', async () => {
  const before = await countSealed();
  const services = servicesOn({
    DB: watchDatabase(() => {
      throw new Error('Network connection lost');
    }),
  });
  const found = await findUnopened(services, await openKeyring(ANOTHER));
  await expect(abandonUnopened(services, found)).rejects.toThrow('Network connection lost');
  expect(await countSealed()).toBe(before);
});

test('what is sealed while the operator decides is not given up, and what was asked about is', async () => {
  const services = servicesOn();
  const found = await findUnopened(services, await openKeyring(ANOTHER));
  expect(found.forms.length).toBe(await countSealed());
  const made = await createKey(keys.ORG_ADMIN);
  const { events } = await eventsOf(keys.PROVIDER, () => abandonUnopened(services, found));
  expect(events).toMatchObject([{ action: 'secrets.abandoned', changes: { abandoned: found.forms.length } }]);
  expect(await countSealed()).toBe(1);
  const seen = await call(keys.ORG_ADMIN, `GET /v2/api_keys/key/${made.id}`);
  expect(seen.body).toEqual({ id: made.id, api_key: made.api_key });
});
