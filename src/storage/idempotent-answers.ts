import { and, eq, gt, inArray, is, lte, SQL, sql } from 'drizzle-orm';
import * as z from 'zod';
import { ROLES, USER_TYPES } from '../wire/roles.ts';
import { assertNoRow } from './commit-guard.ts';
import { countTouched, type Database, type Statement } from './database.ts';
import { type KeyRow, keyColumns } from './keys.ts';
import { apiKeys, idempotentAnswers, users } from './schema.ts';

/*
 * The answers to calls with an `Idempotency-Key`. An answer is stored in the transaction of its act. So there is no act
 * without its answer and no answer without its act, wherever a crash comes. Of concurrent calls with one `Idempotency-Key`
 * the first to commit acts. The guard rolls back the others, which then find its answer.
 */

/** What is stored with an answer, beside what the act made. */
export interface AnswerToKeep {
  /** SHA-256 of the calling key's id and the `Idempotency-Key`, in hex. */
  id: string;
  /** SHA-256 of the call and its body, in hex. */
  requestHash: string;
  /** The hash of the secret that the answer gives out; null: it gives out none. */
  secretHash: string | null;
  /** When the key that the answer shows was last used, in unix milliseconds; null: never; undefined: unknown, or no key. */
  lastUsedAt?: number | null | undefined;
  /** The secret that the answer says goes; null: none. Moments in unix milliseconds. */
  previous?: KeptPrevious | null | undefined;
  /** An answer counts if it was stored after this moment (unix milliseconds). */
  keptSince: number;
}

interface KeptPrevious {
  hint: string | null;
  retiresAt: number;
  lastUsedAt?: number | null | undefined;
}

export interface KeptAnswer {
  requestHash: string;
  secretHash: string | null;
  /** What the act made, as JSON. */
  answer: string;
  /** What the answer said of when the change holds, in unix milliseconds; null: nothing, or no answer was given yet. */
  effectiveBy: KeptEffectiveBy | null;
  /** When the act was done, in unix milliseconds. */
  at: number;
}

/** The answer with this id, if it was stored after `keptSince` (unix milliseconds); null when there is none. */
export async function readKeptAnswer(db: Database, id: string, keptSince: number): Promise<KeptAnswer | null> {
  const { requestHash, secretHash, answer, effectiveBy, at } = idempotentAnswers;
  const [row] = await db
    .select({ requestHash, secretHash, answer, effectiveBy, at })
    .from(idempotentAnswers)
    .where(and(eq(idempotentAnswers.id, id), gt(idempotentAnswers.at, keptSince)));
  return row === undefined ? null : { ...row, effectiveBy: parseEffectiveBy(row.effectiveBy) };
}

const keptEffectiveBy = z.object({ normally: z.int(), inAnOutage: z.int() });

type KeptEffectiveBy = z.output<typeof keptEffectiveBy>;

function parseEffectiveBy(text: string | null): KeptEffectiveBy | null {
  return text === null ? null : (keptEffectiveBy.safeParse(JSON.parse(text)).data ?? null);
}

/**
 * Keeps what an answer is about to say of when its change holds. The transaction cannot keep that: it is counted from when
 * the transaction has returned. Of answers that leave at the same time, the first one's stays.
 * @returns what is kept; null when there is no such answer any more
 */
export async function keepEffectiveBy(
  db: Database,
  id: string,
  { normally, inAnOutage }: KeptEffectiveBy,
): Promise<KeptEffectiveBy | null> {
  const text = JSON.stringify({ normally, inAnOutage });
  const [row] = await db
    .update(idempotentAnswers)
    .set({ effectiveBy: sql`coalesce(${idempotentAnswers.effectiveBy}, ${text})` })
    .where(eq(idempotentAnswers.id, id))
    .returning({ effectiveBy: idempotentAnswers.effectiveBy });
  return parseEffectiveBy(row?.effectiveBy ?? null);
}

/** A statement that fails, and so rolls its batch back, if the call was answered already. */
export function assertNotAnswered(db: Database, { id, keptSince }: AnswerToKeep): Statement {
  return assertNoRow(db, idempotentAnswers, and(eq(idempotentAnswers.id, id), gt(idempotentAnswers.at, keptSince)));
}

/**
 * A statement that stores an answer. It replaces one that no longer counts and was not deleted yet.
 * @param answer an expression that gives JSON
 */
export function keepAnswer(
  db: Database,
  { id, requestHash, secretHash }: AnswerToKeep,
  answer: SQL,
  now: number,
): Statement {
  const row = { requestHash, secretHash, answer, effectiveBy: null, at: now };
  return db
    .insert(idempotentAnswers)
    .values({ id, ...row })
    .onConflictDoUpdate({ target: idempotentAnswers.id, set: row });
}

/**
 * Forgets the oldest of the answers that were kept until a moment (unix milliseconds), at most `most`.
 * @returns how many it forgot
 */
