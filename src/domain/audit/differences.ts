/**
 * For the audit log: the fields that are not the same before and after, as `[before, after]` by their names on the wire.
 * @param names of every field; `before` null: what is new, with all its fields
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
