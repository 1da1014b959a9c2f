import { count, desc, eq, type SQL, sql } from 'drizzle-orm';
import { type Database, type Statement, statement } from './database.ts';
import { organisations } from './schema.ts';

export type OrganisationRow = Omit<typeof organisations.$inferSelect, 'nameFolded'>;

const organisationColumns = {
  id: organisations.id,
  name: organisations.name,
  isDeployment: organisations.isDeployment,
  createdAt: organisations.createdAt,
};

export async function readOrganisation(db: Database, id: number): Promise<OrganisationRow | null> {
  const [row] = await db.select(organisationColumns).from(organisations).where(eq(organisations.id, id)).limit(1);
  return row ?? null;
}

/** One page of the organisations of the deployment, newest first, and how many there are in all. */
export async function readOrganisations(
  db: Database,
  searchFolded: string | undefined,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ organisations: OrganisationRow[]; count: number }> {
  const condition = searchFolded === undefined ? undefined : sql`instr(${organisations.nameFolded}, ${searchFolded})`;
  const [counted, found] = await db.batch([
    db.select({ count: count() }).from(organisations).where(condition),
    db
      .select(organisationColumns)
      .from(organisations)
      .where(condition)
      .orderBy(desc(organisations.id))
      .limit(limit)
      .offset(offset),
  ]);
  return { organisations: found, count: counted[0]?.count ?? 0 };
}

/** Adds an organisation. Of those that are the deployment's own there is one: a second is not added. */
export function insertOrganisation(
  db: Database,
  organisation: { name: string; nameFolded: string; isDeployment: boolean; createdAt: number },
): Statement {
  const isDeployment = organisation.isDeployment ? 1 : 0;
  return statement(
    db,
    sql`
    INSERT INTO organisations (name, name_folded, is_deployment, created_at)
    SELECT ${organisation.name}, ${organisation.nameFolded}, ${isDeployment}, ${organisation.createdAt}
    WHERE ${isDeployment} = 0 OR NOT EXISTS (SELECT 1 FROM organisations WHERE is_deployment = 1)`,
  );
}

/** The organisation that the first statement of a batch just inserted. */
export function newestOrganisation(): SQL<number> {
  return sql`(SELECT max(id) FROM organisations)`;
}

/** The deployment's own organisation, inside a batch. */
export function deploymentOrganisation(): SQL<number> {
  return sql`(SELECT id FROM organisations WHERE is_deployment = 1)`;
}
