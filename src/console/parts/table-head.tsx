/*
 * A wide table becomes a list of records on a narrow screen. `display: grid` would take away that it is a table, so the
 * roles are written out.
 */

export interface Column {
  name: string;
  /** Numbers are written to the right. */
  isNumber?: boolean;
  /** The name is for those who listen only. */
  isSilent?: boolean;
}

/** The head row of a wide table. */
export function WideHead({ columns }: { columns: readonly Column[] }) {
  return (
    <thead role="rowgroup">
      <tr role="row">
        {columns.map(({ name, isNumber, isSilent }) => (
          <th scope="col" role="columnheader" class={isNumber ? 'r' : undefined}>
            {isSilent ? <span class="vh">{name}</span> : name}
          </th>
        ))}
      </tr>
    </thead>
  );
}
