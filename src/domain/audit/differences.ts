/**
 * The fields that differ before and after, for an audit event: `[before, after]` by their names on the wire.
 * @param names the name of each field on the wire
 * @param before null for something new: all its fields are listed
 * @param after null for something deleted: all its fields are listed
 */
export function differences<Fields extends object>(
  names: Readonly<Record<keyof Fields & string, string>>,
  before: Fields | null,
  after: Fields | null,
): Record<string, [before: unknown, after: unknown]> {
  const given = (fields: Fields | null): Record<string, unknown> => ({ ...fields });
  const [old, fresh] = [given(before), given(after)];
  return Object.fromEntries(
    Object.entries<string>(names)
      .map(([field, name]): [string, [unknown, unknown]] => [name, [old[field] ?? null, fresh[field] ?? null]])
      .filter(([, [one, other]]) => before === null || after === null || JSON.stringify(one) !== JSON.stringify(other)),
  );
}
