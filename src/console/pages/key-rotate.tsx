import { links } from '../links.ts';
import { ActOnKey } from '../parts/act-on-key.tsx';
import { FieldError } from '../parts/field.tsx';
import type { SignedInFrame } from '../parts/frame.ts';
import { Choice } from '../parts/key-form.tsx';
import type { KeyView } from '../parts/key-view.ts';
import { Form } from '../parts/layout.tsx';
import { UseNumbers } from '../parts/use-numbers.tsx';
import { clock, counted, HOUR, minute } from '../words.ts';

export interface RotatePageProps {
  frame: SignedInFrame;
  view: KeyView;
  /** How the key was used in the last 30 days; null: not readable now. */
  month: { networks: number; calls: number } | null;
  /** The chosen overlap, in seconds, as text. */
  overlap: string;
  /** Why it was refused; null: it was not. */
  error: string | null;
}

/** Before a new secret is made: how long the old one goes on. */
export function RotatePage({ frame, view, month, overlap, error }: RotatePageProps) {
  const { key, use, oldSecret } = view;
  const { now } = frame;
  const choices = [
    { seconds: '0', name: 'No time', says: 'ends at once' },
    { seconds: '3600', name: '1 hour', says: `${clock(now + HOUR).slice(0, 5)} UTC` },
    { seconds: '86400', name: '24 hours', says: minute(now + 24 * HOUR) },
    { seconds: '604800', name: '7 days', says: minute(now + 7 * 24 * HOUR) },
  ];
  return (
    <ActOnKey frame={frame} target={key} title={`${error === null ? '' : 'Error: '}Rotate ${key.label}`} here="Rotate">
      <h1>
        Rotate “<bdi>{key.label}</bdi>”
      </h1>
      <p>
        You get a new secret. Label, addresses, permissions and expiry stay. The old secret goes on for as long as you
        say, so that your programs can change over.
      </p>
      <UseNumbers use={use} month={month} now={now} />
      <Form viewer={frame.viewer} action={links.rotateKey(key.id)} class="stack">
        <fieldset class="stack">
          <legend>The old secret goes on working for</legend>
          <div class="choices">
            {choices.map(({ seconds, name, says }) => (
              <Choice name="overlap_seconds" value={seconds} chosen={overlap} says={says}>
                {name}
              </Choice>
            ))}
          </div>
          {error !== null && <FieldError id="overlap-e">{error}</FieldError>}
        </fieldset>
        {oldSecret !== null && (
          <div class="note warn">
            <p>
              <strong>A rotation is under way.</strong> The secret <code>{oldSecret.hint}</code>, which was to work
              until {minute(oldSecret.retiresAt)}, ends when you make another one.
            </p>
            <label class="pick">
              <input type="checkbox" name="end_previous" value="true" required />
              <span>End it now</span>
            </label>
          </div>
        )}
        <div class="note">
          <p>
            Meanwhile the key’s page shows <strong>who still uses the old secret</strong>. You can end it early, or give
            it more time. With “no time”, callers that have the old one are refused, everywhere within{' '}
            {counted(frame.boundSeconds, 's', 's')}.
          </p>
        </div>
        <div class="row">
          <button class="btn go" type="submit">
            Make the new secret
          </button>
          <a class="btn bare" href={links.key(key.id)}>
            Cancel
          </a>
        </div>
      </Form>
    </ActOnKey>
  );
}
