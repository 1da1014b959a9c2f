import { links } from '../links.ts';
import { Door } from '../parts/door.tsx';
import { Field } from '../parts/field.tsx';
import type { Frame } from '../parts/frame.ts';

export interface SignInPageProps {
  frame: Frame;
  /** What every key of the deployment begins with: `lk`. */
  keyPrefix: string;
  /** The client's address as Cloudflare saw it; null: not known. */
  clientIp: string | null;
  /** Whether people sign in by Cloudflare Access too. */
  hasAccess: boolean;
  /** Why the last try was refused; null on a first visit. */
  error: string | null;
}

/** Sign in by pasting an API key, or by the organisation's account. */
export function SignInPage({ frame, keyPrefix, clientIp, hasAccess, error }: SignInPageProps) {
  return (
    <Door frame={frame} title={error === null ? 'Sign in' : 'Error: Sign in'}>
      <div class="stack tight">
        <h1>Sign in</h1>
        <p class="fine">API keys of your organisation</p>
      </div>
      <form method="post" action={links.signIn}>
        <Field
          id="api_key"
          label="API key"
          error={error}
          help="You can do here what the key may do. The session ends after 12 hours, or with the key."
        >
          {(described) => (
            <input
              id="api_key"
              name="api_key"
              type="password"
              class="mono"
              autocomplete="off"
              spellcheck={false}
              autocapitalize="off"
              placeholder={`${keyPrefix}_…`}
              required
              autofocus={error !== null}
              {...described}
            />
          )}
        </Field>
        <button class="btn go" type="submit">
          Sign in
        </button>
      </form>
      {hasAccess && (
        <form method="post" action={links.signInByAccess}>
          <button class="btn" type="submit">
            Sign in with your organisation’s account
          </button>
        </form>
      )}
      <details class="more">
        <summary>I have no key yet</summary>
        <div class="stack">
          <p class="fine">
            Ask an administrator for a sign-in link. They make it under Users. It works once, within 24 hours. Open it,
            and you can create your first key.
          </p>
        </div>
      </details>
      <details class="more">
        <summary>My key was refused</summary>
        <div class="stack">
          <p class="fine">
            A key signs you in only while it would be allowed to call: not revoked, not expired, and from an address on
            its list.{' '}
            {clientIp !== null && (
              <>
                Yours is <code>{clientIp}</code>.{' '}
              </>
            )}
            An administrator can see the reason on the key’s page.
          </p>
        </div>
      </details>
    </Door>
  );
}
