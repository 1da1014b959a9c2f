import { beforeAll, expect, test } from 'vitest';
import { type Answer, createKey } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { type Location, openLocation } from '../support/location.ts';

/*
 * A key is called everywhere all the time, while it is paused and resumed again and again. Each location has a clock of its
 * own, and one of them cannot reach the database for a while.
 */

const BOUND_S = 20;
const GRACE_S = 60;
const SETTINGS: Partial<Env> = {
  MAX_STALENESS_SECONDS: String(BOUND_S),
  OUTAGE_GRACE_SECONDS: String(GRACE_S),
  FEED_POLL_SECONDS: '3600',
};
const STEP_MS = 1_000;

let keys: RoleKeys;
beforeAll(async () => {
  keys = await deploy();
});

/** Several locations in which the same time passes. */
function openWorld() {
  const writer = openLocation(SETTINGS);
  const readers = Array.from({ length: 4 }, () => openLocation(SETTINGS));
  const all = [writer, ...readers];
  return {
    writer,
    readers,
    /** Lets time pass in all of them, and calls with the key from each after every step. */
    async pass(seconds: number, key: string, see: (answer: Answer, location: Location, now: number) => void) {
      for (let step = 0; step < seconds; step++) {
        await Promise.all(all.map((location) => location.pass(STEP_MS)));
        const answers = await Promise.all(all.map((location) => location.current(key)));
        for (const [index, answer] of answers.entries()) {
          const location = all[index];
          if (location !== undefined) see(answer, location, writer.clock.now);
        }
      }
    },
  };
}

function momentOf(stamp: string): number {
  return Date.parse(`${stamp.slice(0, 23).replace(' ', 'T')}Z`);
}

test('nothing is let in after a pause holds, nor refused after it was taken back', { timeout: 60_000 }, async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  const { writer, pass } = openWorld();
  const seen = { pausedBefore: 0, pausedAfter: 0, allowedBefore: 0, allowedAfter: 0 };
  await pass(2, api_key, ({ status }) => expect(status).toBe(200));
  for (const act of ['pause', 'resume', 'pause', 'resume']) {
    const { body } = await writer.call(keys.ORG_ADMIN, `POST /v2/api_keys/${act}/${id}`);
    const holds = momentOf(body.effective_by.normally);
    expect(holds).toBe(writer.clock.now + BOUND_S * 1000);
    await pass(BOUND_S + 5, api_key, ({ status, body: { code } }, location, now) => {
      if (status !== 200) expect({ status, code }).toEqual({ status: 401, code: 'PAUSED' });
      const isAllowed = status === 200;
      seen[`${isAllowed ? 'allowed' : 'paused'}${now < holds ? 'Before' : 'After'}`] += 1;
      // The location that made the change knows at once, the others by when it holds.
      if (now >= holds || location === writer) expect(isAllowed).toBe(act === 'resume');
    });
  }
  // The test would prove nothing if every location had known at once, or if no time were left.
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
});

test('a location that cannot reach the database lets nothing in after its own moment', {
  timeout: 60_000,
}, async () => {
  const { id, api_key } = await createKey(keys.ORG_ADMIN);
  const { writer, readers, pass } = openWorld();
  await pass(1, api_key, ({ status }) => expect(status).toBe(200));
  const [cut] = readers;
  if (cut === undefined) throw new Error('There is no such location');
  cut.d1 = 'rejects';
  const { body } = await writer.call(keys.ORG_ADMIN, `POST /v2/api_keys/pause/${id}`);
  const { normally, in_an_outage } = body.effective_by;
  let inGrace = 0;
  await pass(GRACE_S + 5, api_key, ({ status }, location, now) => {
    if (now >= momentOf(location === cut ? in_an_outage : normally)) expect(status).not.toBe(200);
    else if (status === 200 && now >= momentOf(normally)) inGrace += 1;
  });
  expect(inGrace).toBeGreaterThan(0);
  // Back in reach, it is paused there as everywhere.
  cut.d1 = 'answers';
  await pass(5, api_key, ({ body: { code } }) => expect(code).toBe('PAUSED'));
});
