import { sql } from 'drizzle-orm';
import { check, index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { ROLES, USER_TYPES } from '../wire/roles.ts';

/** What a session was started with: an API key, a one-time link, or an identity of Cloudflare Access. */
export const SESSION_KINDS = ['key', 'link', 'access'] as const;

/*
 * The D1 database. Moments are unix milliseconds (UTC); `*_folded` columns hold text as `foldText` folds it, because
 * SQLite folds ASCII only. Foreign keys never cascade: D1 enforces them, and a later migration that rebuilds a parent
 * table would otherwise delete its children. The code deletes children itself, before their parents.
 */

export const organisations = sqliteTable(
  'organisations',
  {
    // AUTOINCREMENT, here and on keys: SQLite never gives an id to a second row, even when the first is deleted.
    id: integer('id').primaryKey({ autoIncrement: true }),
    name: text('name').notNull(),
    nameFolded: text('name_folded').notNull(),
    /** The deployment's own organisation, the only one that PROVIDER users belong to. */
    isDeployment: integer('is_deployment', { mode: 'boolean' }).notNull().default(false),
    createdAt: integer('created_at').notNull(),
  },
  (table) => [uniqueIndex('organisations_one_deployment').on(table.isDeployment).where(sql`is_deployment = 1`)],
);

export const users = sqliteTable(
  'users',
  {
    /** 24 lower-case hex digits. */
    id: text('id').primaryKey(),
    orgId: integer('org_id')
      .notNull()
      .references(() => organisations.id),
    /** `bot`: the one user that an organisation's main integration keys are linked to. */
    type: text('type', { enum: USER_TYPES }).notNull(),
    role: text('role', { enum: ROLES }).notNull(),
    /** Names and email are null for a bot. */
    firstName: text('first_name'),
    lastName: text('last_name'),
    email: text('email'),
    emailFolded: text('email_folded'),
    /** First name, last name and email, folded: what a search looks in. */
    searchFolded: text('search_folded').notNull(),
    disabled: integer('disabled', { mode: 'boolean' }).notNull().default(false),
    /** First sign-in to the console; null: invited, never signed in. */
    signedInAt: integer('signed_in_at'),
    createdAt: integer('created_at').notNull(),
    /** Rises with each change, as a key's does. */
    revision: integer('revision').notNull().default(0),
    /** Rises with whatever ends the user's sessions and sign-in links: those of a lower generation are dead. */
    sessionGeneration: integer('session_generation').notNull().default(0),
    /** The identity of Cloudflare Access that the user first signed in with; null: none yet. */
    accessSub: text('access_sub'),
    /** Set only inside the batch that deletes the user: later statements of the batch find the user by it. */
    deletedAt: integer('deleted_at'),
  },
  (table) => [
    uniqueIndex('users_email').on(table.emailFolded),
    uniqueIndex('users_one_bot').on(table.orgId).where(sql`type = 'bot'`),
    // In the list's order, so that a page is read along the index, and a count reads only the index.
    index('users_listed').on(table.orgId, table.type, table.createdAt, table.id, table.signedInAt),
    index('users_by_role').on(table.orgId, table.role),
  ],
);

export const apiKeys = sqliteTable(
  'api_keys',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    orgId: integer('org_id')
      .notNull()
      .references(() => organisations.id),
    userId: text('user_id')
      .notNull()
      .references(() => users.id),
    /** The type of the key's user, which never changes. It is copied here so that lists by type need no other table. */
    userType: text('user_type', { enum: USER_TYPES }).notNull(),
    label: text('label').notNull(),
    labelFolded: text('label_folded').notNull(),
    description: text('description'),
    /** Enough of the present secret to recognise it by, e.g. `lk_…9fQ2`. */
    hint: text('hint').notNull(),
    hintFolded: text('hint_folded').notNull(),
    /** `YYYY-MM-DD`; the key stops at 00:00 UTC of that day. */
    expirationDate: text('expiration_date'),
    ipWhitelist: text('ip_whitelist', { mode: 'json' }).$type<string[]>().notNull(),
    hasRestrictedPermissions: integer('has_restricted_permissions', { mode: 'boolean' }).notNull(),
    /** As stored, never the effective ones; empty for an unrestricted key. */
    permissions: text('permissions', { mode: 'json' }).$type<string[]>().notNull(),
    /** Who created and revoked the key: a user's id, and its name on that day. Both outlive the user. */
    createdBy: text('created_by').notNull(),
    createdByName: text('created_by_name'),
    createdAt: integer('created_at').notNull(),
    /** The key that made it, for good; null: a session, or an operator's command. */
    createdByApiKeyId: integer('created_by_api_key_id'),
    revokedBy: text('revoked_by'),
    revokedByName: text('revoked_by_name'),
    revokedAt: integer('revoked_at'),
    /** When the key was paused; null: it is not. Unlike a revocation, a pause can be taken back. */
    pausedAt: integer('paused_at'),
    /** The id of the user who paused it; null: it is not paused. */
    pausedBy: text('paused_by'),
    /** Rises with each change, so that a change applies only to the state that it was judged on. */
    revision: integer('revision').notNull().default(0),
  },
  (table) => [
    // Every column that an organisation's list filters by, in the list's order. Counting and searching read only this
    // index, which is a fifth of the rows' size. A new filter of the list needs its column here.
    index('api_keys_listed').on(
      table.orgId,
      table.id,
      table.userType,
      table.revokedAt,
      table.pausedAt,
      table.expirationDate,
      table.labelFolded,
      table.hintFolded,
    ),
    index('api_keys_by_user').on(table.userId, table.id),
  ],
);

