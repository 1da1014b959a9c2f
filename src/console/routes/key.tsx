import { Hono } from 'hono';
import * as z from 'zod';
import { parseNetwork } from '../../domain/addresses/allowlist.ts';
import { differences } from '../../domain/audit/differences.ts';
import { type AuditEvent, listAuditEvents } from '../../domain/audit/list-audit-events.ts';
import { changeKey, type KeyPatch } from '../../domain/keys/change-key.ts';
import { explainKey } from '../../domain/keys/explain-key.ts';
import { fieldsOf, KEY_FIELDS, type Key } from '../../domain/keys/key.ts';
import { findWrongKeyFields } from '../../domain/keys/key-rules.ts';
import { allowsCostlyRead } from '../../domain/limits.ts';
import { PERMISSION_NAMES } from '../../domain/permissions/permissions.ts';
import type { Rehearsal } from '../../domain/rehearsal/rehearse.ts';
import { rehearseKey } from '../../domain/rehearsal/rehearse-key.ts';
import { reportUsage, type UsageReport } from '../../domain/usage/report-usage.ts';
import { messagesByField } from '../../http/middleware/validated.ts';
import { explainKeyBody, keyPatchBody, readableKeyFields } from '../../http/schemas/keys.ts';
import { answerUnavailable } from '../answer-failure.tsx';
import { answerPage } from '../answer-page.ts';
import { answerRefusal, type SessionContext } from '../answer-refusal.tsx';
import { clientIpOf } from '../context.ts';
import { signedInFrameOf } from '../frame-of.ts';
import { links } from '../links.ts';
import { accessibleKey, type KeyEnv } from '../middleware/accessible.tsx';
import { requires } from '../middleware/requires.ts';
import { limitActs } from '../middleware/session.tsx';
import { KeyPage, type KeyReceipt } from '../pages/key.tsx';
import { KeyChangePage } from '../pages/key-change.tsx';
import type { AskProps, Question } from '../parts/ask.tsx';
import { linesOf } from '../parts/describe-entry.ts';
import type { DiffLine } from '../parts/diff.tsx';
import type { Looks } from '../parts/key-facts.tsx';
import type { KeyFormErrors, KeyFormValues } from '../parts/key-form.tsx';
import type { KeyView } from '../parts/key-view.ts';
import type { RehearsalView } from '../parts/rehearsal.tsx';
import type { RotationProps, SecretUse } from '../parts/rotation.tsx';
import { sourceRows } from '../parts/sources.ts';
import { recentEffectiveBy } from '../receipts.ts';
import { errorsOfForm, formOfKey, keyChangeOf, readKeyForm } from '../schemas/key-form.ts';
import { viewKey } from '../view-keys.ts';
import { clock, HOUR, relative } from '../words.ts';
import { addMine, limitsOfViewer } from './keys.tsx';

const REPORT_DAYS = 30;
const MAX_HISTORY = 20;
/** An IPv6 network that is counted, as the address of it that a question is asked about. */
const PREFIX = /\/\d+$/;

