import { clock, day, machineMoment, moment, relative } from '../words.ts';

/** A moment, as how long ago it was or how soon it is. The script keeps it true. */
export function Ago({ at, now }: { at: number; now: number }) {
  return (
    <time datetime={machineMoment(at)} title={moment(at)} data-rel="">
      {relative(at, now)}
    </time>
  );
}

/** A moment in full, with how long ago it was. */
export function Moment({ at, now }: { at: number; now: number }) {
  return (
    <>
      <time datetime={machineMoment(at)}>{moment(at)}</time>
      <span class="two">{relative(at, now)}</span>
    </>
  );
}

/** The day of a moment, with how long ago or how soon it is beneath. */
export function DayOf({ at, now }: { at: number; now: number }) {
  return (
    <>
      <time datetime={day(at)} title={moment(at)} class="nw">
        {day(at)}
      </time>{' '}
      <span class="two">{relative(at, now)}</span>
    </>
  );
}

/** A moment of the log: its second counts, and how long ago it was is a hint. */
export function Stamp({ at, now }: { at: number; now: number }) {
  return (
    <time datetime={machineMoment(at)} class="nw" title={relative(at, now)}>
      {day(at)} {clock(at)}
    </time>
  );
}

/** The last use of a key: never, or how long ago. */
export function LastUse({ at, now }: { at: number | null; now: number }) {
  return at === null ? <span class="dim">Never</span> : <Ago at={at} now={now} />;
}
