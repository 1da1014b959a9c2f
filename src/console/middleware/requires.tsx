import { createMiddleware } from 'hono/factory';
import type { PermissionName } from '../../domain/permissions/permissions.ts';
import { answerPage } from '../answer-page.ts';
import type { SessionEnv } from '../context.ts';
import { signedInFrameOf } from '../frame-of.ts';
import { RefusedPage } from '../pages/refused.tsx';

/**
 * Refuses whoever lacks this permission. The session was read a moment ago at the primary, after the form. The caller
 * carries the permission on, so an act that judges its caller again, at each further try, asks for it too.
 */
export function requires(permission: PermissionName) {
  return createMiddleware<SessionEnv>(async (c, next) => {
    const { caller } = c.var;
    if (!caller.reach.permissions.includes(permission)) {
      c.set('code', 'PERMISSION_DENIED');
      const page = (
        <RefusedPage
          frame={signedInFrameOf(c)}
          heading="You may not do this here"
          missing={`the permission ${permission}`}
          helper={null}
          instead={null}
          requestId={c.var.requestId}
        />
      );
      return answerPage(c, page, 403);
    }
    c.set('caller', { ...caller, confirm: { ...caller.confirm, needs: [...caller.confirm.needs, permission] } });
    await next();
  });
}
