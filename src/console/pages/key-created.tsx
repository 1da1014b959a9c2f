import { allows, compileAllowlist } from '../../domain/addresses/allowlist.ts';
import type { Key } from '../../domain/keys/key.ts';
import { effectivePermissions } from '../../domain/permissions/permissions.ts';
import { links } from '../links.ts';
import type { SignedInFrame } from '../parts/frame.ts';
import { Crumbs, Layout } from '../parts/layout.tsx';
import { Codes } from '../parts/lists.tsx';
import { Receipt, type ReceiptProps } from '../parts/receipt.tsx';
import { Command, Secret, SecretDone } from '../parts/secret.tsx';
import { counted, expiry, minute } from '../words.ts';

export interface KeyCreatedPageProps {
  frame: SignedInFrame;
  target: Key;
  /** The secret, which this answer alone holds. */
  secret: string;
  /** Whether the key is new, or has a new secret. */
  how: 'created' | 'rotated';
  /** Until when the old secret works, in unix milliseconds; null: no longer, or there is none. */
  oldSecretUntil: number | null;
  clientIp: string | null;
  /** The address of this deployment: `https://keys.example.com`. */
  origin: string;
  /** From when it holds everywhere; null: not known. */
  receipt: ReceiptProps | null;
}

/** A key that is ready: its secret, how to try it, and what to do when it is lost. */
export function KeyCreatedPage(props: KeyCreatedPageProps) {
  const { frame, target: key, secret, how, oldSecretUntil, clientIp, origin, receipt } = props;
  return (
    <Layout frame={frame} title={how === 'created' ? 'Key created' : 'New secret'} section="keys">
      <Crumbs
        parents={[
          ['API keys', links.keys()],
          [key.label, links.key(key.id)],
        ]}
        here={how === 'created' ? 'Created' : 'Rotated'}
      />
      <div class="narrow stack">
        <h1>
          “<bdi>{key.label}</bdi>” {how === 'created' ? 'is ready' : 'has a new secret'}
        </h1>
        <p role="status">
          {how === 'created' ? 'The key was created. ' : 'The secret was made. '}
          Copy {how === 'created' ? 'its secret' : 'it'} to where your program keeps secrets; it works from now on.
          {how === 'rotated' &&
            (oldSecretUntil === null
              ? ' The old secret has ended.'
              : ` The old secret goes on working until ${minute(oldSecretUntil)}.`)}
        </p>
        <Secret name="The secret" value={secret} />
        <SecretDone href={links.key(key.id)} />
        {receipt !== null && <Receipt {...receipt} />}
        <section class="sect">
          <h2>Try it</h2>
          <p>
            It asks what the key may do. A 200 with the label “<bdi>{key.label}</bdi>” means that all is well. The
            command holds the secret, and your shell may remember it.
          </p>
          <Command
            name="Command to try the key"
            text={`curl -i ${origin}/v2/api_keys/current \\\n  -H "x-APIKey: ${secret}"`}
          />
          <FromHere networks={key.ipWhitelist} clientIp={clientIp} id={key.id} />
        </section>
        <section class="sect">
          <h2>If you lose it</h2>
          <p>
            {key.userType === 'bot' ? 'Administrators can ' : 'You can '}
            <a href={links.seeKey(key.id)}>see it again</a> on the key’s page; each look is recorded. If someone else
            may have it, <a href={links.rotateKey(key.id)}>rotate it</a> instead: same key, new secret.
          </p>
          <dl class="facts">
            <dt>Recognise it by</dt>
            <dd>
              <code>{key.hint}</code>
            </dd>
            <dt>Stops working</dt>
            <dd>{key.expirationDate === null ? 'Never, until revoked' : expiry(key.expirationDate)}</dd>
            <dt>Works from</dt>
            <dd>
              <Codes values={key.ipWhitelist} none="Any address" />
            </dd>
            <dt>May</dt>
            <dd>
              {key.hasRestrictedPermissions ? (
                <Codes values={effectivePermissions(key, key.userRole)} none="Do nothing" />
              ) : (
                'Do all that its user may'
              )}
            </dd>
          </dl>
        </section>
      </div>
    </Layout>
  );
}

function FromHere({ networks, clientIp, id }: { networks: readonly string[]; clientIp: string | null; id: number }) {
  if (clientIp === null || allows(compileAllowlist(networks), clientIp)) return null;
  return (
    <div class="note warn">
      <p>
        <strong>From where you are it will be refused.</strong> Your address, <code>{clientIp}</code>, is not among the{' '}
        {counted(networks.length, 'network')} of this key. Run it from one of those, or{' '}
        <a href={links.changeKey(id)}>add your address</a>.
      </p>
    </div>
  );
}
