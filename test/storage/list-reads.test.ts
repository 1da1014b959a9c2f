import { env } from 'cloudflare:workers';
import { sql } from 'drizzle-orm';
import { beforeEach, expect, test } from 'vitest';
import type { Database } from '../../src/storage/database.ts';
import { openForLists, type ReadList } from '../../src/storage/list-reads.ts';
import { feedState } from '../../src/storage/schema.ts';

/*
 * Lists are read on replicas, from a state that has what this isolate wrote. The local database has no replicas, so what
 * is looked at is what each list asks for.
 */

let sessions: string[];
let bookmarks: string[];
let opened: { db: Database; readList: ReadList };
beforeEach(() => {
  sessions = [];
  bookmarks = ['b5'];
  opened = openForLists(
    new Proxy(env.DB, {
      get(database, name) {
        if (name === 'withSession') {
          return (constraint: string) => {
            sessions.push(constraint);
            const session = env.DB.withSession();
            return {
              prepare: session.prepare.bind(session),
              batch: session.batch.bind(session),
              getBookmark: () => bookmarks.shift() ?? null,
            };
          };
        }
        const value: unknown = Reflect.get(database, name);
        return typeof value === 'function' ? value.bind(database) : value;
      },
    }),
  );
});

const list = (bookmark: string | null) => opened.readList(bookmark, (db) => db.all(sql`SELECT 1`));
const write = () => opened.db.batch([opened.db.update(feedState).set({ head: sql`head` })]);

test('a list asks the nearest replica, from what was heard of the feed on', async () => {
  await list(null);
  await list('b1');
  expect(sessions).toEqual(['first-unconstrained', 'b1']);
});

test('the first list after a write asks the primary, and the ones after it a replica that has reached it', async () => {
  await write();
  await list('b1');
  await list('b1');
  await list('b9');
  expect(sessions).toEqual(['first-primary', 'b5', 'b9']);
});

test('a write while a list is under way is not taken for one that the list saw', async () => {
  await write();
  await opened.readList(null, async () => {
    await write();
  });
  await list(null);
  expect(sessions).toEqual(['first-primary', 'first-primary']);
});

test('after a write that failed the primary is asked: it may have been made', async () => {
  await expect(opened.db.batch([opened.db.update(feedState).set({ head: sql`nothing` })])).rejects.toThrow();
  await list('b1');
  expect(sessions).toEqual(['first-primary']);
});

test('a list that failed at the primary does not count as having seen the write', async () => {
  await write();
  await expect(opened.readList(null, () => Promise.reject(new Error('Out of reach')))).rejects.toThrow();
  await list(null);
  expect(sessions).toEqual(['first-primary', 'first-primary']);
});
