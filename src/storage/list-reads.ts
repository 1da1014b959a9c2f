import { type Database, openDatabase } from './database.ts';

/*
 * Lists are read from a replica of D1, so that a slow list does not load the primary, which look-ups, polls and writes
 * need. Without read replication, D1 answers lists from the primary too.
 */

/**
 * Runs a list's queries on the nearest replica that has reached two states: that of `bookmark`, and that after this
 * isolate's last write.
 * @param bookmark what the isolate has heard of the database; null: nothing
 */
export type ReadList = <Value>(bookmark: string | null, query: (db: Database) => Promise<Value>) => Promise<Value>;

/**
 * Opens a database twice. `db` is the primary, for writes and for reads that must be current. `readList` is for lists.
 *
 * A list shows everything that this isolate wrote. The first list after a write asks the primary, and its bookmark lets
 * later lists ask a replica again. A list shows what another isolate wrote once this isolate has heard the feed since.
 * So a client whose calls reach two isolates may see a list that is behind by up to `MAX_STALENESS_SECONDS`.
 */
export function openForLists(d1: D1Database): { db: Database; readList: ReadList } {
  let writes = 0;
  let writesInBookmark = 0;
  let ownBookmark: string | null = null;

  const noteWrite = () => {
    writes += 1;
  };
  return {
    // Counts failed writes too: one may have taken effect although its answer was lost.
    db: openDatabase(d1, noteWrite),
    async readList(bookmark, query) {
      const writesBefore = writes;
      const hasUnseenWrite = writesInBookmark < writesBefore;
      const session = d1.withSession(
        hasUnseenWrite ? 'first-primary' : (later(bookmark, ownBookmark) ?? 'first-unconstrained'),
      );
      const value = await query(openSession(d1, session));
      if (hasUnseenWrite) {
        ownBookmark = later(ownBookmark, session.getBookmark());
        writesInBookmark = Math.max(writesInBookmark, writesBefore);
      }
      return value;
    },
  };
}

/** Bookmarks sort as text, from the oldest to the newest. */
function later(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return one > other ? one : other;
}

/** Wraps a session as a `D1Database`, which is what drizzle takes. */
export function openSession(d1: D1Database, session: D1DatabaseSession): Database {
  return openDatabase({
    prepare: (query) => session.prepare(query),
    batch: (statements) => session.batch(statements),
    exec: (query) => d1.exec(query),
    withSession: (constraint) => d1.withSession(constraint),
    dump: () => d1.dump(),
  });
}
