import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { noteQueries } from '../support/asked-queries.ts';
import { invite, isSignedIn, openBrowser, openClock, signInByLink } from '../support/browser.ts';
import { call } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { eventsOf, readEvents } from '../support/events.ts';
import { createPerson, createUser, freshEmail, readUser } from '../support/people.ts';
import { alter, dumpDatabase, readRows, writingNothing } from '../support/stored.ts';
import { meetingPlace, watchDatabase } from '../support/watched-database.ts';

const HOUR_MS = 60 * 60 * 1000;

let keys: RoleKeys;
let userId: string;
beforeAll(async () => {
  keys = await deploy();
});
beforeEach(async () => {
  userId = await createUser(keys.PROVIDER, { role: 'BUSINESS_MANAGER' });
});

const changeUser = (body: unknown) => call(keys.PROVIDER, `POST /v2/user/${userId}`, { body });

test('a link signs its user in, who is then active', async () => {
  const browser = openBrowser();
  const link = await invite(keys.PROVIDER, userId);
  expect((await readUser(keys.PROVIDER, userId)).status).toBe('invited');
  const answer = await browser.post(link);
  expect([answer.status, answer.headers.get('Location')]).toEqual([303, '/console/keys']);
  expect(await isSignedIn(browser)).toBe(true);
  expect((await readUser(keys.PROVIDER, userId)).status).toBe('active');
});

test('opening a link shows whom it is for and changes nothing, however often it is opened', async () => {
  const link = await invite(keys.PROVIDER, userId);
  for (let n = 0; n < 3; n++) {
    const { status, body } = await writingNothing(() => openBrowser().open(link));
    expect(status).toBe(200);
    expect(body).toMatch(/Hello,.*First Last/s);
  }
  expect((await openBrowser().post(link)).status).toBe(303);
});

describe('a link signs nobody in', () => {
  let link: string;
  beforeEach(async () => {
    link = await invite(keys.PROVIDER, userId);
  });

  async function expectDead(options = {}) {
    const browser = openBrowser(options);
    const [before] = await readRows('SELECT count(*) AS n FROM sessions');
    for (const answer of [await browser.open(link), await browser.post(link)]) {
      expect(answer.status).toBe(410);
      expect(answer.body).toMatch(/no longer works/);
      expect(answer.headers.get('Set-Cookie')).toBe(null);
    }
    expect(await readRows('SELECT count(*) AS n FROM sessions')).toEqual([before]);
  }

  test('a second time', async () => {
    await openBrowser().post(link);
    await expectDead();
  });

  test('after 24 hours, and does until then', async () => {
    const { clock, app } = openClock();
    clock.now += 24 * HOUR_MS - 60_000;
    expect((await openBrowser({ app }).open(link)).status).toBe(200);
    clock.now += 60_000;
    await expectDead({ app });
  });

  test('once its user has a newer one', async () => {
    const newer = await invite(keys.PROVIDER, userId);
    await expectDead();
    expect((await openBrowser().post(newer)).status).toBe(303);
  });

  test.each<[string, () => unknown]>([
    ['has another email', () => ({ email: freshEmail() })],
    ['has another role: whoever made the link must not gain by that', () => ({ role: 'ORG_ADMIN' })],
    ['is disabled', () => ({ disabled: true })],
  ])('once its user %s', async (_, change) => {
    await changeUser(change());
    await expectDead();
  });

  test('of a user who was disabled and is enabled again', async () => {
    await changeUser({ disabled: true });
    await changeUser({ disabled: false });
    await expectDead();
  });

  test('whose user has another name: it still does', async () => {
    await changeUser({ first_name: 'Renamed' });
    expect((await openBrowser().post(link)).status).toBe(303);
  });

  test('once its user is deleted, and no row is left of it', async () => {
    expect((await call(keys.PROVIDER, `DELETE /v2/user/${userId}`)).status).toBe(200);
    await expectDead();
    expect(await readRows('SELECT 1 FROM sign_in_links WHERE user_id = ?', userId)).toEqual([]);
  });

  test('once the database was restored', async () => {
    const [state] = await readRows('SELECT epoch FROM feed_state');
    await alter("UPDATE feed_state SET epoch = 'another history'");
    await expectDead();
    await alter('UPDATE feed_state SET epoch = ?', String(state?.epoch));
    expect((await openBrowser().post(link)).status).toBe(303);
  });

  test('by what the database holds of it', async () => {
    for (const { hash } of await readRows('SELECT hash FROM sign_in_links')) {
      expect((await openBrowser().post(`/console/sign-in/link?token=${hash}`)).status).toBe(410);
    }
    expect(JSON.stringify(await dumpDatabase())).not.toContain(link.split('token=')[1]);
  });
});

test('of ten requests with one link at the same time, one is signed in', async () => {
  const link = await invite(keys.PROVIDER, userId);
  const everyoneIsThere = meetingPlace(10);
  const DB = watchDatabase(() => everyoneIsThere());
  const answers = await Promise.all(Array.from({ length: 10 }, () => openBrowser({ env: { DB } }).post(link)));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([303, ...Array.from({ length: 9 }, () => 410)]);
  expect(await readRows('SELECT count(*) AS n FROM sessions WHERE user_id = ?', userId)).toEqual([{ n: 1 }]);
});

