import type { Key } from '../../domain/keys/key.ts';
import { effectivePermissions } from '../../domain/permissions/permissions.ts';
import { linesOf } from '../parts/describe-entry.ts';
import { EXPIRY_CHOICES, type KeyFormErrors, type KeyFormValues } from '../parts/key-form.tsx';
import { dayFrom } from '../words.ts';

/*
 * The form of a key: from what was posted to what the page shows again, and to the body that the API would take. So the
 * schemas and rules of the API judge it, and none are here.
 */

/** A new form, for a personal key of the viewer that ends in 90 days. */
export const NEW_KEY: KeyFormValues = {
  label: '',
  description: '',
  user_type: 'user',
  user_id: '',
  expiry: '90',
  expiration_date: '',
  ip_whitelist: '',
  restricted: false,
  permissions: [],
};

/**
 * What a form was filled in with. What it lacks is as in `before`: a form that came in part must not widen a key. Boxes
 * that are not ticked are not sent, so no permission at all means none.
 */
export function readKeyForm(form: URLSearchParams, before: KeyFormValues): KeyFormValues {
  const text = (name: 'label' | 'description' | 'user_id' | 'expiration_date' | 'ip_whitelist') =>
    form.get(name)?.replaceAll('\r\n', '\n') ?? before[name];
  return {
    label: text('label'),
    description: text('description'),
    user_type: (['bot', 'user'] as const).find((type) => type === form.get('user_type')) ?? before.user_type,
    user_id: text('user_id'),
    expiry: EXPIRY_CHOICES.find((choice) => choice === form.get('expiry')) ?? before.expiry,
    expiration_date: text('expiration_date'),
    ip_whitelist: text('ip_whitelist'),
    restricted: form.has('restricted') ? form.get('restricted') !== 'false' : before.restricted,
    permissions: form.getAll('permissions'),
  };
}

/** The form of a key as it stands. */
export function formOfKey(key: Key): KeyFormValues {
  return {
    label: key.label,
    description: key.description ?? '',
    user_type: key.userType,
    user_id: key.userType === 'user' ? key.userId : '',
    expiry: key.expirationDate === null ? 'never' : 'date',
    expiration_date: key.expirationDate ?? '',
    ip_whitelist: key.ipWhitelist.join('\n'),
    restricted: key.hasRestrictedPermissions,
    permissions: key.hasRestrictedPermissions ? key.permissions : effectivePermissions(key, key.userRole),
  };
}

/** The fields of the key as the API's body has them. */
export function keyBodyOf(values: KeyFormValues, now: number) {
  const { expiry } = values;
  return {
    label: values.label,
    description: values.description.trim() === '' ? null : values.description,
    expiration_date:
      expiry === 'never' ? null : expiry === 'date' ? values.expiration_date : dayFrom(now, Number(expiry)),
    ip_whitelist: linesOf(values.ip_whitelist),
    has_restricted_permissions: values.restricted,
    permissions: values.restricted ? values.permissions : [],
  };
}

/**
 * The fields of a change as the API's body has them. The page lists permissions in the catalogue's order, and leaves out
 * what the user has lost. So a list that was not touched goes back as it was shown, and what is stored stays.
 */
export function keyChangeOf(values: KeyFormValues, key: Key, now: number) {
  const shown = effectivePermissions(key, key.userRole);
  const ticked = new Set(values.permissions);
  const isUntouched = ticked.size === shown.length && shown.every((name) => ticked.has(name));
  return keyBodyOf(isUntouched ? { ...values, permissions: shown } : values, now);
}

const FIELDS = ['label', 'description', 'user_id', 'expiration_date', 'ip_whitelist', 'permissions'] as const;

/**
 * The messages of the API at the fields of the form: the first one of each field, `ip_whitelist.2` at the list. What
 * belongs to no field stands at the label.
 */
export function errorsOfForm(messages: Record<string, string>, lines: readonly string[] = []): KeyFormErrors {
  const errors: KeyFormErrors = {};
  for (const [name, message] of Object.entries(messages)) {
    const [first = '', index] = name.replace(/^change\./, '').split('.');
    const field = FIELDS.find((one) => one === first) ?? 'label';
    const line = field === 'ip_whitelist' && index !== undefined ? lines[Number(index)] : undefined;
    errors[field] ??= line === undefined ? message : `“${line}”: ${message}`;
  }
  return errors;
}
