import type { PropsWithChildren } from 'hono/jsx';
import { clock, machineMoment } from '../words.ts';

export interface ReceiptProps {
  /** What holds: `In force`, `The new list is in force`. */
  what: string;
  /** From when it holds in every location, in unix milliseconds. */
  effectiveBy: number;
}

/**
 * From when a change holds everywhere. The moment comes from the server; the script counts down to it, and then turns
 * the note green.
 */
export function Receipt({ what, effectiveBy, children }: PropsWithChildren<ReceiptProps>) {
  const time = `${clock(effectiveBy)} UTC`;
  return (
    <div
      class="note warn receipt"
      role="status"
      data-until={machineMoment(effectiveBy)}
      data-then={`${what} everywhere since ${time}.`}
    >
      <p>
        <strong data-count="">
          {what} everywhere by {time}.
        </strong>
      </p>
      {children}
    </div>
  );
}
