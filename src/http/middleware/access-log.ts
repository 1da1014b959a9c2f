import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import { log } from '../../log.ts';
import type { HttpEnv } from '../context.ts';

/**
 * Lines about refused calls (4xx) with one code, in one isolate and minute. Anyone can be refused as often as one likes,
 * with no key at all, and each line costs the operator; by code, so that a flood of one hides no other.
 */
const MOST_LINES = 20;
const MINUTE_MS = 60_000;
/** How long dropped lines are counted before a line tells of them: an event is kept for 30 s after its answer. */
const TELL_AFTER_MS = 25_000;

/**
 * One line for each request that failed, or for each one at all (`REQUEST_LOG`): what succeeds is what a verifying
 * service does all day, and changes are in the audit log. A line holds the pattern of the route and never the URL, in
 * which a client may have put anything, a key included. Of refused calls the first ones of a minute have a line each,
 * and a line tells how many more there were, by code; with `all`, nothing is left out.
 */
export function accessLog() {
  const sample = new Sample();
  return createMiddleware<HttpEnv>(async (c, next) => {
    await next();
    const { services, caller } = c.var;
    const { status } = c.res;
    const logsAll = (services?.settings.requestLog ?? c.env.REQUEST_LOG) === 'all';
    if (!logsAll && status < 400) return;
    const code = c.get('code') ?? null;
    const isBounded = !logsAll && status < 500;
    if (isBounded && !sample.takes(code ?? String(status), services?.now() ?? Date.now())) {
      tellLater(c, sample);
      return;
    }
    console.log(
      JSON.stringify({
        message: 'request',
        request_id: c.get('requestId'),
        method: c.req.method,
        // After the handlers: that of the last one that ran.
        route: routePath(c),
        status,
        code,
        api_key_id: caller?.apiKeyId ?? null,
        org_id: caller?.user.orgId ?? null,
      }),
    );
  });
}

/** Sees to it that a line tells of what was dropped, once for all that is dropped until then. */
function tellLater(c: Context<HttpEnv>, sample: Sample): void {
  const now = c.var.services?.now() ?? Date.now();
  if (!sample.plansToTell(now)) return;
  const after = c.var.services?.after ?? ((milliseconds, callBack) => setTimeout(callBack, milliseconds));
  const wait = new Promise<void>((resolve) => void after(TELL_AFTER_MS, resolve));
  c.executionCtx.waitUntil(
    wait.then(() => log('refused requests had no line of their own', { dropped: sample.takeDropped() })),
  );
}

/** Which refused calls of an isolate have a line, and how many had none. No I/O, no clock. */
class Sample {
  #minute = Number.NaN;
  readonly #lines = new Map<string, number>();
  #dropped = new Map<string, number>();
  #plannedAt = Number.NEGATIVE_INFINITY;

  /** Whether one more refusal with this code has a line at `now` (unix milliseconds); else it is counted as dropped. */
  takes(code: string, now: number): boolean {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.#minute) this.#lines.clear();
    this.#minute = minute;
    const lines = this.#lines.get(code) ?? 0;
    this.#lines.set(code, lines + 1);
    if (lines < MOST_LINES) return true;
    this.#dropped.set(code, (this.#dropped.get(code) ?? 0) + 1);
    return false;
  }

  /** Whether it is for this call to tell of what was dropped: no other one is about to. An event may end before it does. */
  plansToTell(now: number): boolean {
    const sincePlan = now - this.#plannedAt;
    if (sincePlan >= 0 && sincePlan < 2 * TELL_AFTER_MS) return false;
    this.#plannedAt = now;
    return true;
  }

  /** How many calls had no line, by code, and begins anew. */
  takeDropped(): Record<string, number> {
    const dropped = Object.fromEntries(this.#dropped);
    this.#dropped = new Map();
    this.#plannedAt = Number.NEGATIVE_INFINITY;
    return dropped;
  }
}
