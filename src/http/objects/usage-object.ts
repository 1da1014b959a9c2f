import type { UsageReport } from '../../domain/usage/report-usage.ts';
import { toDate } from '../../domain/verification/expiration.ts';
import type { UsageAnswer } from '../answers/keys.ts';
import { formatTimestamp } from './timestamps.ts';

/** The usage of a key as the contract has it; `refused_sources` is where refused calls came from. */
export function usageObject(report: UsageReport): Omit<UsageAnswer, 'id'> {
  return {
    totals: report.totals,
    days: report.days.map(({ day, counts }) => ({ date: toDate(day), ...counts })),
    sources: report.sources.map(sourceObject),
    refused_sources: report.refusedSources.map(sourceObject),
    suggested_ip_whitelist: report.suggestedAllowlist,
    permissions: report.permissions.map(({ name, count, lastSeen }) => ({
      name,
      count,
      last_seen: formatTimestamp(lastSeen),
    })),
    suggested_permissions: report.suggestedPermissions,
    secrets: report.secrets.map(secretObject),
  };
}

function secretObject({ hint, retiresAt, count, lastUsedAt, hours, sources }: UsageReport['secrets'][number]) {
  return {
    hint,
    current: retiresAt === null,
    retires_at: retiresAt === null ? null : formatTimestamp(retiresAt),
    count,
    last_used_at: lastUsedAt === null ? null : formatTimestamp(lastUsedAt),
    hours: hours.map(({ hour, count: calls }) => ({ hour: formatTimestamp(hour), count: calls })),
    sources: sources.map(sourceObject),
  };
}

function sourceObject({ network, firstSeen, lastSeen, count }: UsageReport['sources'][number]) {
  return { network, first_seen: formatTimestamp(firstSeen), last_seen: formatTimestamp(lastSeen), count };
}
