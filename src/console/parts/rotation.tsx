import { links } from '../links.ts';
import { counted, minute, number, relative } from '../words.ts';
import type { SignedInFrame } from './frame.ts';
import type { CallCount, OldSecret } from './key-view.ts';
import { Form } from './layout.tsx';
import { Strip } from './strip.tsx';

/** The use of one of the two secrets. */
export interface SecretUse {
  hint: string;
  /** The last 24 hours, the oldest first. */
  hours: readonly CallCount[];
  /** From where it was used in them, the most recent first. */
  networks: readonly string[];
  lastUsedAt: number | null;
}

export interface RotationProps {
  id: number;
  frame: SignedInFrame;
  oldSecret: OldSecret;
  /** Null: calls are not counted by secret, or cannot be read now. */
  use: { old: SecretUse; fresh: SecretUse } | null;
  /** Whether the viewer may give the old secret more time, and end it. */
  mayMove: { lengthen: boolean; end: boolean };
}

/** A rotation under way: who still uses the old secret, until when it works, and how to end or lengthen that. */
export function Rotation({ id, frame, oldSecret, use, mayMove }: RotationProps) {
  const { now } = frame;
  const ends = `ends on ${minute(oldSecret.retiresAt)}, ${relative(oldSecret.retiresAt, now)}.`;
  const lately = use === null ? 0 : callsAnHour(use.old.hours);
  return (
    <section class="sect" aria-labelledby="rotation">
      <h2 id="rotation">Rotation under way</h2>
      <p>
        {use === null
          ? 'The old secret'
          : use.old.networks.length === 0
            ? 'Nobody used the old secret in the last 24 h. It'
            : `${counted(use.old.networks.length, 'network')} still ${use.old.networks.length === 1 ? 'uses' : 'use'} the old secret. It`}{' '}
        {ends}
      </p>
      {use !== null && (
        <div class="race">
          <OfSecret name="Old secret" use={use.old} now={now} />
          <OfSecret name="New secret" use={use.fresh} now={now} />
        </div>
      )}
      {use !== null && mayMove.end && (
        <div class={lately > 0 ? 'note warn' : 'note'}>
          <p>
            {lately === 0 ? (
              'In the last hour nobody used the old secret. Ending it now would refuse none of those calls.'
            ) : (
              <>
                Ending it now would refuse about <strong>{counted(lately, 'call')} an hour</strong>.
              </>
            )}
          </p>
        </div>
      )}
      {(mayMove.lengthen || mayMove.end) && (
        <Form viewer={frame.viewer} action={links.overlap(id)} class="row">
          {mayMove.lengthen && (
            <button class="btn" type="submit" name="overlap" value="+86400">
              Give it 24 more hours
            </button>
          )}
          {mayMove.end && (
            <button class="btn end" type="submit" name="overlap" value="0">
              End the old one now
            </button>
          )}
        </Form>
      )}
    </section>
  );
}

function OfSecret({ name, use, now }: { name: string; use: SecretUse; now: number }) {
  const [first, ...others] = use.networks;
  return (
    <div>
      <span class="fine">
        {name} <code>{use.hint}</code>
      </span>
      <b>{number(callsAnHour(use.hours))} calls an hour</b>
      <Strip counts={use.hours} over="24 hours" note="By hour, 24 hours." />
      <span class="fine">
        {first === undefined ? (
          'Not used in 24 h'
        ) : others.length === 0 ? (
          <>
            All from <code>{first}</code>
          </>
        ) : (
          `From ${counted(use.networks.length, 'network')}`
        )}
        {use.lastUsedAt !== null && `, last ${relative(use.lastUsedAt, now)}`}
      </span>
    </div>
  );
}

/** The calls of the last whole hour. */
function callsAnHour(hours: readonly CallCount[]): number {
  return hours.at(-2)?.allowed ?? 0;
}
