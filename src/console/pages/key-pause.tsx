import { links } from '../links.ts';
import { ActOnKey } from '../parts/act-on-key.tsx';
import type { SignedInFrame } from '../parts/frame.ts';
import type { KeyView } from '../parts/key-view.ts';
import { Form } from '../parts/layout.tsx';
import { UseNumbers } from '../parts/use-numbers.tsx';
import { counted } from '../words.ts';

export interface PausePageProps {
  frame: SignedInFrame;
  view: KeyView;
  /** How the key was used in the last 30 days; null: not readable now. */
  month: { networks: number; calls: number } | null;
}

/** Before a key is paused: who calls with it, and that it can be resumed. */
export function PausePage({ frame, view, month }: PausePageProps) {
  const { key, use } = view;
  return (
    <ActOnKey frame={frame} target={key} title={`Pause ${key.label}`} here="Pause">
      <h1>
        Pause “<bdi>{key.label}</bdi>”?
      </h1>
      <p>
        Its calls are refused until someone resumes it, everywhere within{' '}
        <strong>{counted(frame.boundSeconds, 's', 's')}</strong>. Nothing is lost: same secret, same settings.
      </p>
      <UseNumbers use={use} month={month} now={frame.now} />
      <Form viewer={frame.viewer} action={links.pauseKey(key.id)} class="row">
        <button class="btn go" type="submit">
          Pause it
        </button>
        <a class="btn bare" href={links.key(key.id)}>
          Cancel
        </a>
      </Form>
    </ActOnKey>
  );
}
