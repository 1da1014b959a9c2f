import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import { log } from '../../log.ts';
import type { HttpEnv } from '../context.ts';

/**
 * The most log lines about refused calls (4xx) with one code, for each isolate and minute. Anyone can cause refusals
 * without end and without a key, and each line costs the operator. Each code has its own count, so that a flood of one
 * hides no other.
 */
const MAX_LINES_PER_MINUTE = 20;
const MINUTE_MS = 60_000;
/**
 * How long dropped lines are counted before one line reports them. The platform keeps an event for only 30 s after its
 * answer.
 */
const REPORT_AFTER_MS = 25_000;

/**
 * Logs each failed request on one line, or every request with `REQUEST_LOG=all`. By default successful requests are
 * left out: they are the bulk of a verifying service's traffic, and changes are in the audit log. A line holds the
 * route's pattern and never the URL, because a client may have put anything into a URL, a key included. Of refused
 * calls (4xx), only the first of each minute have a line each, by code. A further line says how many were dropped, by
 * code. With `all`, none is dropped.
 *
 * The clock of Workers stands still while code runs, and moves on when something is waited for. So the times are what was
 * waited for, storage and the client's body, and not what was computed: 0 for a key in memory.
 */
export function accessLog() {
  const sample = new Sample();
  return createMiddleware<HttpEnv>(async (c, next) => {
    await next();
    const { services, caller, startedAt, verification } = c.var;
    const { status } = c.res;
    const logsAll = (services?.settings.requestLog ?? c.env.REQUEST_LOG) === 'all';
    if (!logsAll && status < 400) return;
    const code = c.get('code') ?? null;
    // A stranger has no key that was verified. Without a bound, an outage would be a line for each call of anyone.
    const isBounded = !logsAll && (status < 500 || caller === undefined);
    if (isBounded && !sample.takes(code ?? String(status), services?.now() ?? Date.now())) {
      reportLater(c, sample);
      return;
    }
    console.log(
      JSON.stringify({
        message: 'request',
        request_id: c.get('requestId'),
        method: c.req.method,
        // The handlers have run, so this is the pattern of the last one that ran, without the form of its ids.
        route: routePath(c).replaceAll(/\{[^/]*\}/g, ''),
        status,
        code,
        api_key_id: caller?.apiKeyId ?? null,
        org_id: caller?.user.orgId ?? null,
        // A clock that was set back meanwhile tells nothing.
        ms: services === undefined || startedAt === undefined ? 0 : Math.max(0, services.now() - startedAt),
        verification_ms: Math.max(0, verification?.waitedMs ?? 0),
        tier: verification?.tier ?? 'none',
      }),
    );
  });
}

/** Schedules one log line that reports all lines dropped until then, unless one is scheduled already. */
function reportLater(c: Context<HttpEnv>, sample: Sample): void {
  const now = c.var.services?.now() ?? Date.now();
  if (!sample.plansToReport(now)) return;
  const after = c.var.services?.after ?? ((milliseconds, callBack) => setTimeout(callBack, milliseconds));
  const wait = new Promise<void>((resolve) => void after(REPORT_AFTER_MS, resolve));
  c.executionCtx.waitUntil(
    wait.then(() => log('refused requests had no line of their own', { dropped: sample.takeDropped() })),
  );
}

/** Decides which refused calls of an isolate are logged, and counts the dropped ones. No I/O, no clock. */
class Sample {
  #minute = Number.NaN;
  readonly #lines = new Map<string, number>();
  #dropped = new Map<string, number>();
  #plannedAt = Number.NEGATIVE_INFINITY;

  /** Whether to log one more refusal with this code at `now` (unix milliseconds). If not, it is counted as dropped. */
  takes(code: string, now: number): boolean {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.#minute) this.#lines.clear();
    this.#minute = minute;
    const lines = this.#lines.get(code) ?? 0;
    this.#lines.set(code, lines + 1);
    if (lines < MAX_LINES_PER_MINUTE) return true;
    this.#dropped.set(code, (this.#dropped.get(code) ?? 0) + 1);
    return false;
  }

  /**
   * Whether this call must report what was dropped, because no other is about to. A plan is given up after twice its
   * wait: its event may have ended before it reported.
   */
  plansToReport(now: number): boolean {
    const sincePlan = now - this.#plannedAt;
    if (sincePlan >= 0 && sincePlan < 2 * REPORT_AFTER_MS) return false;
    this.#plannedAt = now;
    return true;
  }

  /** Returns how many lines were dropped, by code, and resets the counts. */
  takeDropped(): Record<string, number> {
    const dropped = Object.fromEntries(this.#dropped);
    this.#dropped = new Map();
    this.#plannedAt = Number.NEGATIVE_INFINITY;
    return dropped;
  }
}
