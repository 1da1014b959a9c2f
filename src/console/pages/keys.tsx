import { type KeysQuery, links } from '../links.ts';
import type { SignedInFrame } from '../parts/frame.ts';
import { KeyTable } from '../parts/key-table.tsx';
import type { KeyView } from '../parts/key-view.ts';
import { Form, Layout } from '../parts/layout.tsx';
import { Pager } from '../parts/pager.tsx';
import { number } from '../words.ts';

type KeysTab = 'main' | 'personal';

/** A filter above the list. */
export interface KeysFilter {
  name: string;
  /** The value of the query's `status`; undefined: all keys. */
  status: string | undefined;
  /** Null: counting them would cost an unbounded read. */
  count: number | null;
  /** Whether it is one of those that deserve a look, which stand apart from the statuses. */
  deservesLook?: boolean;
}

export interface KeysPageProps {
  frame: SignedInFrame;
  tab: KeysTab;
  /** How many keys are behind each tab; null: there are too many to count. */
  counts: { main: number | null; personal: number | null };
  /** Whether the viewer has access to main keys, and to the personal keys of all users; else to its own keys alone. */
  seesKeysOfOthers: boolean;
  /** Null: the viewer may create no key, for the reason that its role has no such permission. */
  mayCreate: boolean;
  filters: readonly KeysFilter[];
  query: KeysQuery;
  keys: readonly KeyView[];
  /** From 1. */
  page: number;
  perPage: number;
  /** How many keys the query finds. */
  found: number;
  /** How many keys the same search finds behind the other tab; null: none was searched, or there is no other tab. */
  foundElsewhere: number | null;
  /** The address of this deployment: `https://keys.example.com`. */
  origin: string;
}

const INTRODUCTIONS = {
  main: 'Main integrations carry what your organisation depends on. Only administrators see and manage them.',
  personal: 'A personal key belongs to one user and may do no more than that user. It is deleted with the user.',
  own: 'Your own keys. Each may do no more than you may, and is deleted with your user.',
} as const;

/** The list of keys, main or personal. */
export function KeysPage(props: KeysPageProps) {
  const { frame, tab, counts, seesKeysOfOthers, query, mayCreate } = props;
  const kind = tab === 'main' ? 'main' : seesKeysOfOthers ? 'personal' : 'own';
  const tabName = tab === 'main' ? 'Main integrations' : 'Personal';
  const all = tab === 'main' ? counts.main : counts.personal;
  const isNarrowed = (query.status ?? query.search_text ?? query.user_id) !== undefined;
  const isEmpty = all === 0 && !isNarrowed;
  const state = isEmpty ? 'No keys yet' : props.found === 0 ? 'Nothing found' : tabName;
  return (
    <Layout frame={frame} title={`${state} · API keys`} section="keys">
      <div class="head">
        <div>
          <h1>API keys</h1>
          <p>{INTRODUCTIONS[kind]}</p>
        </div>
        {mayCreate && (
          <a class="btn go" href={links.createKey()}>
            Create a new key
          </a>
        )}
      </div>
      <nav class="tabs" aria-label="Kind of key">
        <ul>
          <li>
            {seesKeysOfOthers ? (
              <TabLink href={links.keys({ type: 'bot' })} isCurrent={tab === 'main'} count={counts.main}>
                Main integrations
              </TabLink>
            ) : (
              <span class="off">
                Main integrations <span class="n">administrators only</span>
              </span>
            )}
          </li>
          <li>
            <TabLink href={links.keys({ type: 'user' })} isCurrent={tab === 'personal'} count={counts.personal}>
              Personal
            </TabLink>
          </li>
        </ul>
      </nav>
      {isEmpty ? <NoKeysYet tab={tab} mayCreate={mayCreate} origin={props.origin} /> : <List {...props} all={all} />}
    </Layout>
  );
}

function TabLink(props: { href: string; isCurrent: boolean; count: number | null; children: string }) {
  return (
    <a href={props.href} aria-current={props.isCurrent ? 'page' : undefined}>
      {props.children}
      {props.count !== null && <span class="n">{number(props.count)}</span>}
    </a>
  );
}

