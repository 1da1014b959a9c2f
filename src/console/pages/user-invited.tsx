import type { User } from '../../domain/users/user.ts';
import { links } from '../links.ts';
import type { SignedInFrame } from '../parts/frame.ts';
import { Crumbs, Layout } from '../parts/layout.tsx';
import { personName } from '../parts/names.ts';
import { Secret, SecretDone } from '../parts/secret.tsx';
import { minute } from '../words.ts';

export interface UserInvitedPageProps {
  frame: SignedInFrame;
  user: User;
  /** The sign-in link, which this answer alone holds. */
  signInUrl: string;
  /** Unix milliseconds. */
  endsAt: number;
}

/** A sign-in link that was made a moment ago, to be sent to its user. */
export function UserInvitedPage({ frame, user, signInUrl, endsAt }: UserInvitedPageProps) {
  const name = personName(user);
  return (
    <Layout frame={frame} title="Sign-in link" section="users">
      <Crumbs
        parents={[
          ['Users', links.users()],
          [name, links.user(user.id)],
        ]}
        here="Sign-in link"
      />
      <div class="narrow stack">
        <h1>
          Send this link to <bdi>{name}</bdi>
        </h1>
        <p role="status">
          It is shown this once. It signs in one person, one time, until <strong>{minute(endsAt)}</strong>.
        </p>
        <Secret name="Sign-in link" value={signInUrl} />
        <SecretDone href={links.users()} />
        <p class="fine">Lost? Make another: it replaces this one. Both are recorded in the audit log.</p>
      </div>
    </Layout>
  );
}
