/** For the audit log: of fields with what they were and what they are, by name, those that are not the same. */
export function differences(fields: Record<string, [before: unknown, after: unknown]>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, [before, after]]) => JSON.stringify(before) !== JSON.stringify(after)),
  );
}
