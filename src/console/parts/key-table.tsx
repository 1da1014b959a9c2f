import { statusOf } from '../../domain/keys/key.ts';
import { expiryMoment } from '../../domain/verification/expiration.ts';
import { links } from '../links.ts';
import { expiry, number, relative } from '../words.ts';
import type { SignedInFrame } from './frame.ts';
import { OpenPadlock } from './icons.tsx';
import { KeyMenu } from './key-menu.tsx';
import { KeyStatus } from './key-status.tsx';
import { isOpen, type KeyView, ownerName } from './key-view.ts';
import { Strip } from './strip.tsx';
import { WideHead } from './table-head.tsx';
import { DayOf, LastUse } from './times.tsx';

interface KeyTableProps {
  frame: SignedInFrame;
  caption: string;
  keys: readonly KeyView[];
  /** Whether to say whose key each is. */
  showsOwner: boolean;
}

/** Keys as rows: the columns of the help article, in its order, with status and usage. */
export function KeyTable({ frame, caption, keys, showsOwner }: KeyTableProps) {
  return (
    <table class="keys wide" role="table">
      <caption class="vh">{caption}</caption>
      <WideHead
        columns={[
          { name: 'Label' },
          ...(showsOwner ? [{ name: 'Belongs to' }] : []),
          { name: 'Status' },
          { name: 'Creator' },
          { name: 'Creation date' },
          { name: 'Last 14 days' },
          { name: 'Last used' },
          { name: 'Expiry date' },
          { name: 'API key' },
          { name: 'Actions', isSilent: true },
        ]}
      />
      <tbody role="rowgroup">
        {keys.map((view) => (
          <KeyRow view={view} frame={frame} showsOwner={showsOwner} />
        ))}
      </tbody>
    </table>
  );
}

function KeyRow({ view, frame, showsOwner }: { view: KeyView; frame: SignedInFrame; showsOwner: boolean }) {
  const { key } = view;
  const { now } = frame;
  const isOver = statusOf(key, now) !== 'active';
  const owner = ownerName(key);
  return (
    <tr role="row" class={isOver ? 'over' : undefined}>
      <th scope="row" role="rowheader">
        <a class="name" href={links.key(key.id)}>
          <bdi>{key.label}</bdi>
        </a>
        <span class="two">
          <code class="hint">{key.hint}</code>
          {isOpen(key) && (
            <>
              {' · '}
              <OpenMark />
            </>
          )}
        </span>
      </th>
      {showsOwner && (
        <td role="cell" data-h="Belongs to" class="own">
          <bdi title={owner ?? undefined}>{owner}</bdi>
          {key.userId === frame.viewer.id && <span class="dim"> (you)</span>}
        </td>
      )}
      <td role="cell" data-h="Status" class="status">
        <KeyStatus view={view} now={now} />
      </td>
      <td role="cell" data-h="Creator" class="by">
        {showsOwner && key.createdBy === key.userId ? (
          <span class="dim">its user</span>
        ) : (
          <bdi title={key.createdByName ?? undefined}>{key.createdByName}</bdi>
        )}
      </td>
      <td role="cell" data-h="Creation date" class="made">
        <DayOf at={key.createdAt} now={now} />
      </td>
      <UseCells view={view} now={now} />
      <td role="cell" data-h="Expiry date" class="exp">
        <ExpiryDate date={key.expirationDate} now={now} />
      </td>
      <td role="cell" data-h="API key" class="nw see">
        <SeeKey view={view} frame={frame} />
      </td>
      <td role="cell" class="act">
        <KeyMenu view={view} frame={frame} />
      </td>
    </tr>
  );
}

function SeeKey({ view: { key, acts }, frame }: { view: KeyView; frame: SignedInFrame }) {
  if (acts.see === null) {
    return (
      <a href={links.seeKey(key.id)} aria-label={`See key of ${key.label}`}>
        See key
      </a>
    );
  }
  const word =
    key.revokedAt !== null
      ? 'Erased'
      : key.userType === 'user' && key.userId !== frame.viewer.id
        ? 'Not yours'
        : 'Hidden';
  return (
    <span class="dim" title={acts.see}>
      {word}
    </span>
  );
}

function UseCells({ view: { use }, now }: { view: KeyView; now: number }) {
  if (use === null) {
    return (
      <>
        <td role="cell" data-h="Last 14 days" class="use">
          <span class="dim">Not readable now</span>
        </td>
        <td role="cell" data-h="Last used" class="used">
          <span class="dim">Not readable now</span>
        </td>
      </>
    );
  }
  return (
    <>
      <td role="cell" data-h="Last 14 days" class="use">
        <Strip counts={use.days} over="14 days" />
        <span class="two">{number(use.days.reduce((sum, { allowed }) => sum + allowed, 0))}</span>
      </td>
      <td role="cell" data-h="Last used" class="used">
        <LastUse at={use.lastUsedAt} now={now} />
        {use.lastNetwork !== null && (
          <code class="two addr" title={use.lastNetwork}>
            {use.lastNetwork}
          </code>
        )}
      </td>
    </>
  );
}

/** The mark of a key that nothing narrows. */
export function OpenMark() {
  return (
    <span class="open" title="Any address, no expiry, all permissions">
      <OpenPadlock />
      Open
    </span>
  );
}

/** The day on which a key stops working, with how far away it is. */
function ExpiryDate({ date, now }: { date: string | null; now: number }) {
  if (date === null) return <>Never</>;
  return (
    <>
      <time datetime={date} title={expiry(date)} class="nw">
        {date}
      </time>{' '}
      <span class="two">{relative(expiryMoment(date), now)}</span>
    </>
  );
}
