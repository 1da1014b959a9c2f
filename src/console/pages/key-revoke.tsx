import type { Key } from '../../domain/keys/key.ts';
import type { UsageReport } from '../../domain/usage/report-usage.ts';
import { links } from '../links.ts';
import { ActOnKey } from '../parts/act-on-key.tsx';
import type { SignedInFrame } from '../parts/frame.ts';
import type { KeyView } from '../parts/key-view.ts';
import { Form } from '../parts/layout.tsx';
import { Receipt } from '../parts/receipt.tsx';
import { Ago } from '../parts/times.tsx';
import { UseNumbers } from '../parts/use-numbers.tsx';
import { clock, counted, inWords, number } from '../words.ts';

export interface RevokePageProps {
  frame: SignedInFrame;
  view: KeyView;
  /** The usage of the last 30 days; null: it cannot be read now. */
  report: UsageReport | null;
  /** Within how many seconds a change holds while the database is out of reach. */
  graceSeconds: number;
}

const SHOWN_SOURCES = 10;

/** Before a key is revoked: who calls with it, that it is final, and what can be done instead. */
export function RevokePage({ frame, view, report, graceSeconds }: RevokePageProps) {
  const { key, acts, use } = view;
  const sources = report?.sources.toSorted((a, b) => b.count - a.count) ?? [];
  const isUsed = sources.length > 0 || (use !== null && use.allowedIn24h > 0);
  return (
    <ActOnKey frame={frame} target={key} title={`Revoke ${key.label}`} here="Revoke">
      <h1>
        Revoke “<bdi>{key.label}</bdi>”?
      </h1>
      <p>
        {isUsed ? 'It is in use. ' : report === null ? '' : 'Nobody has called with it in the last 30 days. '}
        Once revoked, every call with it is refused, and that is final: it cannot be taken back.
      </p>
      <UseNumbers use={use} month={monthOf(report)} now={frame.now} />
      {sources.length > 0 && (
        <table>
          <caption>Who would be refused</caption>
          <thead>
            <tr>
              <th scope="col">Network</th>
              <th scope="col" class="r">
                Calls
              </th>
              <th scope="col">Last call</th>
            </tr>
          </thead>
          <tbody>
            {sources.slice(0, SHOWN_SOURCES).map((source) => (
              <tr>
                <th scope="row">
                  <code>{source.network}</code>
                </th>
                <td class="r">{number(source.count)}</td>
                <td>
                  <Ago at={source.lastSeen} now={frame.now} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {sources.length > SHOWN_SOURCES && (
        <p class="fine">And {counted(sources.length - SHOWN_SOURCES, 'more network')}.</p>
      )}
      <Form viewer={frame.viewer} action={links.revokeKey(key.id)} class="row">
        <button class="btn end go" type="submit">
          Revoke this key
        </button>
        {acts.pause === null && key.pausedAt === null && (
          <a class="btn" href={links.pauseKey(key.id)}>
            Pause it instead
          </a>
        )}
        {acts.rotate === null && (
          <a class="btn" href={links.rotateKey(key.id)}>
            New secret instead
          </a>
        )}
        <a class="btn bare" href={links.key(key.id)}>
          Cancel
        </a>
      </Form>
      <p class="fine">
        Refused everywhere within {counted(frame.boundSeconds, 's', 's')} of pressing the button. If the database is out
        of reach: within {counted(graceSeconds, 's', 's')}.
      </p>
    </ActOnKey>
  );
}

/** How a key was used within a month, for the numbers above an act; null: not readable now. */
export function monthOf(report: UsageReport | null): { networks: number; calls: number } | null {
  return report === null ? null : { networks: report.sources.length, calls: report.totals.VALID ?? 0 };
}

export interface RevokedPageProps {
  frame: SignedInFrame;
  target: Key;
  /** When it was revoked, and from when that holds everywhere, in unix milliseconds. */
  revokedAt: number;
  effectiveBy: number;
  revokedByName: string;
  /** From how many networks the key was used in the last 30 days; null: not readable now. */
  networks: number | null;
}

/** A key that was revoked a moment ago: from when that holds, and where to watch who still calls. */
export function RevokedPage({ frame, target: key, revokedAt, effectiveBy, revokedByName, networks }: RevokedPageProps) {
  return (
    <ActOnKey frame={frame} target={key} title={`Revoked: ${key.label}`} here="Revoked">
      <h1>
        “<bdi>{key.label}</bdi>” is revoked
      </h1>
      <Receipt what="In force" effectiveBy={effectiveBy}>
        <p class="fine">
          Revoked at {clock(revokedAt)}&nbsp;UTC by <bdi>{revokedByName}</bdi>.
        </p>
      </Receipt>
      <p>
        Programs that still call with it get <code>401 REVOKED</code>; you can watch them on{' '}
        <a href={links.key(key.id)}>the key’s page</a>.
        {networks !== null &&
          networks > 0 &&
          ` ${inWords(networks)} ${networks === 1 ? 'network' : 'networks'} used it in the last 30 days.`}
      </p>
      <div class="row">
        <a class="btn" href={links.keys({ type: key.userType })}>
          All keys
        </a>
        <a class="btn" href={links.createKey({ like: key.id })}>
          Create a new key like it
        </a>
      </div>
    </ActOnKey>
  );
}