/** `/console/keys/{id}`: everything about one key, and its form. */
export const keyRoutes = new Hono<KeyEnv>()

  .get('/', requires('api_key_read'), accessibleKey, async (c) => {
    const { services, key } = c.var;
    if (!(await allowsCostlyRead(c.var))) return answerUnavailable(c, 'rate_limited');
    const [view, used, history, ask] = await Promise.all([
      viewKey(c.var, key),
      reportUsage(services, key, REPORT_DAYS),
      listAuditEvents(services, c.var.caller, { page: 1, perPage: MAX_HISTORY, apiKeyId: key.id }),
      readAsk(c, key),
    ]);
    const report = used.refused ? null : used.report;
    const looks = history.events.filter(({ action }) => action === 'api_key.seen');
    const page = (
      <KeyPage
        frame={signedInFrameOf(c)}
        view={view}
        report={report}
        reportDays={REPORT_DAYS}
        looks={history.countIsExact && history.count <= MAX_HISTORY ? looksOf(looks) : null}
        ask={{ ...ask, lately: latelyRefused(report, services.now()), addresses: addressesOf(report) }}
        rotation={view.oldSecret === null ? null : rotationOf(view, report, services.now())}
        history={history.events}
        receipt={receiptOf(c, key, history.events[0])}
        proof={await proofOf(c, key, report)}
      />
    );
    return answerPage(c, page);
  })

  .get('/change', requires('api_key_manage'), accessibleKey, async (c) => {
    const { services, key } = c.var;
    const present = formOfKey(key);
    const added = c.req.query('add');
    if (added !== undefined) {
      const list = [...new Set([...linesOf(present.ip_whitelist), added])].join('\n');
      return answerForm(c, key, { ...present, ip_whitelist: list }, {});
    }
    if (c.req.query('suggested') !== 'true') return answerForm(c, key, present, {});
    if (!(await allowsCostlyRead(c.var))) return answerUnavailable(c, 'rate_limited');
    const used = await reportUsage(services, key, REPORT_DAYS);
    if (used.refused) return answerRefusal(c, used);
    const { report } = used;
    return answerForm(c, key, { ...present, ip_whitelist: report.suggestedAllowlist.join('\n') }, {}, { report });
  })

  .post('/change', requires('api_key_manage'), limitActs, accessibleKey, async (c) => {
    const { services, caller, key, form } = c.var;
    const values = readKeyForm(form, formOfKey(key));
    const next = form.get('next') ?? '';
    if (next === 'check') return answerForm(c, key, values, {});
    if (next === 'add-mine') return answerForm(c, key, addMine(c, values), {});
    const lines = linesOf(values.ip_whitelist);
    const kept = next.startsWith('keep:') ? { ...values, ip_whitelist: [...lines, next.slice(5)].join('\n') } : values;
    const parsed = parsePatch(kept, key, services.now());
    if ('errors' in parsed) return answerForm(c, key, kept, parsed.errors);
    if (next === 'rehearse' || next.startsWith('keep:')) return answerRehearsal(c, key, kept, parsed.patch);
    const changed = await changeKey(services, caller, key, parsed.patch);
    if (changed.refused === 'invalid') return answerForm(c, key, kept, errorsOfForm(changed.fields, lines));
    if (changed.refused) return answerRefusal(c, changed);
    return c.redirect(changedPath(key, changed.key, changed.effectiveBy.normally), 303);
  })

  .post('/allowlist', requires('api_key_manage'), limitActs, accessibleKey, async (c) => {
    const { services, caller, key, form } = c.var;
    const values = { ...formOfKey(key), ip_whitelist: form.get('ip_whitelist') ?? '' };
    const lines = linesOf(values.ip_whitelist);
    const parsed = keyPatchBody.safeParse({ ip_whitelist: lines });
    if (!parsed.success) {
      return answerForm(c, key, values, errorsOfForm(messagesByField(parsed.error.issues), lines));
    }
    const changed = await changeKey(services, caller, key, parsed.data);
    if (changed.refused === 'invalid') return answerForm(c, key, values, errorsOfForm(changed.fields, lines));
    if (changed.refused) return answerRefusal(c, changed);
    return c.redirect(changedPath(key, changed.key, changed.effectiveBy.normally), 303);
  });

/** The page of a key that was changed. */
function changedPath(before: Key, after: Key, effectiveBy: number): string {
  const isOfList = before.ipWhitelist.join() !== after.ipWhitelist.join();
  return receiptPath(after.id, isOfList ? 'list' : 'key', effectiveBy);
}

/** The page of a key with the receipt of a change of a moment ago. */
export function receiptPath(id: number, changed: keyof typeof CHANGES, effectiveBy: number): string {
  return `${links.key(id)}?${new URLSearchParams({ changed, by: String(effectiveBy) })}`;
}

const CHANGES = {
  key: { what: 'The change is in force', detail: 'The key was changed' },
  list: { what: 'The new list is in force', detail: 'The addresses were changed' },
  paused: { what: 'The pause is in force', detail: 'The key was paused' },
  resumed: { what: 'The key works', detail: 'The key was resumed' },
  overlap: { what: 'The change is in force', detail: 'The end of the old secret was moved' },
} as const;

/** What a change of a moment ago says. */
function receiptOf(c: SessionContext, key: Key, last: AuditEvent | undefined): KeyReceipt | null {
  const changed = Object.entries(CHANGES).find(([name]) => name === c.req.query('changed'));
  const effectiveBy = recentEffectiveBy(c);
  if (changed === undefined || effectiveBy === null || key.revokedAt !== null) return null;
  const [name, { what, detail }] = changed;
  const oldList = name === 'list' ? oldListOf(last) : null;
  return { what, effectiveBy, detail: `${detail} before ${clock(c.var.services.now())} UTC.`, oldList };
}

/** The list before the newest event, if that changed the list: the way back stands beside the receipt. */
function oldListOf(last: AuditEvent | undefined): readonly string[] | null {
  const change = z.looseObject({ ip_whitelist: z.tuple([z.array(z.string()), z.array(z.string())]) });
  return change.safeParse(last?.changes).data?.ip_whitelist[0] ?? null;
}

