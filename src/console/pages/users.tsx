import { links } from '../links.ts';
import type { SignedInFrame } from '../parts/frame.ts';
import { DotsMenu, MenuEntry } from '../parts/key-menu.tsx';
import { StatusWord } from '../parts/key-status.tsx';
import { Form, Layout } from '../parts/layout.tsx';
import { personName, roleName } from '../parts/names.ts';
import { Pager } from '../parts/pager.tsx';
import { Search } from '../parts/search.tsx';
import { WideHead } from '../parts/table-head.tsx';
import { LastUse } from '../parts/times.tsx';
import { describeUserStatus, type UserView } from '../parts/user-view.ts';
import { counted, number } from '../words.ts';

export interface UsersPageProps {
  frame: SignedInFrame;
  organisation: string;
  mayCreate: boolean;
  /** `status`: the value of the query; undefined: all users. `count` null: it was not counted. */
  filters: readonly { name: string; status: string | undefined; count: number | null }[];
  query: { query?: string | undefined; status?: string | undefined };
  users: readonly UserView[];
  /** From 1. */
  page: number;
  perPage: number;
  found: number;
}

/** The users of an organisation. */
export function UsersPage(props: UsersPageProps) {
  const { frame, organisation, mayCreate, filters, query, users, page, perPage, found } = props;
  return (
    <Layout frame={frame} title="Users" section="users">
      <div class="head">
        <div>
          <h1>Users</h1>
          <p>
            Who may have keys in <bdi>{organisation}</bdi>. A user’s keys never do more than the user may.
          </p>
        </div>
        {mayCreate && (
          <a class="btn go" href={links.createUser}>
            Create a user
          </a>
        )}
      </div>
      <div class="tools">
        <nav class="chips" aria-label="Filter">
          {filters.map(({ name, status, count }) => (
            <a href={links.users({ ...query, status })} aria-current={status === query.status ? 'true' : undefined}>
              {name} {count !== null && <span class="n">{number(count)}</span>}
            </a>
          ))}
        </nav>
        <Search
          action={links.users()}
          label="Search by name or email"
          placeholder="Name or email"
          query={query.query ?? ''}
        />
      </div>
      {users.length === 0 ? (
        <div class="empty" role="status">
          <h2>{query.query === undefined ? 'No such user now' : `No user has “${query.query}” in name or email`}</h2>
          <a class="btn" href={links.users()}>
            Show all users
          </a>
        </div>
      ) : (
        <>
          <UserTable {...props} />
          <Pager
            page={page}
            perPage={perPage}
            count={found}
            what={found === 1 ? 'user' : 'users, newest first'}
            href={(to) => links.users({ ...query, page: to })}
          />
        </>
      )}
    </Layout>
  );
}

function UserTable({ frame, users }: UsersPageProps) {
  const showsKeys = users.some(({ keys }) => keys !== null);
  const showsUse = users.some(({ use }) => use !== null);
  return (
    <table class="keys wide five" role="table">
      <caption class="vh">Users of the organisation</caption>
      <WideHead
        columns={[
          { name: 'User' },
          { name: 'Role' },
          { name: 'Status' },
          ...(showsKeys ? [{ name: 'Keys', isNumber: true }] : []),
          ...(showsUse ? [{ name: 'Calls in 24 h', isNumber: true }, { name: 'Last call' }] : []),
          { name: 'Actions', isSilent: true },
        ]}
      />
      <tbody role="rowgroup">
        {users.map((view) => (
          <UserRow view={view} frame={frame} showsKeys={showsKeys} showsUse={showsUse} />
        ))}
      </tbody>
    </table>
  );
}

function UserRow(props: { view: UserView; frame: SignedInFrame; showsKeys: boolean; showsUse: boolean }) {
  const { view, frame, showsKeys, showsUse } = props;
  const { user, keys, use } = view;
  const name = personName(user);
  const status = describeUserStatus(view, frame.now);
  return (
    <tr role="row">
      <th scope="row" role="rowheader">
        <a class="name" href={links.user(user.id)}>
          <bdi>{name}</bdi>
        </a>
        {user.id === frame.viewer.id && <span class="dim"> (you)</span>}
        <span class="two any">{user.email}</span>
      </th>
      <td role="cell" data-h="Role">
        {roleName(user.role)}
      </td>
      <td role="cell" data-h="Status">
        <StatusWord status={status} />
        {status.detail !== null && <span class="two">{status.detail}</span>}
      </td>
      {showsKeys && (
        <td role="cell" data-h="Keys" class="r">
          {keys !== null && (
            <a href={links.keys({ type: 'user', user_id: user.id })} aria-label={`${counted(keys, 'key')} of ${name}`}>
              {number(keys)}
            </a>
          )}
        </td>
      )}
      {showsUse && (
        <>
          <td role="cell" data-h="Calls in 24 h" class="r">
            {use === null ? '' : number(use.callsIn24h)}
          </td>
          <td role="cell" data-h="Last call">
            {use !== null && <LastUse at={use.lastUsedAt} now={frame.now} />}
          </td>
        </>
      )}
      <td role="cell" class="act">
        <UserMenu view={view} frame={frame} name={name} />
      </td>
    </tr>
  );
}

function UserMenu({ view: { user, acts }, frame, name }: { view: UserView; frame: SignedInFrame; name: string }) {
  return (
    <DotsMenu name={`Actions for ${name}`}>
      <MenuEntry href={links.user(user.id)} refused={acts.change}>
        Change
      </MenuEntry>
      {acts.invite === null ? (
        <li>
          <Form viewer={frame.viewer} action={links.inviteUser(user.id)}>
            <button type="submit">New sign-in link</button>
          </Form>
        </li>
      ) : (
        <MenuEntry href="" refused={acts.invite}>
          Sign-in link
        </MenuEntry>
      )}
      <MenuEntry href={links.createKey({ user_id: user.id })} refused={acts.createKey}>
        Create a key for them
      </MenuEntry>
      <MenuEntry href={links.deleteUser(user.id)} refused={acts.remove} ends>
        {acts.remove === null ? 'Delete…' : 'Delete'}
      </MenuEntry>
    </DotsMenu>
  );
}
