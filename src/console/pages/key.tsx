import type { AuditEvent } from '../../domain/audit/list-audit-events.ts';
import type { UsageReport } from '../../domain/usage/report-usage.ts';
import type { DenialCode } from '../../wire/denial.ts';
import { links } from '../links.ts';
import { Ask, type AskProps } from '../parts/ask.tsx';
import { UsageChart } from '../parts/chart.tsx';
import { Diff } from '../parts/diff.tsx';
import type { SignedInFrame } from '../parts/frame.ts';
import { History } from '../parts/history.tsx';
import { KeyFacts, type Looks } from '../parts/key-facts.tsx';
import { DotsMenu, MenuEntry, PauseEntry } from '../parts/key-menu.tsx';
import { describeStatus, StatusWord } from '../parts/key-status.tsx';
import { OpenMark } from '../parts/key-table.tsx';
import { isOpen, type KeyView } from '../parts/key-view.ts';
import { Crumbs, Form, Layout } from '../parts/layout.tsx';
import { Receipt, type ReceiptProps } from '../parts/receipt.tsx';
import { Rotation, type RotationProps } from '../parts/rotation.tsx';
import { countIpv4, dailyCounts, diffOfLists, type SourceRow, sourceRows } from '../parts/sources.ts';
import { WideHead } from '../parts/table-head.tsx';
import { Ago } from '../parts/times.tsx';
import { counted, number } from '../words.ts';

export interface KeyPageProps {
  frame: SignedInFrame;
  view: KeyView;
  /** The usage of the last `reportDays` days; null: it cannot be read now. */
  report: UsageReport | null;
  reportDays: number;
  looks: Looks | null;
  ask: Omit<AskProps, 'id'>;
  /** A rotation under way; null: none. */
  rotation: Omit<RotationProps, 'id' | 'frame' | 'oldSecret'> | null;
  /** The newest events of the key. */
  history: readonly AuditEvent[];
  /** A change that was made a moment ago; null: none. */
  receipt: KeyReceipt | null;
  /** What the suggested list would have done to the calls of these days; null: it was not rehearsed. */
  proof: { calls: number; refused: number } | null;
}

export interface KeyReceipt extends ReceiptProps {
  /** When it was changed, and what that does: a sentence. */
  detail: string;
  /** The list before the change, to be put back; null: the list was not changed. */
  oldList: readonly string[] | null;
}

/** Everything about one key. */
export function KeyPage(props: KeyPageProps) {
  const { frame, view, report, reportDays, looks, ask, rotation, history, receipt } = props;
  const { key, oldSecret } = view;
  const { now } = frame;
  const isMain = key.userType === 'bot';
  const rows = report === null ? [] : sourceRows(report, key, now);
  return (
    <Layout frame={frame} title={key.label} section="keys">
      <Crumbs
        parents={[
          ['API keys', links.keys()],
          [isMain ? 'Main integrations' : 'Personal', links.keys({ type: key.userType })],
        ]}
        here={key.label}
      />
      <Head view={view} frame={frame} />
      <hr class="soft" />
      {receipt !== null && (
        <Receipt {...receipt}>
          <div class="row">
            <span class="fine">{receipt.detail}</span>
            {receipt.oldList !== null && view.acts.change === null && (
              <Form viewer={frame.viewer} action={links.setAllowlist(key.id)}>
                <input type="hidden" name="ip_whitelist" value={receipt.oldList.join('\n')} />
                <button class="btn sm" type="submit">
                  Put the old list back
                </button>
              </Form>
            )}
          </div>
        </Receipt>
      )}
      <div class="split">
        <aside aria-labelledby="facts">
          <h2 class="vh" id="facts">
            Facts
          </h2>
          <KeyFacts view={view} looks={looks} now={now} />
        </aside>
        <div>
          {rotation !== null && oldSecret !== null && (
            <Rotation {...rotation} id={key.id} frame={frame} oldSecret={oldSecret} />
          )}
          <Usage report={report} days={reportDays} allowedIn24h={view.use?.allowedIn24h ?? null} now={now} />
          {rows.length > 0 && <Sources rows={rows} view={view} days={reportDays} now={now} />}
          {report !== null && rows.length > 0 && <TighterList {...props} report={report} rows={rows} />}
          <Ask {...ask} id={key.id} />
          <section class="sect">
            <hgroup>
              <h2>History</h2>
              <p>
                <a href={links.audit({ api_key_id: key.id })}>In the audit log</a>
              </p>
            </hgroup>
            <History events={history} now={now} />
          </section>
        </div>
      </div>
    </Layout>
  );
}

