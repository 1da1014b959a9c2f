import type { AuditEvent } from '../../domain/audit/list-audit-events.ts';
import { AUDIT_ACTIONS } from '../../wire/audit-actions.ts';
import { links } from '../links.ts';
import { describeAction, describeChanges, isRefusal } from '../parts/audit-words.ts';
import { Field } from '../parts/field.tsx';
import type { SignedInFrame } from '../parts/frame.ts';
import { Changes } from '../parts/history.tsx';
import { Layout } from '../parts/layout.tsx';
import { Pager } from '../parts/pager.tsx';
import { WideHead } from '../parts/table-head.tsx';
import { Stamp } from '../parts/times.tsx';

/** The filter as it was filled in. */
interface AuditQuery {
  action?: string | undefined;
  user_id?: string | undefined;
  api_key_id?: string | undefined;
  page?: number | undefined;
}

export interface AuditPageProps {
  frame: SignedInFrame;
  keepDays: number;
  query: AuditQuery;
  /** What is wrong with the filter, by field. */
  errors: Partial<Record<'action' | 'user_id' | 'api_key_id', string>>;
  /** Users to filter by; null: the viewer sees those of its own keys only. */
  users: readonly { id: string; name: string }[] | null;
  events: readonly AuditEvent[];
  /** The names of the keys and users on this page that still exist, by id. */
  names: { keys: ReadonlyMap<number, string>; users: ReadonlyMap<string, string> };
  /** From 1. */
  page: number;
  perPage: number;
  count: number;
  countIsExact: boolean;
}

/** The audit log, newest first. */
export function AuditPage(props: AuditPageProps) {
  const { frame, keepDays, query, users, events, page, perPage, count, countIsExact } = props;
  return (
    <Layout frame={frame} title="Audit log" section="audit">
      <div class="head">
        <div>
          <h1>Audit log</h1>
          <p>
            {users === null
              ? 'Who did what to your keys, and who tried what they may not.'
              : 'Who did what to which key or user, and who tried what they may not.'}{' '}
            Kept for {keepDays}&nbsp;days.
          </p>
        </div>
      </div>
      <Filter {...props} />
      {events.length === 0 ? (
        <div class="empty" role="status">
          <h2>No such event</h2>
          <p>Nothing in the log fits the filter.</p>
          <a class="btn" href={links.audit()}>
            Show everything
          </a>
        </div>
      ) : (
        <>
          <table class="wide events" role="table">
            <caption class="vh">Events, newest first</caption>
            <WideHead
              columns={[{ name: 'When (UTC)' }, { name: 'Who' }, { name: 'What' }, { name: 'On' }, { name: 'From' }]}
            />
            <tbody role="rowgroup">
              {events.map((event) => (
                <EventRow event={event} names={props.names} now={frame.now} />
              ))}
            </tbody>
          </table>
          <Pager
            page={page}
            perPage={perPage}
            count={count}
            isMore={!countIsExact}
            what={count === 1 ? 'event' : 'events'}
            href={(to) => links.audit({ ...query, page: to })}
          />
        </>
      )}
    </Layout>
  );
}

const GROUPS = [
  { name: 'Keys', has: (action: string) => action.startsWith('api_key.') && !isRefusal(action) },
  { name: 'Users', has: (action: string) => action.startsWith('user.') && !isRefusal(action) },
  { name: 'Refused attempts', has: isRefusal },
  {
    name: 'Deployment',
    has: (action: string) => !isRefusal(action) && !action.startsWith('api_key.') && !action.startsWith('user.'),
  },
] as const;

function Filter({ query, errors, users }: AuditPageProps) {
  return (
    <form class="ask filters" method="get" action={links.audit()}>
      <Field id="action" label="What" error={errors.action ?? null}>
        {(described) => (
          <select id="action" name="action" {...described}>
            <option value="">Everything</option>
            {GROUPS.map(({ name, has }) => (
              <optgroup label={name}>
                {AUDIT_ACTIONS.filter(has).map((action) => (
                  <option value={action} selected={action === query.action}>
                    {describeAction(action)}
                  </option>
                ))}
              </optgroup>
            ))}
          </select>
        )}
      </Field>
      {users !== null && (
        <Field id="user_id" label="On the user, or a key of theirs" error={errors.user_id ?? null}>
          {(described) => (
            <select id="user_id" name="user_id" {...described}>
              <option value="">Anyone</option>
              {users.map(({ id, name }) => (
                <option value={id} selected={id === query.user_id}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
      )}
      <Field id="api_key_id" label="On the key" error={errors.api_key_id ?? null}>
        {(described) => (
          <input
            id="api_key_id"
            name="api_key_id"
            value={query.api_key_id ?? ''}
            inputmode="numeric"
            placeholder="Id"
            autocomplete="off"
            {...described}
          />
        )}
      </Field>
      <button class="btn" type="submit">
        Filter
      </button>
    </form>
  );
}

function EventRow({ event, names, now }: { event: AuditEvent; names: AuditPageProps['names']; now: number }) {
  const changes = describeChanges(event);
  return (
    <tr role="row">
      <th scope="row" role="rowheader">
        <Stamp at={event.at} now={now} />
      </th>
      <td role="cell" data-h="Who">
        <bdi>{event.actorName ?? event.actorUserId ?? 'Operator'}</bdi>
        <span class="two">
          {event.actorApiKeyId === null ? (
            event.actorUserId === null ? (
              'command'
            ) : (
              'console'
            )
          ) : (
            <>
              with <a href={links.key(event.actorApiKeyId)}>key {event.actorApiKeyId}</a>
            </>
          )}
        </span>
      </td>
      <td role="cell" data-h="What" class="full">
        <strong class={isRefusal(event.action) ? 'bad' : undefined}>{describeAction(event.action)}</strong>
        {changes.length > 0 && (
          <span class="two any">
            <Changes changes={changes} />
          </span>
        )}
      </td>
      <td role="cell" data-h="On">
        <On event={event} names={names} />
      </td>
      <td role="cell" data-h="From">
        {event.clientIp !== null && <code class="any">{event.clientIp}</code>}
      </td>
    </tr>
  );
}

/** What it was done to: a key, a user, or neither. What no longer exists has its id. */
function On({ event: { apiKeyId, userId }, names }: { event: AuditEvent; names: AuditPageProps['names'] }) {
  if (apiKeyId !== null) {
    const label = names.keys.get(apiKeyId);
    return label === undefined ? (
      <>key {apiKeyId}</>
    ) : (
      <a href={links.key(apiKeyId)}>
        <bdi>{label}</bdi>
      </a>
    );
  }
  if (userId === null) return null;
  const name = names.users.get(userId);
  return name === undefined ? (
    <span class="any">user {userId}</span>
  ) : (
    <a href={links.user(userId)}>
      <bdi>{name}</bdi>
    </a>
  );
}
