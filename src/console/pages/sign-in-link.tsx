import { Door } from '../parts/door.tsx';
import type { Frame } from '../parts/frame.ts';
import { minute } from '../words.ts';

export interface SignInLinkPageProps {
  frame: Frame;
  /** Whom the link is for, and when it stops working; null: there is no such link, it was used, or it is too old. */
  link: { name: string; organisation: string; endsAt: number } | null;
  /** The address that the button posts to: the link itself. */
  action: string;
}

/** A one-time link, opened. Opening it does nothing; the button uses it up. */
export function SignInLinkPage({ frame, link, action }: SignInLinkPageProps) {
  if (link === null) return <DeadLink frame={frame} />;
  return (
    <Door frame={frame} title="Your sign-in link">
      <div class="stack tight">
        <h1>
          Hello, <bdi>{link.name}</bdi>
        </h1>
        <p>
          This link signs you in to the API keys of <bdi>{link.organisation}</bdi>. It works once, until{' '}
          {minute(link.endsAt)}.
        </p>
      </div>
      <form method="post" action={action}>
        <button class="btn go" type="submit">
          Sign in
        </button>
      </form>
      <p class="fine">Not you? Close this page: nothing has happened yet. Tell the administrator who sent it.</p>
    </Door>
  );
}

function DeadLink({ frame }: { frame: Frame }) {
  return (
    <Door frame={frame} title="Error: Your sign-in link">
      <div class="stack tight">
        <h1>This link no longer works</h1>
        <p>
          It was used, was replaced by a newer one, is older than 24 hours, or was not copied whole. If you did not use
          it yourself, tell the administrator who sent it: someone else may have.
        </p>
      </div>
      <p class="fine">Ask the administrator for a new link. They make it under Users.</p>
    </Door>
  );
}
