import type { Clock } from './services.ts';

export type Budgeted<Value> = { ok: true; value: Value } | { ok: false; reason: unknown };

/** The reason of what took longer than its budget. */
export const TOOK_TOO_LONG = 'took too long';

/**
 * Waits for work, but no longer than a budget (milliseconds), and takes its failure as an answer. What comes later than
 * the budget comes to nothing here: work that is of use even then has to be deferred by its caller.
 */
export function withinBudget<Value>(
  services: Pick<Clock, 'after'>,
  milliseconds: number,
  work: Promise<Value>,
): Promise<Budgeted<Value>> {
  return new Promise((resolve) => {
    const cancel = services.after(milliseconds, () => resolve({ ok: false, reason: TOOK_TOO_LONG }));
    const settle = (outcome: Budgeted<Value>) => {
      cancel();
      resolve(outcome);
    };
    work.then(
      (value) => settle({ ok: true, value }),
      (reason: unknown) => settle({ ok: false, reason }),
    );
  });
}