test.each<[string, () => Promise<unknown>]>([
  ['disabled', () => changeUser({ disabled: true })],
  ['given a newer link', () => invite(keys.PROVIDER, userId)],
  ['deleted', () => call(keys.PROVIDER, `DELETE /v2/user/${userId}`)],
])('a link whose user is %s just before the transaction signs nobody in', async (_, change) => {
  const link = await invite(keys.PROVIDER, userId);
  let isFirst = true;
  const DB = watchDatabase(async () => {
    if (!isFirst) return;
    isFirst = false;
    await change();
  });
  expect((await openBrowser({ env: { DB } }).post(link)).status).toBe(410);
  expect(isFirst).toBe(false);
  expect(await readRows('SELECT 1 FROM sessions WHERE user_id = ?', userId)).toEqual([]);
});

test('a link that was made up is not looked up', async () => {
  const { DB, queries } = noteQueries();
  const askedForLinks = () => queries.filter((query) => query.includes('sign_in_links')).length;
  const link = await invite(keys.PROVIDER, userId);
  await openBrowser({ env: { DB } }).open(link);
  expect(askedForLinks()).toBe(1);
  // One character of what is sealed is another one.
  const forged = link.replace(/.{9}$/, (end) => `${end.startsWith('A') ? 'B' : 'A'}${end.slice(1)}`);
  expect((await openBrowser({ env: { DB } }).open(forged)).status).toBe(410);
  expect((await openBrowser({ env: { DB } }).post(forged)).status).toBe(410);
  expect(askedForLinks()).toBe(1);
});

test('making and using a link are on record, and so is a second use', async () => {
  const link = await invite(keys.PROVIDER, userId);
  await openBrowser().post(link);
  await openBrowser().post(link);
  const { audit_events } = await readEvents(keys.PROVIDER, `?user_id=${userId}`);
  const [maker] = (await readEvents(keys.PROVIDER, `?user_id=${userId}&action=user.invited`)).audit_events;
  expect(maker).toMatchObject({ actor_user_id: expect.stringMatching(/^[0-9a-f]{24}$/), user_id: userId });
  expect(audit_events.slice(0, 3)).toMatchObject([
    { action: 'user.sign_in_refused', actor_user_id: null, changes: { by: 'link', why: 'used' } },
    {
      action: 'user.signed_in',
      actor_user_id: userId,
      actor_api_key_id: null,
      changes: { by: 'link', link_made_by: maker.actor_user_id },
    },
    { action: 'user.invited' },
  ]);
});

test('neither an event nor a line of the log holds what a link carries', async () => {
  const lines: string[] = [];
  const spies = (['log', 'error', 'warn', 'info'] as const).map((level) =>
    vi.spyOn(console, level).mockImplementation((...line) => void lines.push(line.join(' '))),
  );
  const { events } = await eventsOf(keys.PROVIDER, async () => {
    const link = await invite(keys.PROVIDER, userId);
    await openBrowser().open(link);
    await openBrowser().post(link);
    await openBrowser().post(link);
    await openBrowser().open(link.replace('/link', '/link/nowhere'));
    lines.push(`carried: ${link.split('token=')[1]}`);
  });
  for (const spy of spies) spy.mockRestore();
  const carried = String(lines.pop()).replace('carried: ', '');
  expect(lines.some((line) => line.includes('/console/sign-in/link'))).toBe(true);
  expect(lines.join('\n')).not.toContain(carried);
  expect(JSON.stringify(events)).not.toContain(carried);
});

describe('a new link', () => {
  test('ends the sessions of its user, and of nobody else', async () => {
    const other = await createPerson(keys.PROVIDER, 'ORG_MANAGER');
    const [ended, goingOn] = [await signInByLink(keys.PROVIDER, userId), await signInByLink(keys.PROVIDER, other.id)];
    await invite(keys.PROVIDER, userId);
    expect([await isSignedIn(ended), await isSignedIn(goingOn)]).toEqual([false, true]);
  });

  test('for someone who has signed in is made by ORG_ADMIN and PROVIDER only', async () => {
    const { body } = await call(keys.ORG_ADMIN, 'POST /v2/user', {
      body: { email: freshEmail(), first_name: 'A', last_name: 'B' },
    });
    const route = `POST /v2/user/${body.id}/invite`;
    expect((await call(keys.ORG_MANAGER, route)).status).toBe(200);
    await signInByLink(keys.ORG_MANAGER, body.id);
    const refused = await call(keys.ORG_MANAGER, route);
    expect(refused.status).toBe(403);
    expect(refused.body.errors.authorization).toMatch(/signed in before/);
    expect((await call(keys.ORG_ADMIN, route)).status).toBe(200);
  });

  test('for someone who signs in just before the transaction is judged again', async () => {
    const { body } = await call(keys.ORG_ADMIN, 'POST /v2/user', {
      body: { email: freshEmail(), first_name: 'A', last_name: 'B' },
    });
    const link = await invite(keys.ORG_ADMIN, body.id);
    let isFirst = true;
    const DB = watchDatabase(async () => {
      if (!isFirst) return;
      isFirst = false;
      expect((await openBrowser().post(link)).status).toBe(303);
    });
    const answer = await call(keys.ORG_MANAGER, `POST /v2/user/${body.id}/invite`, { env: { DB } });
    expect(answer.status).toBe(403);
  });

  test('is not made for a disabled user', async () => {
    await changeUser({ disabled: true });
    const answer = await call(keys.PROVIDER, `POST /v2/user/${userId}/invite`);
    expect(answer).toMatchObject({ status: 400, body: { errors: { json: { disabled: /Enable it first/ } } } });
  });

  test('is charged to the limit of secrets that leave', async () => {
    const env = { SECRETS_RATE_LIMIT: { limit: async () => ({ success: false }) } };
    expect((await call(keys.PROVIDER, `POST /v2/user/${userId}/invite`, { env })).status).toBe(429);
  });
});
