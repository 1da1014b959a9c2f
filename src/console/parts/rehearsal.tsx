import { counted, number } from '../words.ts';
import { Diff, type DiffLine } from './diff.tsx';
import { Ago } from './times.tsx';

/** What a change would have done to the calls of the last days. */
export interface RehearsalView {
  /** What changes on the key. */
  changes: readonly DiffLine[];
  days: number;
  /** Calls that were allowed. */
  calls: number;
  /** Those of them that would have been refused. */
  refused: number;
  /** Those of which the counts cannot tell. */
  unknown: number;
  /** Who would have been refused, the most calls first. */
  callers: readonly {
    /** A network, or a permission that would be missing. */
    what: string;
    count: number;
    lastSeen: number;
    /** The value of `then` that keeps it allowed; null: there is no such button. */
    keep: string | null;
  }[];
}

/** The section of a form that says what it would change, before it is saved. */
export function Rehearsal({ rehearsal, now }: { rehearsal: RehearsalView; now: number }) {
  const { changes, days, calls, refused, unknown, callers } = rehearsal;
  return (
    <section id="rehearsal" aria-labelledby="rehearsal-h">
      <h2 id="rehearsal-h">What would change</h2>
      <div class="stack">
        {changes.length > 0 && <Diff name="Changes" lines={changes} />}
        <div class={refused > 0 ? 'note bad' : 'note ok'} role="status">
          <p>
            <strong>
              This change would have refused {refused === 0 ? 'none' : number(refused)} of {counted(calls, 'call')} of
              the last {counted(days, 'day')}.
            </strong>
          </p>
          {unknown > 0 && <p class="fine">Of {counted(unknown, 'call')} the counts cannot tell.</p>}
          {callers.length > 0 && (
            <table>
              <caption class="vh">Callers that would have been refused</caption>
              <thead>
                <tr>
                  <th scope="col">From</th>
                  <th scope="col" class="r">
                    Calls
                  </th>
                  <th scope="col">Last</th>
                  <th scope="col">
                    <span class="vh">Action</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {callers.map(({ what, count, lastSeen, keep }) => (
                  <tr>
                    <th scope="row">
                      <code>{what}</code>
                    </th>
                    <td class="r">{number(count)}</td>
                    <td>
                      <Ago at={lastSeen} now={now} />
                    </td>
                    <td class="r">
                      {keep !== null && (
                        <button class="btn sm" type="submit" name="next" value={keep}>
                          Keep it allowed
                        </button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </div>
      </div>
    </section>
  );
}