function Head({ view, frame }: { view: KeyView; frame: SignedInFrame }) {
  const { key, acts } = view;
  const status = describeStatus(view, frame.now);
  const isTurning = status.word === 'Active' && view.oldSecret !== null;
  return (
    <div class="head">
      <div>
        <h1>
          <bdi>{key.label}</bdi>
        </h1>
        <div class="row">
          <StatusWord status={status} {...(isTurning ? { note: ', rotating' } : {})} />
          <code class="hint">{key.hint}</code>
          {isOpen(key) && <OpenMark />}
          {key.description !== null && (
            <span class="fine any">
              <bdi>{key.description}</bdi>
            </span>
          )}
        </div>
      </div>
      <div class="row">
        {acts.change === null && (
          <a class="btn" href={links.changeKey(key.id)}>
            Change
          </a>
        )}
        {acts.rotate === null && (
          <a class="btn" href={links.rotateKey(key.id)}>
            Rotate
          </a>
        )}
        {acts.see === null && (
          <a class="btn" href={links.seeKey(key.id)}>
            See key
          </a>
        )}
        <DotsMenu name="More actions" button>
          {acts.change !== null && (
            <MenuEntry href="" refused={acts.change}>
              Change, rotate, see key
            </MenuEntry>
          )}
          {key.revokedAt === null && <PauseEntry view={view} frame={frame} />}
          <li>
            <a href={links.createKey({ like: key.id })}>Create one like it</a>
          </li>
          {key.revokedAt === null && (
            <MenuEntry href={links.revokeKey(key.id)} refused={acts.revoke} ends>
              {acts.revoke === null ? 'Revoke…' : 'Revoke'}
            </MenuEntry>
          )}
        </DotsMenu>
      </div>
    </div>
  );
}

/** What a refusal was for, after "for". */
const REASONS: Partial<Record<string, string>> = {
  REVOKED: 'it was revoked',
  PAUSED: 'it was paused',
  USER_DISABLED: 'its user was disabled',
  EXPIRED: 'it had expired',
  IP_NOT_ALLOWED: 'the address',
  PERMISSION_DENIED: 'a permission',
  RATE_LIMITED: 'too many calls',
} satisfies Partial<Record<DenialCode | 'PAUSED', string>>;

function Usage(props: { report: UsageReport | null; days: number; allowedIn24h: number | null; now: number }) {
  const { report, days, allowedIn24h, now } = props;
  const refused = Object.entries(report?.totals ?? {}).filter(([code]) => code !== 'VALID');
  return (
    <section class="sect">
      <hgroup>
        <h2>Use in the last {counted(days, 'day')}</h2>
        {allowedIn24h !== null && <p class="fine">{counted(allowedIn24h, 'call')} in the last 24&nbsp;h</p>}
      </hgroup>
      {report === null ? (
        <div class="note warn">
          <p>
            <strong>Usage cannot be read now.</strong> The key works on as it did. Open this page again in a minute.
          </p>
        </div>
      ) : (
        <UsageChart counts={dailyCounts(report, days, now)} />
      )}
      {refused.length > 0 && (
        <p class="fine">
          Refused:{' '}
          {refused.map(([code, count], index) => (
            <>
              {index > 0 && ', '}
              {number(count)} {REASONS[code] === undefined ? '' : `for ${REASONS[code]} `}(<code>{code}</code>)
            </>
          ))}
          .
        </p>
      )}
    </section>
  );
}

/** So many networks are shown at once, and the others on demand. */
const SHOWN_SOURCES = 10;

function Sources(props: { rows: readonly SourceRow[]; view: KeyView; days: number; now: number }) {
  const { rows, days } = props;
  const more = rows.slice(SHOWN_SOURCES);
  return (
    <section class="sect">
      <h2>Where it is used from</h2>
      <SourceTable {...props} rows={rows.slice(0, SHOWN_SOURCES)} caption={`Networks of the last ${days} days`} />
      {more.length > 0 && (
        <details class="more">
          <summary>{counted(more.length, 'more network')}</summary>
          <SourceTable {...props} rows={more} caption={`More networks of the last ${days} days`} />
        </details>
      )}
      <p class="fine">Each network’s calls are counted from its first one.</p>
    </section>
  );
}

