import { addFlushes, readAddedFlushes, type UsageFlush } from '../../storage/usage.ts';
import type { Services } from '../services.ts';

/**
 * Adds what arrived from the queue to the usage database, each flush once however often it is delivered.
 * @throws when it could not be added: the queue delivers it again
 */
export async function addUsage(
  services: Pick<Services, 'usage' | 'now'>,
  delivered: readonly UsageFlush[],
): Promise<void> {
  const byId = new Map(delivered.map((flush) => [flush.id, flush]));
  const added = await readAddedFlushes(services.usage.db, [...byId.keys()]);
  const fresh = [...byId.values()].filter(({ id }) => !added.has(id));
  if (fresh.length > 0) await addFlushes(services.usage.db, fresh, services.now());
}