/** The secrets of keys: the one in use, the one before it during an overlap, and the hashes of those before. */
export const apiKeySecrets = sqliteTable(
  'api_key_secrets',
  {
    /** SHA-256 of the whole key, in hex. */
    hash: text('hash').primaryKey(),
    keyId: integer('key_id')
      .notNull()
      .references(() => apiKeys.id),
    /** The secret, sealed; null once it was rotated out or its key revoked. */
    sealed: text('sealed'),
    createdAt: integer('created_at').notNull(),
    /**
     * The user who made this secret, and so knows it; null: the secret is older than this column, and the key's creator
     * made it.
     */
    mintedBy: text('minted_by'),
    /** When a secret that was rotated out stops working; null: the one in use. */
    retiresAt: integer('retires_at'),
    /** The key's hint while this secret was in use; null: it is in use, or was rotated out before this column was made. */
    hint: text('hint'),
  },
  (table) => [
    // By the end of the overlap too: secrets that were rotated out stay, and a key may have thousands.
    index('api_key_secrets_of_key').on(table.keyId, table.retiresAt),
    uniqueIndex('api_key_secrets_one_in_use').on(table.keyId).where(sql`retires_at IS NULL`),
  ],
);

/** Sessions of the console. A stolen row signs nobody in: the cookie carries the id, and only its hash is here. */
export const sessions = sqliteTable(
  'sessions',
  {
    /** SHA-256 of the session's id, in hex. */
    hash: text('hash').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id),
    /** What the user signed in with. */
    kind: text('kind', { enum: SESSION_KINDS }).notNull(),
    /** The key that the user signed in with, and the hash of its secret; null for the other kinds. */
    apiKeyId: integer('api_key_id'),
    secretHash: text('secret_hash'),
    /** The user's generation when the session started. */
    generation: integer('generation').notNull(),
    /** The database's history that it belongs to: a restored database brings no ended session back. */
    epoch: text('epoch').notNull(),
    startedAt: integer('started_at').notNull(),
    lastSeenAt: integer('last_seen_at').notNull(),
  },
  (table) => [
    index('sessions_by_user').on(table.userId),
    index('sessions_by_key').on(table.apiKeyId),
    index('sessions_by_start').on(table.startedAt),
  ],
);

