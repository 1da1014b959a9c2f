import { logFailure } from '../../log.ts';
import type { UsageDatabase } from '../../storage/database.ts';
import type { Usage } from '../services.ts';
import { withinBudget } from '../within-budget.ts';

/** What a page or an answer waits at most for how keys were used. It does without, where it can. */
const READ_BUDGET_MS = 1_000;

/**
 * Reads the usage database within a budget.
 * @param budgetMs milliseconds
 * @returns null, with a line in the log, when it cannot be read. That does not mean that there was no use
 */
export async function readUsageDatabase<Value>(
  services: Usage,
  read: (db: UsageDatabase) => Promise<Value>,
  budgetMs = READ_BUDGET_MS,
): Promise<Value | null> {
  const found = await withinBudget(services, budgetMs, read(services.usage.db));
  if (found.ok) return found.value;
  logFailure('the usage database could not be read', found.reason);
  return null;
}
