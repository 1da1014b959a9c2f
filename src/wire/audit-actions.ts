/**
 * Every action that an audit event can have. An action that is not listed does not compile. An action that was ever
 * written must stay listed, so that its events can be found.
 */
export const AUDIT_ACTIONS = [
  'api_key.created',
  'api_key.changed',
  'api_key.revoked',
  'api_key.paused',
  'api_key.resumed',
  'api_key.rotated',
  'api_key.overlap_ended',
  'api_key.overlap_changed',
  'api_key.seen',
  'user.created',
  'user.changed',
  'user.deleted',
  'user.invited',
  'user.signed_in',
  'user.signed_out',
  'user.signed_out_everywhere',
  'organisation.created',
  'deployment.bootstrapped',
  'deployment.recovered',
  'secrets.resealed',
  'secrets.abandoned',
  // Attempts that were refused because they were beyond the caller's reach.
  'api_key.create_refused',
  'api_key.change_refused',
  'api_key.rotate_refused',
  'api_key.overlap_refused',
  'api_key.revoke_refused',
  'api_key.pause_refused',
  'api_key.resume_refused',
  'api_key.see_refused',
  'user.create_refused',
  'user.change_refused',
  'user.delete_refused',
  'user.invite_refused',
  'user.sign_in_refused',
  'organisation.create_refused',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];
