import type { AuditEvent } from '../../domain/audit/list-audit-events.ts';
import { links } from '../links.ts';
import { describeActionOfKey, describeChanges, isRefusal } from './audit-words.ts';
import { Ago } from './times.tsx';

/** What happened to one key, the newest first. */
export function History({ events, now }: { events: readonly AuditEvent[]; now: number }) {
  return (
    <ol class="log">
      {events.map((event) => {
        const changes = describeChanges(event);
        return (
          <li>
            <Ago at={event.at} now={now} />
            <span>
              <strong class={isRefusal(event.action) ? 'bad' : undefined}>{describeActionOfKey(event.action)}</strong>{' '}
              by <Actor event={event} />
              {changes.length > 0 && (
                <>
                  : <span class="any">{changes.join('; ')}</span>
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
