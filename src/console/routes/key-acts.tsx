import { Hono } from 'hono';
import { listAuditEvents } from '../../domain/audit/list-audit-events.ts';
import { changeOverlap } from '../../domain/keys/change-overlap.ts';
import type { Key } from '../../domain/keys/key.ts';
import { pauseKey } from '../../domain/keys/pause-key.ts';
import { findPreviousSecrets } from '../../domain/keys/previous-secret.ts';
import { resumeKey } from '../../domain/keys/resume-key.ts';
import { revokeKey } from '../../domain/keys/revoke-key.ts';
import { rotateKey } from '../../domain/keys/rotate-key.ts';
import { seeKey } from '../../domain/keys/see-key.ts';
import { allowsCall, allowsCostlyRead } from '../../domain/limits.ts';
import { messagesByField } from '../../http/middleware/validated.ts';
import { overlapBody, rotateKeyBody } from '../../http/schemas/keys.ts';
import { answerUnavailable } from '../answer-failure.tsx';
import { answerPage } from '../answer-page.ts';
import { answerRefusal, type SessionContext } from '../answer-refusal.tsx';
import { clientIpOf } from '../context.ts';
import { signedInFrameOf } from '../frame-of.ts';
import { links } from '../links.ts';
import { accessibleKey, type KeyEnv } from '../middleware/accessible.tsx';
import { requires } from '../middleware/requires.ts';
import { limitActs } from '../middleware/session.tsx';
import { KeyCreatedPage } from '../pages/key-created.tsx';
import { PausePage } from '../pages/key-pause.tsx';
import { monthOf, RevokedPage, RevokePage } from '../pages/key-revoke.tsx';
import { RotatePage } from '../pages/key-rotate.tsx';
import { KeySeenPage, SeeKeyPage } from '../pages/key-see.tsx';
import { viewKey } from '../view-keys.ts';
import { readReport, receiptPath } from './key.tsx';
import { originOf } from './keys.tsx';

const MAX_LOOKS = 20;
const DEFAULT_OVERLAP = '86400';

