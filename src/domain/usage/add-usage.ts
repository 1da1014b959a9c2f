import { log, logFailure } from '../../log.ts';
import { addFlushes, readAddedFlushes, type UsageFlush } from '../../storage/usage.ts';
import type { Usage } from '../services.ts';
import { describeFlush } from './describe-flush.ts';
import { parseFlush } from './parse-flush.ts';

/** A message as the queue delivers it. */
export interface Delivered {
  readonly id: string;
  readonly body: unknown;
  readonly attempts: number;
  /** Tells the queue not to deliver this message again, whatever becomes of its batch. */
  ack(): void;
}

/**
 * Adds flushes from the queue to the usage database. Each flush is added once, however often it is delivered. A message
 * that is no flush is logged and acknowledged. Otherwise it would fail its batch at every delivery, until the good
 * messages in it are dead letters too.
 * @throws when the flushes could not be added: the queue then delivers the batch again
 */
export async function addDelivered(
  services: Pick<Usage, 'usage' | 'now'>,
  messages: readonly Delivered[],
): Promise<void> {
  const flushes: UsageFlush[] = [];
  for (const message of messages) {
    const parsed = parseFlush(message.body);
    if ('flush' in parsed) {
      flushes.push(parsed.flush);
    } else {
      logFailure('a message of the usage queue is no flush, and was dropped', parsed.problem, aboutMessage(message));
      message.ack();
    }
  }
  await addUsage(services, flushes);
}

/** Adds flushes to the usage database, each once. */
export async function addUsage(
  services: Pick<Usage, 'usage' | 'now'>,
  delivered: readonly UsageFlush[],
): Promise<void> {
  const byId = new Map(delivered.map((flush) => [flush.id, flush]));
  const added = await readAddedFlushes(services.usage.db, [...byId.keys()]);
  const fresh = [...byId.values()].filter(({ id }) => !added.has(id));
  if (fresh.length > 0) await addFlushes(services.usage.db, fresh, services.now());
}

/**
 * Logs the messages that could not be added at any try, with their counts. Nothing else reads the dead letters, and
 * they are gone after four days.
 */
export function logDeadLetters(messages: readonly Delivered[]): void {
  for (const message of messages) {
    const parsed = parseFlush(message.body);
    const content = 'flush' in parsed ? describeFlush(parsed.flush) : { problem: parsed.problem };
    log('usage was lost: it could not be added, and is in the dead letters', { ...aboutMessage(message), ...content });
  }
}

function aboutMessage({ id, attempts }: Delivered) {
  return { message_id: id, attempts };
}
