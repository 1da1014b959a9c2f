import type { AuditEvent } from '../../domain/audit/list-audit-events.ts';
import type { Key } from '../../domain/keys/key.ts';
import { links } from '../links.ts';
import { ActOnKey } from '../parts/act-on-key.tsx';
import type { SignedInFrame } from '../parts/frame.ts';
import { Actor } from '../parts/history.tsx';
import { Form } from '../parts/layout.tsx';
import { Secret, SecretDone } from '../parts/secret.tsx';
import { Ago } from '../parts/times.tsx';
import { clock } from '../words.ts';

export interface SeeKeyPageProps {
  frame: SignedInFrame;
  target: Key;
  clientIp: string | null;
  /** Earlier looks at this key, the newest first. */
  looks: readonly AuditEvent[];
}

/** Before a secret is shown: what is recorded of the look, and who looked before. */
export function SeeKeyPage({ frame, target, clientIp, looks }: SeeKeyPageProps) {
  return (
    <ActOnKey frame={frame} target={target} title={`See key ${target.label}`} here="See key">
      <h1>
        See the key “<bdi>{target.label}</bdi>”?
      </h1>
      <p>
        The look is recorded before the secret is shown: your name, the time
        {clientIp !== null && (
          <>
            , and your address <code>{clientIp}</code>
          </>
        )}
        . Everyone who may read this key sees that in its history.
      </p>
      <Form viewer={frame.viewer} action={links.seeKey(target.id)} class="row">
        <button class="btn go" type="submit">
          Record it and show the key
        </button>
        <a class="btn bare" href={links.key(target.id)}>
          Cancel
        </a>
      </Form>
      <section class="sect">
        <h2>Earlier looks</h2>
        {looks.length === 0 ? (
          <p>Nobody has looked since the key was made.</p>
        ) : (
          <ol class="log">
            {looks.map((event) => (
              <li>
                <Ago at={event.at} now={frame.now} />
                <span>
                  <Actor event={event} />
                </span>
              </li>
            ))}
          </ol>
        )}
      </section>
    </ActOnKey>
  );
}

export interface KeySeenPageProps {
  frame: SignedInFrame;
  target: Key;
  /** The secret, which this answer alone holds. */
  secret: string;
}

/** The secret of a key, shown after the look was recorded. */
export function KeySeenPage({ frame, target, secret }: KeySeenPageProps) {
  return (
    <ActOnKey frame={frame} target={target} title={`Key ${target.label}`} here="See key">
      <h1>
        “<bdi>{target.label}</bdi>”
      </h1>
      <p role="status">Your look was recorded at {clock(frame.now)}&nbsp;UTC. This page is gone once you leave it.</p>
      <Secret name="The secret" value={secret} />
      <SecretDone href={links.key(target.id)} />
      <p class="fine">
        Sending it to someone? They can see it here themselves if they may. If it was in a mail or a chat,{' '}
        <a href={links.rotateKey(target.id)}>rotate it</a>.
      </p>
    </ActOnKey>
  );
}