export async function pruneAnswers(db: Database, until: number, most: number): Promise<number> {
  const { id, at } = idempotentAnswers;
  const oldest = db.select({ id }).from(idempotentAnswers).where(lte(at, until)).orderBy(at).limit(most);
  return countTouched(db, [db.delete(idempotentAnswers).where(inArray(id, oldest))]);
}

/** D1 takes at most 32 arguments in a function. */
const MAX_PAIRS = 15;

/**
 * An expression for a key as it is inside the batch: a JSON list of objects that hold its columns between them.
 * @param shown is put beside them: what the key object shows besides. What is undefined is left out
 */
export function keyAsJson(keyId: SQL, shown: Pick<AnswerToKeep, 'lastUsedAt' | 'previous'> = {}): SQL {
  const pairs = Object.entries(keyColumns).map(
    ([name, column]) => sql`${sql.raw(`'${name}'`)}, ${is(column, SQL.Aliased) ? column.sql : column}`,
  );
  const objects: SQL[] = [];
  for (let at = 0; at < pairs.length; at += MAX_PAIRS) {
    objects.push(sql`json_object(${sql.join(pairs.slice(at, at + MAX_PAIRS), sql`, `)})`);
  }
  const { lastUsedAt, previous } = shown;
  const beside = JSON.stringify({ lastUsedAt, previous });
  if (beside !== '{}') objects.push(sql`json(${beside})`);
  return sql`(SELECT json_array(${sql.join(objects, sql`, `)}) FROM ${apiKeys} JOIN ${users} ON ${users.id} = ${apiKeys.userId} WHERE ${apiKeys.id} = ${keyId})`;
}

const flag = z.union([z.literal(0), z.literal(1)]).transform((value) => value === 1);
const texts = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(z.array(z.string()));

const keyRow = z.object({
  id: z.int(),
  orgId: z.int(),
  userId: z.string(),
  userType: z.enum(USER_TYPES),
  label: z.string(),
  description: z.string().nullable(),
  hint: z.string(),
  expirationDate: z.string().nullable(),
  ipWhitelist: texts,
  hasRestrictedPermissions: flag,
  permissions: texts,
  createdBy: z.string(),
  createdByName: z.string().nullable(),
  createdAt: z.int(),
  revokedBy: z.string().nullable(),
  revokedByName: z.string().nullable(),
  revokedAt: z.int().nullable(),
  // A Worker that did not know of these left them out. What it made was not paused.
  createdByApiKeyId: z.int().nullable().default(null),
  pausedAt: z.int().nullable().default(null),
  pausedBy: z.string().nullable().default(null),
  revision: z.int(),
  userRole: z.enum(ROLES),
  userFirstName: z.string().nullable(),
  userLastName: z.string().nullable(),
} satisfies Record<keyof KeyRow, unknown>);

interface KeptKey {
  key: KeyRow;
  lastUsedAt: number | null | undefined;
  previous: z.output<typeof keptPrevious> | null;
}

const keptPrevious = z
  .object({ hint: z.string().nullable(), retiresAt: z.int(), lastUsedAt: z.int().nullable().optional() })
  .transform(({ lastUsedAt, ...previous }) => ({ ...previous, lastUsedAt }));

const keptKey = z
  .array(z.record(z.string(), z.unknown()))
  .transform((objects) => Object.assign({}, ...objects))
  .pipe(
    keyRow.extend({
      lastUsedAt: z.int().nullable().optional(),
      // An older Worker did not keep it, nor show it.
      previous: keptPrevious.nullable().default(null),
    }),
  )
  .transform(({ lastUsedAt, previous, ...key }): KeptKey => ({ key, lastUsedAt, previous }));
const keptUser = z.object({ userId: z.string() });
const keptOrganisation = z.object({ orgId: z.int() });

/** The key of an answer, as it was then; null for an answer of another form, such as an older Worker's. */
export function keyOfAnswer({ answer }: KeptAnswer): z.output<typeof keptKey> | null {
  return keptKey.safeParse(JSON.parse(answer)).data ?? null;
}

/** The user that an answer named; null for an answer of another form. */
export function userIdOfAnswer({ answer }: KeptAnswer): string | null {
  return keptUser.safeParse(JSON.parse(answer)).data?.userId ?? null;
}

/** The organisation that an answer named; null for an answer of another form. */
export function orgIdOfAnswer({ answer }: KeptAnswer): number | null {
  return keptOrganisation.safeParse(JSON.parse(answer)).data?.orgId ?? null;
}

/** An expression for what `userIdOfAnswer` reads. */
export function userIdAsJson(userId: SQL): SQL {
  return sql`json_object('userId', ${userId})`;
}

/** An expression for what `orgIdOfAnswer` reads. */
export function orgIdAsJson(orgId: SQL): SQL {
  return sql`json_object('orgId', ${orgId})`;
}
