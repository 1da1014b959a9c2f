import type { AuditEvent } from '../../domain/audit/list-audit-events.ts';
import { counted, span } from '../words.ts';

/*
 * What an event of the audit log says.
 */

/** What happened, as the log says it: `Created a key`. */
const DONE: Partial<Record<string, string>> = {
  'api_key.created': 'Created a key',
  'api_key.changed': 'Changed a key',
  'api_key.revoked': 'Revoked a key',
  'api_key.paused': 'Paused a key',
  'api_key.resumed': 'Resumed a key',
  'api_key.rotated': 'Rotated a key',
  'api_key.overlap_ended': 'Ended an old secret',
  'api_key.overlap_changed': 'Moved the end of an old secret',
  'api_key.seen': 'Saw a key',
  'user.created': 'Created a user',
  'user.changed': 'Changed a user',
  'user.deleted': 'Deleted a user',
  'user.invited': 'Made a sign-in link',
  'user.signed_in': 'Signed in',
  'user.signed_out': 'Signed out',
  'user.signed_out_everywhere': 'Signed out everywhere',
  'organisation.created': 'Created an organisation',
  'deployment.bootstrapped': 'Set up the deployment',
  'deployment.recovered': 'Recovered the deployment',
  'secrets.resealed': 'Sealed the secrets anew',
  'secrets.abandoned': 'Gave up sealed secrets',
};

const REFUSED_ACTS: Partial<Record<string, string>> = {
  'api_key.create_refused': 'create a key',
  'api_key.change_refused': 'change a key',
  'api_key.rotate_refused': 'rotate a key',
  'api_key.revoke_refused': 'revoke a key',
  'api_key.see_refused': 'see a key',
  'api_key.pause_refused': 'pause a key',
  'api_key.resume_refused': 'resume a key',
  'api_key.overlap_refused': 'move the end of an old secret',
  'user.create_refused': 'create a user',
  'user.change_refused': 'change a user',
  'user.delete_refused': 'delete a user',
  'user.invite_refused': 'make a sign-in link',
  'user.sign_in_refused': 'sign in',
  'organisation.create_refused': 'create an organisation',
};

export function isRefusal(action: string): boolean {
  return action.endsWith('_refused');
}

/** `Created a key`; `Refused: change a key`. An action without words here is shown by its name. */
export function describeAction(action: string): string {
  if (isRefusal(action)) return `Refused: ${REFUSED_ACTS[action] ?? plain(action.replace(/_refused$/, ''))}`;
  return DONE[action] ?? capitalised(plain(action));
}

/** The same within the history of one key, where it goes without saying of what: `Created`. */
export function describeActionOfKey(action: string): string {
  return describeAction(action)
    .replace(/ a key$/, '')
    .replace(/^Saw$/, 'Seen');
}

function plain(action: string): string {
  return action.replace(/[._]/g, ' ').replace(/^api key/, 'key');
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const FIELDS: Partial<Record<string, string>> = {
  label: 'label',
  description: 'description',
  expiration_date: 'expiry',
  ip_whitelist: 'addresses',
  has_restricted_permissions: 'permissions',
  permissions: 'permissions',
  key_hint: 'secret',
  first_name: 'first name',
  last_name: 'last name',
};

/** Why an attempt was refused. */
const SHORTFALLS: Partial<Record<string, string>> = {
  owner: 'another user’s personal key',
  old_secret: 'by a secret that was replaced',
  administrators_only: 'for administrators only',
  provider_only: 'in another organisation',
  provider_keys: 'a key of a Provider',
  role: 'beyond what the role may give',
  permissions: 'permissions that the calling key lacks',
  unrestricted: 'the calling key is restricted, this one is not',
  open_caller: 'the calling key is narrowed',
  networks: 'addresses beyond those of the calling key',
  expiry: 'longer than the calling key lasts',
};

/** One thing that an event changed: of a field, what went and what came; or a remark. */
export interface ChangeWords {
  /** Null: a remark without a field. */
  name: string | null;
  gone: string | null;
  come: string | null;
  /** Whether the field had another value before. */
  replaces: boolean;
}

/** What an event changed, field by field; nothing to add: an empty list. */
export function describeChanges({ action, changes }: Pick<AuditEvent, 'action' | 'changes'>): ChangeWords[] {
  if (isRefusal(action)) {
    const rule = typeof changes.rule === 'string' ? (SHORTFALLS[changes.rule] ?? changes.rule) : null;
    const dropped =
      typeof changes.dropped === 'number' ? `${counted(changes.dropped, 'more try', 'more tries')} before` : null;
    return [rule, dropped].filter((text) => text !== null).map(remark);
  }
  // That a revocation disables the key says nothing new.
  if (action === 'api_key.revoked') return typeof changes.because === 'string' ? [remark(changes.because)] : [];
  return Object.entries(changes).flatMap(([field, change]) => {
    if (field === 'overlap_seconds' && typeof change === 'number') return [sayOverlap(change)];
    if (!Array.isArray(change) || change.length !== 2) return [];
    const [before, after]: unknown[] = change;
    return describeChange(field, before, after);
  });
}

function remark(text: string): ChangeWords {
  return { name: null, gone: null, come: text, replaces: false };
}

function sayOverlap(seconds: number): ChangeWords {
  return remark(seconds === 0 ? 'the old secret ended at once' : `old secret for ${span(seconds * 1_000)} more`);
}

function describeChange(field: string, before: unknown, after: unknown): ChangeWords[] {
  const name = FIELDS[field] ?? field.replaceAll('_', ' ');
  if (field === 'has_restricted_permissions') {
    return before === null
      ? []
      : [{ name, gone: null, come: after === true ? 'a list of its own' : 'all of its user', replaces: false }];
  }
  if (field === 'disabled') return [remark(after === true ? 'enabled → disabled' : 'disabled → enabled')];
  if (Array.isArray(before) && Array.isArray(after)) {
    const gone = before.filter((one) => !after.includes(one)).map((one) => `− ${one}`);
    const come = after.filter((one) => !before.includes(one)).map((one) => `+ ${one}`);
    if (gone.length + come.length === 0) return [{ name, gone: null, come: 'in another order', replaces: false }];
    return [{ name, gone: gone.join(', ') || null, come: come.join(', ') || null, replaces: true }];
  }
  if (before === null && isNothing(after)) return [];
  return [{ name, gone: before === null ? null : write(before), come: write(after), replaces: before !== null }];
}

function isNothing(value: unknown): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}

function write(value: unknown): string {
  if (isNothing(value)) return 'none';
  return Array.isArray(value) ? value.join(', ') : String(value);
}
