import { type Database, openDatabase } from './database.ts';

/*
 * Where lists are read: on a replica of D1, so that a list that takes long takes nothing from the primary, which
 * look-ups, polls and writes need. Without read replication, D1 answers all of it from the primary.
 */

/**
 * Runs queries of a list on the nearest replica that has reached two states: that of `bookmark`, and that which this
 * isolate's own last write left.
 * @param bookmark what the isolate has heard of the database; null: nothing
 */
export type ReadList = <Value>(bookmark: string | null, query: (db: Database) => Promise<Value>) => Promise<Value>;

/**
 * Opens a database twice: `db` is the primary, for writes and for what must be as it is now; `readList` is for lists.
 *
 * A list sees everything that this isolate wrote: the first list after a write asks the primary, and by its bookmark the
 * ones after it may ask a replica again. What another isolate wrote it sees once this one has heard the feed since, so
 * a client whose calls reach two isolates may find a list behind by as long as the bound on staleness.
 */
export function openForLists(d1: D1Database): { db: Database; readList: ReadList } {
  let writes = 0;
  let writesInBookmark = 0;
  let ownBookmark: string | null = null;

  const noteWrite = () => {
    writes += 1;
  };
  return {
    // Also a write that failed: it may have been made, and only its answer be lost.
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

/** A session with the face of a database, which is what drizzle takes. */
export function openSession(d1: D1Database, session: D1DatabaseSession): Database {
  return openDatabase({
    prepare: (query) => session.prepare(query),
    batch: (statements) => session.batch(statements),
    exec: (query) => d1.exec(query),
    withSession: (constraint) => d1.withSession(constraint),
    dump: () => d1.dump(),
  });
}
