/**
 * Every action that an audit event may have. One that is not listed cannot be written: it does not compile. One that was
 * ever written stays here, so that its events can be found.
 */
export const AUDIT_ACTIONS = [
  'api_key.created',
  'api_key.changed',
  'api_key.revoked',
  'api_key.rotated',
  'api_key.seen',
  'user.created',
  'user.changed',
  'user.deleted',
  'organisation.created',
  'deployment.bootstrapped',
  'deployment.recovered',
  'secrets.resealed',
  'secrets.abandoned',
  // Attempts that lay beyond the caller's reach.
  'api_key.create_refused',
  'api_key.change_refused',
  'api_key.rotate_refused',
  'api_key.revoke_refused',
  'api_key.see_refused',
  'user.create_refused',
  'user.change_refused',
  'user.delete_refused',
  'organisation.create_refused',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];
