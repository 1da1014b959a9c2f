import { links } from '../links.ts';
import type { SignedInFrame } from '../parts/frame.ts';
import { describeStatus, StatusWord } from '../parts/key-status.tsx';
import type { KeyView } from '../parts/key-view.ts';
import { Crumbs, Form, Layout } from '../parts/layout.tsx';
import { personName } from '../parts/names.ts';
import { WideHead } from '../parts/table-head.tsx';
import { LastUse } from '../parts/times.tsx';
import type { UserView } from '../parts/user-view.ts';
import { counted, inWords, number } from '../words.ts';

export interface UserDeletePageProps {
  frame: SignedInFrame;
  view: UserView;
  /** The keys that go with the user, those in use first; not more than a page of them. */
  keys: readonly KeyView[];
  /** How many keys the user has in all; null: the viewer has no access to them. */
  keyCount: number | null;
}

/** Before a user is deleted: which keys go with it, and what can be done instead. */
export function UserDeletePage({ frame, view, keys, keyCount }: UserDeletePageProps) {
  const { user, acts } = view;
  const name = personName(user);
  const inUse = keys.filter(({ use }) => use !== null && use.allowedIn24h > 0);
  const calls = inUse.reduce((sum, { use }) => sum + (use?.allowedIn24h ?? 0), 0);
  const isCut = keyCount !== null && keyCount > keys.length;
  const isUnread = keys.some(({ use }) => use === null);
  return (
    <Layout frame={frame} title={`Delete ${name}`} section="users">
      <Crumbs
        parents={[
          ['Users', links.users()],
          [name, links.user(user.id)],
        ]}
        here="Delete"
      />
      <div class="narrow stack">
        <h1>
          Delete <bdi>{name}</bdi>
          {keyCount !== null && keyCount > 0 && `, and ${counted(keyCount, 'key')}`}?
        </h1>
        <p>
          {keyCount === null
            ? 'Its keys, if it has any, are deleted with the user, and it cannot be undone. Only administrators see which.'
            : keyCount === 0
              ? 'The user has no keys. It cannot be undone.'
              : `The ${keyCount === 1 ? 'key is' : 'keys are'} deleted with the user, and it cannot be undone.`}{' '}
          {inUse.length > 0 && (
            <strong>
              {inUse.length === keyCount
                ? keyCount === 1
                  ? 'It is'
                  : 'All are'
                : `${inWords(inUse.length)} of ${isCut ? `the newest ${keys.length}` : 'them'} ${inUse.length === 1 ? 'is' : 'are'}`}{' '}
              in use: {counted(calls, 'call')} in the last 24&nbsp;h.
            </strong>
          )}
          {isUnread && <strong>How they are used cannot be read now.</strong>}
        </p>
        {keys.length > 0 && <GoingKeys keys={keys} now={frame.now} />}
        {keyCount !== null && keyCount > keys.length && (
          <p class="fine">And {counted(keyCount - keys.length, 'more key')}.</p>
        )}
        {keyCount !== 0 && (
          <p class="fine">
            Should their work go on? Give it main integration keys first: a personal key cannot outlive its user.
          </p>
        )}
        <Form viewer={frame.viewer} action={links.deleteUser(user.id)} class="row">
          <button class="btn end go" type="submit">
            Delete the user
            {keyCount === null ? ' and its keys' : keyCount > 0 && ` and ${counted(keyCount, 'key')}`}
          </button>
          {acts.change === null && !user.disabled && (
            <a class="btn" href={`${links.user(user.id)}?disable=true#disabled`}>
              Disable instead
            </a>
          )}
          <a class="btn bare" href={links.user(user.id)}>
            Cancel
          </a>
        </Form>
      </div>
    </Layout>
  );
}

function GoingKeys({ keys, now }: { keys: readonly KeyView[]; now: number }) {
  return (
    <table class="wide" role="table">
      <caption class="vh">Keys that go with the user</caption>
      <WideHead
        columns={[
          { name: 'Key' },
          { name: 'Status' },
          { name: 'Calls in 24 h', isNumber: true },
          { name: 'Last call' },
        ]}
      />
      <tbody role="rowgroup">
        {keys.map((view) => (
          <tr role="row">
            <th scope="row" role="rowheader">
              <strong>
                <bdi>{view.key.label}</bdi>
              </strong>{' '}
              <code class="hint">{view.key.hint}</code>
            </th>
            <td role="cell" data-h="Status">
              <StatusWord status={describeStatus(view, now)} />
            </td>
            <td role="cell" data-h="Calls in 24 h" class="r">
              {view.use === null ? 'Not readable' : number(view.use.allowedIn24h)}
            </td>
            <td role="cell" data-h="Last call">
              {view.use === null ? 'Not readable' : <LastUse at={view.use.lastUsedAt} now={now} />}
              {view.use?.lastNetwork != null && <code class="two">{view.use.lastNetwork}</code>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
