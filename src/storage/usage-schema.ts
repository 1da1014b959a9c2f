import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/*
 * The usage database. It is separate from the database of keys, so that counting can never slow a look-up. Moments are
 * unix milliseconds. Hours and days count from the epoch. Key 0 stands for calls without a key or with an unknown one.
 */

/** Flushes that were added. The queue delivers a flush at least once, and this table makes it count once. */
export const usageFlushes = sqliteTable(
  'usage_flushes',
  {
    id: text('id').primaryKey(),
    at: integer('at').notNull(),
  },
  (table) => [index('usage_flushes_by_time').on(table.at)],
);

/** Calls by key, hour and code, of today and the three days before. */
export const usageHours = sqliteTable(
  'usage_hours',
  {
    keyId: integer('key_id').notNull(),
    hour: integer('hour').notNull(),
    code: text('code').notNull(),
    count: integer('count').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.keyId, table.hour, table.code] }),
    index('usage_hours_by_hour').on(table.hour),
  ],
);

/** Calls by key, day and code, of the days before those. */
export const usageDays = sqliteTable(
  'usage_days',
  {
    keyId: integer('key_id').notNull(),
    day: integer('day').notNull(),
    code: text('code').notNull(),
    count: integer('count').notNull(),
  },
  (table) => [primaryKey({ columns: [table.keyId, table.day, table.code] }), index('usage_days_by_day').on(table.day)],
);

/** The last call that each key allowed. */
export const usageLast = sqliteTable('usage_last', {
  keyId: integer('key_id').primaryKey(),
  lastUsedAt: integer('last_used_at').notNull(),
});

/**
 * Where calls with a key come from: IPv4 addresses and IPv6 /64 networks. Allowed and refused calls are counted
 * separately.
 */
export const usageSources = sqliteTable(
  'usage_sources',
  {
    keyId: integer('key_id').notNull(),
    refused: integer('refused', { mode: 'boolean' }).notNull(),
    network: text('network').notNull(),
    firstSeen: integer('first_seen').notNull(),
    lastSeen: integer('last_seen').notNull(),
    count: integer('count').notNull(),
  },
  // No index by time: it would double what each flush writes, and only the hourly cron job would use it.
  (table) => [primaryKey({ columns: [table.keyId, table.refused, table.network] })],
);

/**
 * Allowed calls by day, key, secret, network and the set of permissions that they asked for, of today and the 90 days
 * before. Of one day, key and secret at most 200 such rows are kept; the other calls are in one row with the needs `*`,
 * so that the counts still add up. The day comes first in the primary key, so that old days are deleted without another index.
 */
export const usageCalls = sqliteTable(
  'usage_calls',
  {
    day: integer('day').notNull(),
    keyId: integer('key_id').notNull(),
    /** When the secret was made: which of its key's secrets it is. 0: it was not counted. */
    secret: integer('secret').notNull(),
    /** Empty: the call had no readable address. */
    network: text('network').notNull(),
    /** Sorted names with a space between them; empty: none was asked for; `*`: network and names were not kept. */
    needs: text('needs').notNull(),
    firstSeen: integer('first_seen').notNull(),
    lastSeen: integer('last_seen').notNull(),
    count: integer('count').notNull(),
    /** `{"14":3}`: three of these calls in the hour from 14:00 UTC. */
    hours: text('hours').notNull(),
  },
  (table) => [primaryKey({ columns: [table.day, table.keyId, table.secret, table.network, table.needs] })],
);