function looksOf(looks: readonly { at: number }[]): Looks {
  return { count: looks.length, lastAt: looks[0]?.at ?? null };
}

/** The question in the address, and its answer. */
async function readAsk(c: SessionContext, key: Key): Promise<Omit<AskProps, 'id' | 'lately' | 'addresses'>> {
  const { services } = c.var;
  const now = services.now();
  const question: Question = {
    ip: (c.req.query('ip') ?? '').trim(),
    permission: c.req.query('permission') ?? '',
    at: c.req.query('at') ?? '',
  };
  const asked = { question, permissions: PERMISSION_NAMES };
  const isAsked = c.req.query('ip') !== undefined || question.permission !== '' || question.at !== '';
  if (!isAsked) return { ...asked, question: { ...question, ip: clientIpOf(c) ?? '' }, errors: {}, answer: null };
  const parsed = explainKeyBody.safeParse({
    ip: question.ip === '' ? null : question.ip,
    permissions: question.permission === '' ? [] : [question.permission],
    ...(question.at === '' ? {} : { at: `${question.at.length === 16 ? `${question.at}:00` : question.at}Z` }),
  });
  if (!parsed.success) {
    const messages = messagesByField(parsed.error.issues);
    const errors: AskProps['errors'] = {};
    for (const [name, message] of Object.entries(messages)) {
      errors[name === 'ip' ? 'ip' : name === 'at' ? 'at' : 'permission'] = message;
    }
    return { ...asked, errors, answer: null };
  }
  const { call, at } = parsed.data;
  return { ...asked, errors: {}, answer: await explainKey(services, key, call, at ?? now) };
}

function latelyRefused(report: UsageReport | null, now: number): AskProps['lately'] {
  return (report?.refusedSources ?? [])
    .slice(0, 3)
    .map(({ network, lastSeen }) => ({ network, ago: relative(lastSeen, now) }));
}

function addressesOf(report: UsageReport | null): string[] {
  const networks = [...(report?.sources ?? []), ...(report?.refusedSources ?? [])].map(({ network }) => network);
  return [...new Set(networks.map((network) => network.replace(PREFIX, '')))].slice(0, 10);
}

/** The two secrets of a rotation, side by side, over the last 24 hours. */
function rotationOf(
  { acts }: KeyView,
  report: UsageReport | null,
  now: number,
): Omit<RotationProps, 'id' | 'frame' | 'oldSecret'> {
  const [fresh, old] = report?.secrets ?? [];
  const use = fresh === undefined || old === undefined ? null : { fresh: useOf(fresh, now), old: useOf(old, now) };
  return { use, mayMove: { lengthen: acts.change === null, end: acts.revoke === null } };
}

function useOf(secret: UsageReport['secrets'][number], now: number): SecretUse {
  const current = Math.floor(now / HOUR) * HOUR;
  const counts = new Map(secret.hours.map(({ hour, count }) => [hour, count]));
  const hours = Array.from({ length: 24 }, (_, index) => {
    const at = current - (23 - index) * HOUR;
    return { at, allowed: counts.get(at) ?? 0, refused: 0 };
  });
  const lately = secret.sources.filter(({ lastSeen }) => lastSeen > now - 24 * HOUR);
  return {
    hint: secret.hint ?? 'before',
    hours,
    networks: lately.map(({ network }) => network),
    lastUsedAt: secret.lastUsedAt,
  };
}

/** What the suggested list would have done; null: there is none, or it cannot be told. */
async function proofOf(c: SessionContext, key: Key, report: UsageReport | null) {
  if (report === null || report.suggestedAllowlist.length === 0 || key.revokedAt !== null) return null;
  const patch = { ...NO_PATCH, ipWhitelist: report.suggestedAllowlist };
  const rehearsed = await rehearseKey(c.var.services, key, { act: 'change', patch }, REPORT_DAYS);
  if (rehearsed.refused || rehearsed.rehearsal.unknown > 0) return null;
  const { calls, refused } = rehearsed.rehearsal;
  return calls === 0 ? null : { calls, refused };
}

const NO_PATCH: KeyPatch = {
  label: undefined,
  description: undefined,
  expirationDate: undefined,
  ipWhitelist: undefined,
  restriction: undefined,
};