function List(props: KeysPageProps & { all: number | null }) {
  const { frame, tab, filters, query, keys, page, perPage, found, seesKeysOfOthers } = props;
  const caption =
    tab === 'main'
      ? 'Main integration keys'
      : seesKeysOfOthers
        ? 'Personal keys of the organisation’s users'
        : 'Your personal keys';
  return (
    <>
      <div class="tools">
        <Filters filters={filters} query={query} />
        <Form viewer={frame.viewer} action={links.findKeys} role="search">
          {query.type !== undefined && <input type="hidden" name="type" value={query.type} />}
          <label class="vh" for="q">
            Search by label or hint, or paste a whole key that you found
          </label>
          <input
            id="q"
            name="search_text"
            type="search"
            placeholder="Label, hint or key"
            value={query.search_text ?? ''}
            autocomplete="off"
            spellcheck={false}
            data-filter=".keys tbody tr"
          />
          <button class="btn" type="submit">
            Search
          </button>
        </Form>
      </div>
      {keys.length === 0 ? (
        <NothingFound {...props} />
      ) : (
        <>
          <KeyTable frame={frame} caption={caption} keys={keys} showsOwner={tab === 'personal' && seesKeysOfOthers} />
          <Pager
            page={page}
            perPage={perPage}
            count={found}
            what={found === 1 ? 'key' : 'keys, newest first'}
            href={(to) => links.keys({ ...query, page: to })}
          />
          <Hint tab={tab} seesKeysOfOthers={seesKeysOfOthers} />
        </>
      )}
    </>
  );
}

function Filters({ filters, query }: Pick<KeysPageProps, 'filters' | 'query'>) {
  const link = (filter: KeysFilter) => (
    <a
      href={links.keys({ ...query, status: filter.status, page: undefined })}
      aria-current={filter.status === query.status ? 'true' : undefined}
    >
      {filter.name} {filter.count !== null && <span class="n">{number(filter.count)}</span>}
    </a>
  );
  const looks = filters.filter(({ deservesLook }) => deservesLook);
  return (
    <nav class="chips" aria-label="Filter">
      {filters.filter(({ deservesLook }) => !deservesLook).map(link)}
      {looks.length > 0 && <span class="rule" />}
      {looks.map(link)}
    </nav>
  );
}

function Hint({ tab, seesKeysOfOthers }: Pick<KeysPageProps, 'tab' | 'seesKeysOfOthers'>) {
  if (tab === 'main') {
    return (
      <p class="fine">
        Found a key in a log or a repository? Paste it into the search: it is looked up, and never put into an address.
      </p>
    );
  }
  if (!seesKeysOfOthers) return null;
  return <p class="fine">As an administrator you can open and revoke every key. Its secret is for its user alone.</p>;
}

function NoKeysYet({ tab, mayCreate, origin }: Pick<KeysPageProps, 'tab' | 'mayCreate' | 'origin'>) {
  return (
    <div class="empty">
      <h2>{tab === 'main' ? 'No main integration key yet' : 'No personal key yet'}</h2>
      <p>
        A key lets a program of yours read or write through the API: a store locator that follows your opening hours,
        say, or a nightly export of reviews. Make one key for each program, so that each can be limited, watched and
        revoked by itself.
      </p>
      {mayCreate && (
        <a class="btn" href={links.createKey()}>
          Create a new key
        </a>
      )}
      <p>With a key, a call looks like this:</p>
      <div class="code">
        <pre tabindex={0} role="region" aria-label="Example call">
          <code>{`curl ${origin}/v2/api_keys/current -H "x-APIKey: $LATCHKEY"`}</code>
        </pre>
      </div>
    </div>
  );
}

function NothingFound({ tab, query, foundElsewhere, all }: KeysPageProps & { all: number | null }) {
  const kind = tab === 'main' ? 'main' : 'personal';
  const otherKind = tab === 'main' ? 'personal' : 'main';
  const otherType = tab === 'main' ? 'user' : 'bot';
  const search = query.search_text;
  const narrowed = query.status === undefined ? '' : `${STATUS_ADJECTIVES[query.status] ?? 'such'} `;
  return (
    <div class="empty" role="status">
      <h2>
        No {narrowed}
        {kind} key
        {search === undefined ? ' now' : ` has “${search}” in its label or hint`}
      </h2>
      {foundElsewhere !== null && foundElsewhere > 0 && (
        <p>
          {foundElsewhere === 1
            ? `One does among the ${otherKind} keys.`
            : `${number(foundElsewhere)} do among the ${otherKind} keys.`}
        </p>
      )}
      <div class="row">
        <a class="btn" href={links.keys({ type: query.type })}>
          Show all {all !== null && `${number(all)} `}
          {kind} keys
        </a>
        {foundElsewhere !== null && foundElsewhere > 0 && (
          <a class="btn" href={links.keys({ type: otherType, search_text: search })}>
            {foundElsewhere === 1 ? `See the ${otherKind} one` : `See the ${otherKind} ones`}
          </a>
        )}
      </div>
    </div>
  );
}

/** The statuses of the query as words before "key". */
const STATUS_ADJECTIVES: Record<string, string> = {
  active: 'active',
  paused: 'paused',
  expired: 'expired',
  disabled: 'revoked',
};
