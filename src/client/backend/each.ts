/** The page of a list, as far as walking through it needs. */
interface Page {
  max_page: number;
  /** False: the log goes further back than its pages reach. */
  count_is_exact?: boolean;
}

/** What a page lists: the entries of its one array. */
type EntryOf<List> = {
  [Name in keyof List]-?: List[Name] extends readonly (infer Entry extends { id?: unknown })[] ? Entry : never;
}[keyof List];

/** The most that the API gives at once. */
const PER_PAGE = 100;

/**
 * Walks through a list, page by page: `for await (const key of each(latchkey.listApiKeys, { status: 'active' }))`. An
 * entry that moved to a later page meanwhile is given once. Entries that leave the list meanwhile pull others to earlier
 * pages, and those are missed: to change what you filter by, collect the entries first.
 * @throws LatchkeyError
 */
export async function* each<Query extends object, List extends Page>(
  list: (query?: Query) => Promise<List>,
  query?: NoInfer<Query>,
): AsyncGenerator<EntryOf<List>, void, undefined> {
  const seen = new Set<unknown>();
  let from = {};
  for (;;) {
    let last: unknown;
    let maxPage = 1;
    let isWhole = true;
    for (let page = 1; page <= maxPage; page += 1) {
      const answer = await list(Object.assign({ per_page: PER_PAGE }, query, from, { page }));
      maxPage = answer.max_page;
      isWhole = answer.count_is_exact !== false;
      for (const entry of entriesOf(answer)) {
        last = entry.id;
        if (seen.has(last)) continue;
        seen.add(last);
        yield entry;
      }
    }
    if (isWhole || last === undefined) return;
    from = { before: last };
  }
}

function entriesOf<List extends object>(list: List): EntryOf<List>[] {
  return Object.values(list).find(Array.isArray) ?? [];
}