function parsePatch(values: KeyFormValues, key: Key, now: number): { patch: KeyPatch } | { errors: KeyFormErrors } {
  const body = keyChangeOf(values, key, now);
  const parsed = keyPatchBody.safeParse(body);
  if (parsed.success) return { patch: parsed.data };
  const more = findWrongKeyFields(readableKeyFields.parse(body), { now, present: key });
  return { errors: errorsOfForm(messagesByField(parsed.error.issues, more), linesOf(values.ip_whitelist)) };
}

/** The form once more, with what the change would have done to the calls of these days. */
async function answerRehearsal(c: SessionContext, key: Key, values: KeyFormValues, patch: KeyPatch) {
  if (!(await allowsCostlyRead(c.var))) return answerUnavailable(c, 'rate_limited');
  const rehearsed = await rehearseKey(c.var.services, key, { act: 'change', patch }, REPORT_DAYS);
  if (rehearsed.refused === 'invalid') {
    return answerForm(c, key, values, errorsOfForm(rehearsed.fields, linesOf(values.ip_whitelist)));
  }
  if (rehearsed.refused) return answerRefusal(c, rehearsed);
  return answerForm(c, key, values, {}, { rehearsal: viewRehearsal(key, patch, rehearsed.rehearsal) });
}

function viewRehearsal(key: Key, patch: KeyPatch, rehearsal: Rehearsal): RehearsalView {
  const { calls, refused, unknown, sources } = rehearsal;
  return {
    changes: diffOf(key, patch),
    days: REPORT_DAYS,
    calls,
    refused,
    unknown,
    callers: sources.slice(0, 10).map(({ network, code, count, lastSeen }) => ({
      what: network ?? 'an unknown address',
      count,
      lastSeen,
      keep: code === 'IP_NOT_ALLOWED' && network !== null ? `keep:${network}` : null,
    })),
  };
}

/** What the change takes from the key's fields and what it adds, a line each. */
function diffOf(key: Key, patch: KeyPatch): DiffLine[] {
  const before = fieldsOf(key);
  const { restriction, ...others } = patch;
  const given = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
  const changes = differences(KEY_FIELDS, before, { ...before, ...given, ...restriction });
  return Object.entries(changes).flatMap(([name, change]): DiffLine[] => {
    const [gone, come] = Array.isArray(change) ? change : [null, change];
    const lost = asLines(gone);
    const gained = asLines(come);
    return [
      ...lost
        .filter((text) => !gained.includes(text))
        .map((text): DiffLine => ({ sign: 'del', text, reason: NAMES[name] ?? name })),
      ...gained
        .filter((text) => !lost.includes(text))
        .map((text): DiffLine => ({ sign: 'add', text, reason: NAMES[name] ?? name })),
    ];
  });
}

function asLines(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  return [value === null || value === undefined ? 'none' : String(value)];
}

const NAMES: Record<string, string> = {
  label: 'label',
  description: 'description',
  expiration_date: 'expiry date',
  ip_whitelist: 'addresses',
  has_restricted_permissions: 'has a list of permissions',
  permissions: 'permissions',
};

async function answerForm(
  c: SessionContext,
  key: Key,
  values: KeyFormValues,
  errors: KeyFormErrors,
  { rehearsal, report }: { rehearsal?: RehearsalView; report?: UsageReport } = {},
) {
  const used = report ?? (await readReport(c, key));
  const page = (
    <KeyChangePage
      frame={signedInFrameOf(c)}
      target={key}
      values={values}
      errors={errors}
      clientIp={clientIpOf(c)}
      {...limitsOfViewer(c.var, { role: key.userRole })}
      callsByEntry={used === null ? null : callsByEntry(used, values, key, c.var.services.now())}
      rehearsal={rehearsal ?? null}
    />
  );
  return answerPage(c, page, Object.keys(errors).length === 0 ? 200 : 400);
}

/** The usage that the pages of acts show; null: not readable now, or the viewer read so much that a page does without. */
export async function readReport(c: SessionContext, key: Key): Promise<UsageReport | null> {
  if (!(await allowsCostlyRead(c.var))) return null;
  const used = await reportUsage(c.var.services, key, REPORT_DAYS);
  return used.refused ? null : used.report;
}

function callsByEntry(report: UsageReport, values: KeyFormValues, key: Key, now: number): Map<string, number> {
  const entries = linesOf(values.ip_whitelist).filter((line) => parseNetwork(line) !== null);
  const calls = new Map(entries.map((entry) => [entry, 0]));
  for (const { entry, allowed } of sourceRows(report, { ipWhitelist: entries, createdAt: key.createdAt }, now)) {
    if (entry !== null) calls.set(entry, (calls.get(entry) ?? 0) + allowed);
  }
  return calls;
}
