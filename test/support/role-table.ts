/*
 * Reads a specification that is written as a table: a row for each call, a column for each caller, and in each cell the
 * status that the caller gets.
 */

export interface RoleCase {
  call: string;
  on: string;
  caller: string;
  status: number;
}

/** Reads a table. The first two columns are headed `call` and `on`, and each further column is headed by a caller. */
export function readRoleTable(table: string): RoleCase[] {
  const [header = [], , ...rows] = table
    .split('\n')
    .filter((line) => line.trim().startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const callers = header.slice(2);
  return rows.flatMap(([call = '', on = '', ...statuses]) => {
    if (statuses.length !== callers.length) throw new Error(`A row has too few or too many cells: ${call} ${on}`);
    return statuses.map((status, index) => {
      if (!/^[2-5][0-9]{2}$/.test(status)) throw new Error(`This is no status: ${status} (${call} ${on})`);
      return { call, on, caller: callers[index] ?? '', status: Number(status) };
    });
  });
}