function SourceTable(props: { rows: readonly SourceRow[]; view: KeyView; caption: string; now: number }) {
  const { rows, view, caption, now } = props;
  return (
    <table class="wide five" role="table">
      <caption class="vh">{caption}</caption>
      <WideHead
        columns={[
          { name: 'Network' },
          { name: 'Allowed', isNumber: true },
          { name: 'Refused', isNumber: true },
          { name: 'First seen' },
          { name: 'Last seen' },
          { name: 'On the list as' },
        ]}
      />
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr role="row">
            <th scope="row" role="rowheader">
              <code>{row.network}</code>
              {row.isNew && (
                <>
                  {' '}
                  <span class="warn">new</span>
                </>
              )}
            </th>
            <td role="cell" data-h="Allowed" class="r">
              {number(row.allowed)}
            </td>
            <td role="cell" data-h="Refused" class={row.refused > 0 ? 'r bad' : 'r dim'}>
              {number(row.refused)}
            </td>
            <td role="cell" data-h="First seen">
              <Ago at={row.firstSeen} now={now} />
            </td>
            <td role="cell" data-h="Last seen">
              <Ago at={row.lastSeen} now={now} />
            </td>
            <td role="cell" data-h="On the list as">
              <OnList row={row} view={view} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function OnList({ row: { entry, network }, view: { key, acts } }: { row: SourceRow; view: KeyView }) {
  if (key.ipWhitelist.length === 0) return <span class="dim">no list</span>;
  if (entry !== null) return <code>{entry}</code>;
  return (
    <>
      <span class="bad">not on it</span>
      {acts.change === null && (
        <>
          {' '}
          <a class="nw" href={`${links.changeKey(key.id)}?${new URLSearchParams({ add: network })}`}>
            Add it
          </a>
        </>
      )}
    </>
  );
}

function TighterList(props: KeyPageProps & { report: UsageReport; rows: readonly SourceRow[] }) {
  const { frame, view, report, reportDays, rows, proof } = props;
  const { key, acts } = view;
  const suggested = report.suggestedAllowlist;
  if (suggested.length === 0 || key.revokedAt !== null) return null;
  const lines = diffOfLists(key.ipWhitelist, suggested, rows, frame.now);
  if (lines.every(({ sign }) => sign === 'same')) {
    return (
      <section class="sect" id="suggestion">
        <h2>The list fits its use</h2>
        <p>
          Every address that the key was used from in {counted(reportDays, 'day')} is on the list, and nothing wider. A
          suggestion comes back here when that changes.
        </p>
      </section>
    );
  }
  const before = countIpv4(key.ipWhitelist);
  const after = countIpv4(suggested) ?? 0;
  return (
    <section class="sect" id="suggestion">
      <h2>{key.ipWhitelist.length === 0 ? 'A list for it' : 'A tighter list'}</h2>
      <p>
        Covers every address that the key was used from in {counted(reportDays, 'day')}.{' '}
        {proof !== null &&
          (proof.refused === 0
            ? `All ${counted(proof.calls, 'allowed call')} would still have passed. `
            : `It would have refused ${number(proof.refused)} of ${counted(proof.calls, 'call')}. `)}
        {(before !== 0 || after !== 0) &&
          `${counted(after, 'IPv4 address', 'IPv4 addresses')} could use the key instead of ${before === null ? 'all' : number(before)}.`}
      </p>
      <Diff name="Suggested list against the present one" lines={lines} />
      {acts.change === null && (
        <Form viewer={frame.viewer} action={links.setAllowlist(key.id)} class="row">
          {/* What was shown is what is saved, whatever was seen since. */}
          <input type="hidden" name="ip_whitelist" value={suggested.join('\n')} />
          <button class="btn go" type="submit">
            Use this list
          </button>
          <a class="btn" href={`${links.changeKey(key.id)}?suggested=true`}>
            Edit it first
          </a>
        </Form>
      )}
    </section>
  );
}
