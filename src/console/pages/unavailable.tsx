import type { Frame } from '../parts/frame.ts';
import { Layout } from '../parts/layout.tsx';
import { counted, moment } from '../words.ts';

export interface UnavailablePageProps {
  frame: Frame;
  /**
   * What could not be reached, or went wrong. `storage_failed`: whether a change took effect is not known. `contended`:
   * others changed the same rows during every try. `no_keyring`: secrets cannot be sealed or opened.
   */
  reason: 'unavailable' | 'storage_failed' | 'contended' | 'no_keyring' | 'rate_limited' | 'internal';
  /** For how many seconds keys that are in use go on while the database is out of reach. */
  graceSeconds: number;
  requestId: string;
  /** The page to try again: one that is read, never one that acts. */
  retry: string;
}

const SAID: Record<UnavailablePageProps['reason'], { heading: string; text: string }> = {
  unavailable: {
    heading: 'The console cannot reach its database',
    text: 'Nothing was changed by what you just did. Try again in a minute.',
  },
  storage_failed: {
    heading: 'The database gave no answer',
    text: 'If you were changing something, look whether it was done before you do it again.',
  },
  contended: {
    heading: 'Others are changing the same',
    text: 'Each time the console tried, someone else had changed it first. Nothing was changed by what you did. Look at it again before you try again.',
  },
  no_keyring: {
    heading: 'Secrets cannot be sealed or opened now',
    text: 'Nothing was changed. Whoever runs this deployment has to set MASTER_KEYS to what it was. All keys go on working.',
  },
  rate_limited: {
    heading: 'Too much within a minute',
    text: 'Nothing was changed by what you just did. Try again in a minute.',
  },
  internal: {
    heading: 'Something went wrong here',
    text: 'If it goes on, report the request below to whoever runs this deployment.',
  },
};

/** No answer is not a verdict: what happened to the viewer's act, and to the programs that call meanwhile. */
export function UnavailablePage({ frame, reason, graceSeconds, requestId, retry }: UnavailablePageProps) {
  const { heading, text } = SAID[reason];
  return (
    <Layout frame={frame} title={reason === 'internal' ? 'Something went wrong' : 'Try again shortly'}>
      <div class="narrow stack">
        <h1>{heading}</h1>
        <p>{text}</p>
        {(reason === 'unavailable' || reason === 'storage_failed') && (
          <div class="note info">
            <p>
              <strong>Your programs go on.</strong> Keys that were in use a moment ago are still verified, for up to{' '}
              {counted(graceSeconds, 's', 's')} from the last contact. Nothing that was revoked comes back.
            </p>
          </div>
        )}
        <div class="row">
          <a class="btn go" href={retry}>
            Try again
          </a>
        </div>
        <p class="fine">
          Request <code>{requestId}</code>, {moment(frame.now)}
        </p>
      </div>
    </Layout>
  );
}