/** One-time links into the console, by the hash of what they carry. */
export const signInLinks = sqliteTable(
  'sign_in_links',
  {
    /** SHA-256 of the link's token, in hex. */
    hash: text('hash').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id),
    /** The user who made it; null: an operator. */
    madeBy: text('made_by'),
    /** The user's generation when the link was made. */
    generation: integer('generation').notNull(),
    /** The database's history that it belongs to: a restored database makes no used link usable. */
    epoch: text('epoch').notNull(),
    createdAt: integer('created_at').notNull(),
    expiresAt: integer('expires_at').notNull(),
    usedAt: integer('used_at'),
  },
  (table) => [index('sign_in_links_by_user').on(table.userId), index('sign_in_links_by_expiry').on(table.expiresAt)],
);

/**
 * The change feed: one row for each change that can change a verdict. It has no foreign keys, because a row outlives
 * the key or user that it names. A change of a user is one row, however many keys the user has.
 */
export const keyChanges = sqliteTable('key_changes', {
  seq: integer('seq').primaryKey({ autoIncrement: true }),
  apiKeyId: integer('api_key_id'),
  userId: text('user_id'),
  at: integer('at').notNull(),
});

/** One row: which history of this database the feed's numbers belong to, and the last number given. */
export const feedState = sqliteTable(
  'feed_state',
  {
    id: integer('id').primaryKey(),
    epoch: text('epoch').notNull(),
    head: integer('head').notNull(),
  },
  (table) => [check('feed_state_one_row', sql`${table.id} = 1`)],
);

/**
 * Always empty. The CHECK refuses 0, and the code inserts nothing but 0. A batch that must not be committed tries that
 * insert, and is rolled back (commit-guard.ts).
 */
export const commitGuard = sqliteTable('commit_guard', { holds: integer('holds').notNull() }, (table) => [
  check('commit_guard_holds', sql`${table.holds} = 1`),
]);

/** What calls with an `Idempotency-Key` were answered, for their retries. Kept for 24 hours. */
export const idempotentAnswers = sqliteTable(
  'idempotent_answers',
  {
    /** SHA-256 of the calling key's id and the `Idempotency-Key`, in hex. */
    id: text('id').primaryKey(),
    /** SHA-256 of the call and its body, in hex. */
    requestHash: text('request_hash').notNull(),
    /** The hash of the secret that the answer gave out; null: it gave out none. */
    secretHash: text('secret_hash'),
    /** What the act made, as it was then; a secret is not in it. */
    answer: text('answer').notNull(),
    /** By when the answer said that the change holds, as JSON; null: it said nothing of that, or was not given yet. */
    effectiveBy: text('effective_by'),
    at: integer('at').notNull(),
  },
  (table) => [index('idempotent_answers_by_age').on(table.at)],
);

/** Who did what to which key or user. No foreign keys: the log outlives them. */
export const auditEvents = sqliteTable(
  'audit_events',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    /** The organisation that it happened in (of the key or user concerned, not of the actor). */
    orgId: integer('org_id').notNull(),
    at: integer('at').notNull(),
    action: text('action').notNull(),
    actorUserId: text('actor_user_id'),
    actorName: text('actor_name'),
    /** The key that made the call; null: the console, or a command of the operator. */
    actorApiKeyId: integer('actor_api_key_id'),
    clientIp: text('client_ip'),
    apiKeyId: integer('api_key_id'),
    userId: text('user_id'),
    /** `{"field":[before, after]}`, never a secret. */
    changes: text('changes', { mode: 'json' }).$type<Record<string, unknown>>().notNull(),
  },
  // Every filter has two indexes in the list's order, one without and one with an action. Without the second, a query
  // for a rare action would read the whole log, in the database that look-ups need. Each index costs one more row
  // written for each event.
  (table) => [
    index('audit_events_by_organisation').on(table.orgId, table.id),
    index('audit_events_by_organisation_and_action').on(table.orgId, table.action, table.id),
    index('audit_events_by_action').on(table.action, table.id),
    index('audit_events_by_key').on(table.apiKeyId, table.id),
    index('audit_events_by_key_and_action').on(table.apiKeyId, table.action, table.id),
    index('audit_events_by_user').on(table.userId, table.id),
    index('audit_events_by_user_and_action').on(table.userId, table.action, table.id),
  ],
);
