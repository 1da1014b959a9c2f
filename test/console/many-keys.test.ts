import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Browser, signIn } from '../support/browser.ts';
import { createKey } from '../support/client.ts';
import { deploy } from '../support/deployment.ts';
import { createOrganisation, createPerson, type Person } from '../support/people.ts';
import { countRowsRead } from '../support/rows-read.ts';
import { fillUsage } from '../support/usage-counts.ts';

/*
 * The list of an organisation with 5,000 keys, half of them main integrations, of which the newest were called each hour,
 * with both outcomes, from as many networks as are kept.
 */

const KEYS = 5_000;
const PER_PAGE = 30;

let admin: Person;
let browser: Browser;
beforeAll(async () => {
  const keys = await deploy();
  admin = await createPerson(keys.PROVIDER, 'ORG_ADMIN', await createOrganisation(keys.PROVIDER));
  browser = await signIn(admin.key);
  await createKey(admin.key, { user_type: 'bot' });
  await env.DB.prepare(
    `INSERT INTO api_keys (org_id, user_id, user_type, label, label_folded, description, hint, hint_folded,
       expiration_date, ip_whitelist, has_restricted_permissions, permissions, created_by, created_by_name, created_at)
     WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < ?1)
     SELECT ?2, users.id, users.type, 'Store locator and opening hours, shop ' || n, 'store locator and opening hours, shop ' || n,
       'Follows the opening hours', 'lk_…' || n, 'lk_…' || n, '2027-01-01', '["192.0.2.0/24"]', 1, '["review_read"]',
       ?3, 'First Last', 1700000000000
     FROM counter, users WHERE users.id = CASE n % 2 WHEN 0 THEN ?3 ELSE (SELECT id FROM users WHERE org_id = ?2 AND type = 'bot') END`,
  )
    .bind(KEYS, admin.orgId, admin.id)
    .run();
  const { results } = await env.DB.prepare('SELECT max(id) AS id FROM api_keys').all<{ id: number }>();
  const newest = results[0]?.id ?? 0;
  await fillUsage({ from: newest - 4 * PER_PAGE, to: newest }, Date.now(), ['VALID', 'IP_NOT_ALLOWED']);
});

async function openPage(path: string): Promise<{ body: string; rowsRead: number }> {
  const { rowsRead, ...databases } = countRowsRead();
  const { status, body } = await browser.open(path, { env: databases });
  expect(status).toBe(200);
  return { body, rowsRead: rowsRead() };
}

describe(`the list of ${KEYS} keys`, () => {
  test.each([
    ['on its first page', '', 30],
    ['on its last page', '&page=84', 11],
    ['by a status', '&status=active', 30],
    ['by a search', '&search_text=shop+4999', 1],
  ])('%s is below 100 KB, and reads its index a few times and the rows of the page', async (_, query, shown) => {
    const { body, rowsRead } = await openPage(`/console/keys?type=bot${query}`);
    const bytes = new TextEncoder().encode(body).length;
    expect(body).toContain('<span class="n">2,501</span>');
    expect(body.match(/<th scope="row"/g)).toHaveLength(shown);
    expect(bytes).toBeLessThan(100_000);
    // The list, its count, and the counts of all and of a search; the use of the page's keys, of the heaviest there is.
    expect(rowsRead).toBeLessThanOrEqual(4 * (KEYS + 1) + PER_PAGE * 500 + 300);
  });
});
