import { and, count, desc, eq, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { foldText } from './fold-text.ts';
import { organisations } from './schema.ts';

/*
 * Reads organisations. change-organisations.ts writes them.
 */

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

export interface OrganisationFilter {
  /** In the name, whatever the case. */
  query?: string | undefined;
  orgId?: number | undefined;
}

/** One page of the organisations of the deployment, newest first, and how many there are in all. */
export async function readOrganisations(
  db: Database,
  filter: OrganisationFilter,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ organisations: OrganisationRow[]; count: number }> {
  const condition = and(
    filter.orgId === undefined ? undefined : eq(organisations.id, filter.orgId),
    filter.query === undefined ? undefined : sql`instr(${organisations.nameFolded}, ${foldText(filter.query)})`,
  );
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

/** Whether the deployment has its own organisation yet. */
export async function hasDeployment(db: Database): Promise<boolean> {
  const rows = await db
    .select({ id: organisations.id })
    .from(organisations)
    .where(eq(organisations.isDeployment, true))
    .limit(1);
  return rows.length > 0;
}
