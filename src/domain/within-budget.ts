import type { Clock } from './services.ts';

export type Budgeted<Value> = { ok: true; value: Value } | { ok: false; reason: unknown };

/** The `reason` when work took longer than its budget. */
export const TOOK_TOO_LONG = 'took too long';

/**
 * Waits for work, but no longer than a budget (milliseconds). A failure is returned as `ok: false` with its reason,
 * never thrown. An answer that comes after the budget is dropped here: a caller that has a use for it must defer the
 * work itself.
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
