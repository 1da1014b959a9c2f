/**
 * What can narrow a calling key, so that an unrestricted key of its own user is out of its reach, and words of the
 * message.
 */
export const NARROW_KEYS: [name: string, fields: Record<string, unknown>, message: RegExp][] = [
  [
    'fewer permissions',
    { has_restricted_permissions: true, permissions: ['api_key_read', 'api_key_manage'] },
    /permissions.*review_read/,
  ],
  ['an allowlist', { ip_whitelist: ['203.0.113.7'] }, /addresses/],
  ['an expiry', { expiration_date: '2999-12-31' }, /2999-12-31/],
];
