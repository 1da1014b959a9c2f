import { compileAllowlist, covers, parseNetwork } from '../../domain/addresses/allowlist.ts';
import type { UsageReport } from '../../domain/usage/report-usage.ts';
import { counted, DAY, span } from '../words.ts';
import type { DiffLine } from './diff.tsx';
import type { CallCount } from './key-view.ts';

/*
 * What the report of a key's usage says, arranged for pages. Pure.
 */

const ALLOWED = 'VALID';
const NEW_DAYS = 14;

/** One count for each of the last `days` days (UTC), today the last, days without a call included. */
export function dailyCounts(report: UsageReport, days: number, now: number): CallCount[] {
  const today = Math.floor(now / DAY) * DAY;
  const known = new Map(report.days.map(({ day, counts }) => [day, counts]));
  return Array.from({ length: days }, (_, index) => {
    const at = today - (days - 1 - index) * DAY;
    const counts = Object.entries(known.get(at) ?? {});
    const sum = (wanted: boolean) =>
      counts.reduce((total, [code, count]) => ((code === ALLOWED) === wanted ? total + count : total), 0);
    return { at, allowed: sum(true), refused: sum(false) };
  });
}

export interface SourceRow {
  network: string;
  allowed: number;
  refused: number;
  firstSeen: number;
  lastSeen: number;
  /** Whether it was first seen of late, and the key is older than that. */
  isNew: boolean;
  /** The entry of the key's list that lets it in; null: none, or there is no list. */
  entry: string | null;
}

/** Where calls came from, the busiest first: allowed and refused calls of a network in one row. */
export function sourceRows(
  report: UsageReport,
  key: { ipWhitelist: readonly string[]; createdAt: number },
  now: number,
): SourceRow[] {
  const rows = new Map<string, SourceRow>();
  const add = (sources: UsageReport['sources'], outcome: 'allowed' | 'refused') => {
    for (const { network, firstSeen, lastSeen, count } of sources) {
      const row = rows.get(network) ?? {
        network,
        allowed: 0,
        refused: 0,
        firstSeen,
        lastSeen,
        isNew: false,
        entry: coveringEntry(key.ipWhitelist, network),
      };
      row[outcome] += count;
      row.firstSeen = Math.min(row.firstSeen, firstSeen);
      row.lastSeen = Math.max(row.lastSeen, lastSeen);
      rows.set(network, row);
    }
  };
  add(report.sources, 'allowed');
  add(report.refusedSources, 'refused');
  const isOld = now - key.createdAt > NEW_DAYS * DAY;
  return [...rows.values()]
    .map((row) => ({ ...row, isNew: isOld && now - row.firstSeen <= NEW_DAYS * DAY }))
    .sort((a, b) => b.allowed - a.allowed || b.refused - a.refused);
}

function coveringEntry(entries: readonly string[], network: string): string | null {
  const parsed = parseNetwork(network);
  if (parsed === null) return null;
  return entries.find((entry) => covers(compileAllowlist([entry]), parsed)) ?? null;
}

/** How many IPv4 addresses a list lets in; null: any. */
export function countIpv4(list: readonly string[]): number | null {
  const compiled = compileAllowlist(list);
  if (compiled.unrestricted) return null;
  return compiled.v4.reduce((sum, { first, last }) => sum + Number(last - first + 1n), 0);
}

/** The suggested list against the present one, with how much each entry is used. */
export function diffOfLists(
  present: readonly string[],
  suggested: readonly string[],
  rows: readonly SourceRow[],
  now: number,
): DiffLine[] {
  const used = rows.filter(({ allowed }) => allowed > 0);
  const within = (entry: string) => used.filter(({ network }) => coveringEntry([entry], network) !== null);
  const callsOf = (sources: readonly SourceRow[]) =>
    counted(
      sources.reduce((sum, { allowed }) => sum + allowed, 0),
      'call',
    );
  const describeNew = (text: string): DiffLine => {
    const sources = within(text);
    const size = countIpv4([text]) ?? 0;
    const since = Math.min(...sources.map(({ firstSeen }) => firstSeen));
    const reasons = [
      callsOf(sources),
      size > 1 ? counted(size, 'address', 'addresses') : null,
      sources.length > 0 && sources.every(({ isNew }) => isNew) ? `since ${span(now - since)}: yours?` : null,
    ];
    return { sign: 'add', text, reason: reasons.filter((part) => part !== null).join(', ') };
  };
  // What comes in place of an entry stands right after it.
  const come = new Set(suggested.filter((entry) => !present.includes(entry)));
  const replacing = (entry: string) => {
    const inside = [...come].filter((one) => coveringEntry([entry], one) !== null);
    for (const one of inside) come.delete(one);
    return inside.map(describeNew);
  };
  const changed = present
    .filter((entry) => !suggested.includes(entry))
    .flatMap((text): DiffLine[] => [
      { sign: 'del', text, reason: within(text).length > 0 ? 'more than is used' : 'not used' },
      ...replacing(text),
    ]);
  const kept = present
    .filter((entry) => suggested.includes(entry))
    .map((text): DiffLine => ({ sign: 'same', text, reason: callsOf(within(text)) }));
  return [...changed, ...[...come].map(describeNew), ...kept];
}
