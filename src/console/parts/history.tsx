import type { AuditEvent } from '../../domain/audit/list-audit-events.ts';
import { links } from '../links.ts';
import { type ChangeWords, describeActionOfKey, describeChanges, isRefusal } from './audit-words.ts';
import { Ago } from './times.tsx';

/** What happened to one key, the newest first. */
export function History({ events, now }: { events: readonly AuditEvent[]; now: number }) {
  return (
    <ol class="log">
      {events.map((event) => {
        // What a new key was given, the facts say.
        const changes = event.action === 'api_key.created' ? [] : describeChanges(event);
        return (
          <li>
            <Ago at={event.at} now={now} />
            <span>
              <strong class={isRefusal(event.action) ? 'bad' : undefined}>{describeActionOfKey(event.action)}</strong>{' '}
              by <Actor event={event} />
              {changes.length > 0 && (
                <>
                  : <Changes changes={changes} />
                </>
              )}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

/** Who did it, from where, and with which key. */
export function Actor({ event }: { event: AuditEvent }) {
  return (
    <>
      <bdi>{event.actorName ?? event.actorUserId ?? 'an operator'}</bdi>
      {event.clientIp !== null && (
        <>
          , from <code>{event.clientIp}</code>
        </>
      )}
      {event.actorApiKeyId !== null && event.actorApiKeyId !== event.apiKeyId && (
        <>
          , with <a href={links.key(event.actorApiKeyId)}>key {event.actorApiKeyId}</a>
        </>
      )}
    </>
  );
}

/** What went, struck through, and what came instead. */
export function Changes({ changes }: { changes: readonly ChangeWords[] }) {
  return (
    <span class="any">
      {changes.map(({ name, gone, come, replaces }, index) => (
        <>
          {index > 0 && '; '}
          {name !== null && `${name} `}
          {gone !== null && <del>{gone}</del>}
          {gone !== null && come !== null && ' → '}
          {come !== null && (replaces ? <ins>{come}</ins> : come)}
        </>
      ))}
    </span>
  );
}