/** `/console/keys/{id}`: the acts on a key, each with the page before it. */
export const keyActRoutes = new Hono<KeyEnv>()

  .get('/see', requires('api_key_manage'), accessibleKey, async (c) => {
    const { services, caller, key } = c.var;
    if (!(await allowsCostlyRead(c.var))) return answerUnavailable(c, 'rate_limited');
    const request = { page: 1, perPage: MAX_LOOKS, apiKeyId: key.id, action: 'api_key.seen' as const };
    const { events } = await listAuditEvents(services, caller, request);
    return answerPage(
      c,
      <SeeKeyPage frame={signedInFrameOf(c)} target={key} clientIp={clientIpOf(c)} looks={events} />,
    );
  })

  .post('/see', requires('api_key_manage'), limitActs, accessibleKey, async (c) => {
    const { services, caller, key } = c.var;
    const seen = await seeKey(services, caller, key);
    if (seen.refused) return answerRefusal(c, seen);
    return answerPage(c, <KeySeenPage frame={signedInFrameOf(c)} target={key} secret={seen.apiKey} />);
  })

  .get('/rotate', requires('api_key_manage'), accessibleKey, (c) => answerRotation(c, c.var.key, DEFAULT_OVERLAP, null))

  .post('/rotate', requires('api_key_manage'), limitActs, accessibleKey, async (c) => {
    const { services, caller, key, form } = c.var;
    const overlap = form.get('overlap_seconds') ?? DEFAULT_OVERLAP;
    const parsed = rotateKeyBody.safeParse({
      overlap_seconds: secondsOf(overlap),
      end_previous: form.get('end_previous') === 'true',
    });
    if (!parsed.success) {
      const [message = null] = Object.values(messagesByField(parsed.error.issues));
      return answerRotation(c, key, overlap, message);
    }
    const rotated = await rotateKey(services, caller, key, parsed.data);
    if (rotated.refused === 'invalid') {
      return answerRotation(c, key, overlap, Object.values(rotated.fields).join(' '));
    }
    if (rotated.refused) return answerRefusal(c, rotated);
    const page = (
      <KeyCreatedPage
        frame={signedInFrameOf(c)}
        target={rotated.key}
        secret={rotated.apiKey}
        how="rotated"
        oldSecretUntil={rotated.previous?.retiresAt ?? null}
        clientIp={clientIpOf(c)}
        origin={originOf(c)}
        receipt={{ what: 'The change is in force', effectiveBy: rotated.effectiveBy.normally }}
      />
    );
    return answerPage(c, page);
  })

  .post('/overlap', requires('api_key_manage'), accessibleKey, async (c) => {
    const { services, caller, key, form } = c.var;
    const wanted = form.get('overlap') ?? '';
    // `+86400` is so much more than it has now. Only that needs to know how much that is: an end waits for no such read.
    const rest = wanted.startsWith('+') ? await restOfOverlap(c.var, key) : 0;
    const parsed = overlapBody.safeParse({ overlap_seconds: rest + secondsOf(wanted.replace(/^\+/, '')) });
    if (!parsed.success) {
      return answerRefusal(c, { refused: 'invalid', fields: messagesByField(parsed.error.issues) });
    }
    // Ending it takes rights away, and has the session's own limit.
    if (parsed.data.overlapSeconds > 0 && !(await allowsCall(c.var))) return answerUnavailable(c, 'rate_limited');
    const changed = await changeOverlap(services, caller, key, parsed.data.overlapSeconds);
    if (changed.refused) return answerRefusal(c, changed);
    return c.redirect(receiptPath(key.id, 'overlap', changed.effectiveBy.normally), 303);
  })

  .get('/pause', requires('api_key_manage'), accessibleKey, async (c) => {
    const view = await viewKey(c.var, c.var.key);
    const report = await readReport(c, c.var.key);
    return answerPage(c, <PausePage frame={signedInFrameOf(c)} view={view} month={monthOf(report)} />);
  })

  .post('/pause', requires('api_key_manage'), accessibleKey, async (c) => {
    const { services, caller, key } = c.var;
    const paused = await pauseKey(services, caller, key);
    if (paused.refused) return answerRefusal(c, paused);
    return c.redirect(receiptPath(key.id, 'paused', paused.effectiveBy.normally), 303);
  })

  .post('/resume', requires('api_key_manage'), limitActs, accessibleKey, async (c) => {
    const { services, caller, key } = c.var;
    const resumed = await resumeKey(services, caller, key);
    if (resumed.refused) return answerRefusal(c, resumed);
    return c.redirect(receiptPath(key.id, 'resumed', resumed.effectiveBy.normally), 303);
  })

  .get('/revoke', requires('api_key_manage'), accessibleKey, async (c) => {
    const { services, key } = c.var;
    if (key.revokedAt !== null) return c.redirect(links.key(key.id), 303);
    const view = await viewKey(c.var, key);
    const page = (
      <RevokePage
        frame={signedInFrameOf(c)}
        view={view}
        report={await readReport(c, key)}
        graceSeconds={services.settings.outageGraceMs / 1000}
      />
    );
    return answerPage(c, page);
  })

  .post('/revoke', requires('api_key_manage'), accessibleKey, async (c) => {
    const { services, caller, key } = c.var;
    const revoked = await revokeKey(services, caller, key);
    if (revoked.refused) return answerRefusal(c, revoked);
    // Read afterwards: a revocation waits for nothing that its page only shows.
    const report = await readReport(c, key);
    const frame = signedInFrameOf(c);
    const page = (
      <RevokedPage
        frame={frame}
        target={key}
        revokedAt={key.revokedAt ?? services.now()}
        effectiveBy={revoked.effectiveBy.normally}
        revokedByName={key.revokedByName ?? frame.viewer.name}
        networks={report?.sources.length ?? null}
      />
    );
    return answerPage(c, page);
  });

/** For how many seconds the old secret of a key still works. */
async function restOfOverlap({ services }: KeyEnv['Variables'], key: Key): Promise<number> {
  const previous = (await findPreviousSecrets(services, [key])).get(key.id);
  return previous === undefined ? 0 : Math.ceil((previous.retiresAt - services.now()) / 1000);
}

/** A number of seconds; NaN for anything else. Nothing is no number here: 0 ends the old secret. */
function secondsOf(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

async function answerRotation(
  c: SessionContext & { var: KeyEnv['Variables'] },
  key: Key,
  overlap: string,
  error: string | null,
): Promise<Response> {
  const [view, report] = await Promise.all([viewKey(c.var, key), readReport(c, key)]);
  const page = (
    <RotatePage frame={signedInFrameOf(c)} view={view} month={monthOf(report)} overlap={overlap} error={error} />
  );
  return answerPage(c, page, error === null ? 200 : 400);
}
