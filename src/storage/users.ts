import { eq, type SQL, sql } from 'drizzle-orm';
import { type Database, type Statement, statement } from './database.ts';
import { users } from './schema.ts';

/** A user as stored. */
export type UserRow = Omit<typeof users.$inferSelect, 'emailFolded' | 'searchFolded'>;

const userColumns = {
  id: users.id,
  orgId: users.orgId,
  type: users.type,
  role: users.role,
  firstName: users.firstName,
  lastName: users.lastName,
  email: users.email,
  disabled: users.disabled,
  signedInAt: users.signedInAt,
  createdAt: users.createdAt,
};

/** Reads a user, people and bots alike. */
export async function readUser(db: Database, id: string): Promise<UserRow | null> {
  const [row] = await db.select(userColumns).from(users).where(eq(users.id, id)).limit(1);
  return row ?? null;
}

/** Adds the bot user of an organisation, unless it has one. The organisation keeps one, however many race here. */
export function insertBotIfMissing(
  db: Database,
  bot: { id: string; orgId: number; role: UserRow['role']; createdAt: number },
): Statement {
  return statement(
    db,
    sql`
    INSERT INTO users (id, org_id, type, role, search_folded, created_at)
    SELECT ${bot.id}, organisation.id, 'bot', ${bot.role}, '', ${bot.createdAt}
    FROM organisations AS organisation
    WHERE organisation.id = ${bot.orgId}
      AND NOT EXISTS (SELECT 1 FROM users WHERE org_id = organisation.id AND type = 'bot')`,
  );
}

/** The id of an organisation's bot user, inside a batch. */
export function botOf(orgId: number): SQL<string> {
  return sql`(SELECT id FROM users WHERE org_id = ${orgId} AND type = 'bot')`;
}

/** The name that is written down beside what a user did, inside a batch. */
export function nameOfUser(userId: string): SQL<string> {
  return sql`(
    SELECT CASE type WHEN 'bot' THEN 'Main integration' ELSE first_name || ' ' || last_name END
    FROM users WHERE id = ${userId})`;
}

export interface NewUser {
  id: string;
  orgId: number | SQL<number>;
  role: UserRow['role'];
  firstName: string;
  lastName: string;
  email: string;
  emailFolded: string;
  searchFolded: string;
  createdAt: number;
}

/**
 * Adds a person, unless someone has that email.
 * @param condition what else must hold, e.g. that the statement before met its row
 */
export function insertUser(db: Database, user: NewUser, condition: SQL = sql`1`): Statement {
  return statement(
    db,
    sql`
    INSERT INTO users (id, org_id, type, role, first_name, last_name, email, email_folded, search_folded, created_at)
    SELECT
      ${user.id}, organisation.id, 'user', ${user.role}, ${user.firstName}, ${user.lastName}, ${user.email},
      ${user.emailFolded}, ${user.searchFolded}, ${user.createdAt}
    FROM organisations AS organisation
    WHERE organisation.id = ${user.orgId} AND ${condition}
      AND NOT EXISTS (SELECT 1 FROM users WHERE email_folded = ${user.emailFolded})`,
  );
}
