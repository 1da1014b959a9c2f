import { unstable_splitSqlQuery } from 'wrangler';
import type { Migration } from './migrations.ts';

/*
 * Migrations run before the new code, and the code of before goes on running for some minutes. This says which of their
 * statements that code can bear. It judges by the statement alone, so it knows only forms that are always safe: what it
 * does not know, it names.
 */

/** A statement that the code of before may not bear. */
export interface Unsafe {
  migration: string;
  /** On one line, shortened. */
  statement: string;
  reason: string;
}

const NAME = '[`"]?(\\w+)[`"]?';
const CREATE_TABLE = new RegExp(`^CREATE TABLE (?:IF NOT EXISTS )?${NAME}`, 'i');
const CREATE_INDEX = new RegExp(`^CREATE (UNIQUE )?INDEX (?:IF NOT EXISTS )?${NAME} ON ${NAME}`, 'i');
const DROP_INDEX = new RegExp(`^DROP INDEX (?:IF EXISTS )?${NAME}`, 'i');
const ADD_COLUMN = new RegExp(`^ALTER TABLE ${NAME} ADD (?:COLUMN )?${NAME}(.*)$`, 'i');
const CHANGE_ROWS = new RegExp(`^(INSERT INTO|UPDATE|DELETE FROM) ${NAME}`, 'i');
const QUOTED_OR_COMMENT = /'(?:[^']|'')*'|"[^"]*"|`[^`]*`|--.*$|\/\*[\s\S]*?\*\//gm;
const REMOVE = new RegExp(`^(?:DROP TABLE (?:IF EXISTS )?|ALTER TABLE )${NAME}`, 'i');

/**
 * The statements of pending migrations that the code of before may not bear.
 * @param applied the migrations that the database has
 * @param pending the ones to run, in their order. Without `applied` there is no code of before, and all are safe.
 */
export function findUnsafe(applied: readonly Migration[], pending: readonly Migration[]): Unsafe[] {
  if (applied.length === 0) return [];
  const before = applied.flatMap(statementsOf);
  const known: Known = {
    unique: new Set(before.flatMap(uniqueIndexOf)),
    old: new Set(before.flatMap((statement) => CREATE_TABLE.exec(statement)?.[1] ?? [])),
    tables: new Set(),
    columns: new Set(),
  };
  const unsafe: Unsafe[] = [];
  for (const migration of pending) {
    for (const statement of statementsOf(migration)) {
      const reason = judge(statement, known);
      if (reason === null) continue;
      const short = statement.length > 100 ? `${statement.slice(0, 100)}…` : statement;
      unsafe.push({ migration: migration.name, statement: short, reason });
    }
  }
  return unsafe;
}

interface Known {
  /** Unique indexes of before. */
  unique: Set<string>;
  /** Tables of before. */
  old: Set<string>;
  /** Tables and columns that are new, which the code of before knows nothing of. */
  tables: Set<string>;
  columns: Set<string>;
}

/** Why the code of before may not bear a statement, or null. Notes what the statement makes. */
function judge(statement: string, { unique, old, tables, columns }: Known): string | null {
  const [, created] = CREATE_TABLE.exec(statement) ?? [];
  if (created !== undefined) {
    // One of before would be left as it is.
    if (!old.has(created)) tables.add(created);
    return null;
  }
  const [, isUnique, index, indexed] = CREATE_INDEX.exec(statement) ?? [];
  if (index !== undefined && indexed !== undefined) {
    if (isUnique === undefined || tables.has(indexed)) return null;
    return 'the running code may write what a unique index refuses';
  }
  const [, dropped] = DROP_INDEX.exec(statement) ?? [];
  if (dropped !== undefined) return unique.has(dropped) ? 'the running code relies on a unique index' : null;
  const [, altered, column, definition = ''] = ADD_COLUMN.exec(statement) ?? [];
  if (altered !== undefined && column !== undefined) {
    columns.add(`${altered}.${column}`);
    const optional = !/\bNOT NULL\b/i.test(definition) || /\bDEFAULT\b/i.test(definition);
    return optional ? null : 'the running code does not give the new column a value';
  }
  const [, act = '', changed] = CHANGE_ROWS.exec(statement) ?? [];
  if (changed !== undefined) {
    if (tables.has(changed)) return null;
    const set = act.toUpperCase() === 'UPDATE' ? assignedColumns(statement) : [];
    if (set.length > 0 && set.every((name) => columns.has(`${changed}.${name}`))) return null;
    return 'the running code reads and writes these rows';
  }
  const [, removed] = REMOVE.exec(statement) ?? [];
  if (removed !== undefined) return tables.has(removed) ? null : 'the running code may use what goes';
  return 'it is not known to be safe';
}

/** The columns that an UPDATE sets. */
function assignedColumns(statement: string): string[] {
  const [, assignments = ''] = /\bSET (.*)$/i.exec(withoutNested(statement).split(/\bWHERE\b/i)[0] ?? '') ?? [];
  return assignments.split(',').map((part) => part.split('=')[0]?.replaceAll(/[`"\s]/g, '') ?? '');
}

/** A statement without texts and what is in brackets, so that what is left is its own. */
function withoutNested(statement: string): string {
  let text = statement.replaceAll(/'(?:[^']|'')*'/g, '');
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replaceAll(/\([^()]*\)/g, '');
  }
  return text;
}

/** Each statement on one line, without comments. */
function statementsOf({ sql }: Migration): string[] {
  return unstable_splitSqlQuery(sql)
    .map((statement) => statement.replaceAll(QUOTED_OR_COMMENT, (part) => (/^(?:--|\/\*)/.test(part) ? ' ' : part)))
    .map((statement) => statement.replaceAll(/\s+/g, ' ').replace(/ ?;$/, '').trim())
    .filter((statement) => statement !== '');
}

function uniqueIndexOf(statement: string): string[] {
  const [, isUnique, index] = CREATE_INDEX.exec(statement) ?? [];
  return isUnique !== undefined && index !== undefined ? [index] : [];
}
