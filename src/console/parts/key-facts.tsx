import { effectivePermissions, permissionsOfRole } from '../../domain/permissions/permissions.ts';
import { expiryMoment } from '../../domain/verification/expiration.ts';
import { counted, expiry, moment, relative } from '../words.ts';
import { type KeyView, ownerName } from './key-view.ts';
import { CodeLines } from './lists.tsx';
import { Moment } from './times.tsx';

/** How often the secret was given out again: by "see key". */
export interface Looks {
  count: number;
  /** Unix milliseconds; null: never. */
  lastAt: number | null;
}

/** What is known of a key, beside its page. */
export function KeyFacts({ view, looks, now }: { view: KeyView; looks: Looks | null; now: number }) {
  const { key, use, oldSecret } = view;
  const owner = ownerName(key);
  const held = permissionsOfRole(key.userRole).size;
  const effective = effectivePermissions(key, key.userRole);
  return (
    <dl class="facts">
      <dt>Last used</dt>
      <dd>
        {use === null ? (
          'Not readable now'
        ) : use.lastUsedAt === null ? (
          'Never'
        ) : (
          <>
            <Moment at={use.lastUsedAt} now={now} />
            {use.lastNetwork !== null && (
              <span class="two">
                from <code>{use.lastNetwork}</code>
              </span>
            )}
          </>
        )}
      </dd>
      <dt>Expiry date</dt>
      <dd>
        {key.expirationDate === null ? (
          'Never'
        ) : (
          <>
            {expiry(key.expirationDate)}
            <span class="two">{relative(expiryMoment(key.expirationDate), now)}</span>
          </>
        )}
      </dd>
      <dt>Addresses</dt>
      <dd>
        <CodeLines values={key.ipWhitelist} none="Any address" />
      </dd>
      <dt>Permissions</dt>
      <dd>
        {key.hasRestrictedPermissions ? (
          <>
            <CodeLines values={effective} none="None: it may do nothing" />
            <span class="two">
              {effective.length} of its user’s {held}
            </span>
          </>
        ) : (
          <>
            All that its user may
            <span class="two">{counted(held, 'permission')} today</span>
          </>
        )}
      </dd>
      <dt>Kind</dt>
      <dd>
        {owner === null ? (
          'Main integration'
        ) : (
          <>
            Personal
            <span class="two">
              of <bdi>{owner}</bdi>
            </span>
          </>
        )}
      </dd>
      <dt>Creator</dt>
      <dd>
        <bdi>{key.createdByName}</bdi>
      </dd>
      <dt>Creation date</dt>
      <dd>
        <Moment at={key.createdAt} now={now} />
      </dd>
      {key.revokedAt !== null && (
        <>
          <dt>Revoked</dt>
          <dd>
            <Moment at={key.revokedAt} now={now} />
            <span class="two">
              by <bdi>{key.revokedByName}</bdi>
            </span>
          </dd>
        </>
      )}
      <dt>Secret</dt>
      <dd>
        <code>{key.hint}</code>
        {oldSecret !== null && (
          <>
            {' '}
            new
            <br />
            <code>{oldSecret.hint}</code> old, until {moment(oldSecret.retiresAt)}
          </>
        )}
        {looks !== null && <span class="two">{sayLooks(looks, now)}</span>}
      </dd>
      <dt>Id</dt>
      <dd class="num">{key.id}</dd>
    </dl>
  );
}

function sayLooks({ count, lastAt }: Looks, now: number): string {
  if (count === 0 || lastAt === null) return 'never seen again';
  const often = count === 1 ? 'seen once' : count === 2 ? 'seen twice' : `seen ${counted(count, 'time')}`;
  return `${often}, last ${relative(lastAt, now)}`;
}
