/** Names in one set. A call that asks for more is counted without what it asked for. */
const MAX_NAMES = 64;
/** The length of a set as it is written. */
export const MAX_NEEDS_LENGTH = 2_000;
/** Lists of names whose set is remembered. */
const MAX_LISTS = 1_000;

/** Writes sets of permission names: each name once, sorted, with a space between them. */
export class SetsOfNames {
  readonly #written = new Map<string, string | null>();

  /**
   * The set of these names; empty for no names; null when there are too many to be counted.
   * @param names of a call that was allowed, so each is in the catalogue; in any order, and any of them more than once
   */
  write(names: readonly string[]): string | null {
    const [first, second] = names;
    if (first === undefined) return '';
    if (second === undefined) return first;
    if (names.length > MAX_NAMES) return null;
    const list = names.join(' ');
    const known = this.#written.get(list);
    if (known !== undefined) return known;
    const set = [...new Set(names)].sort().join(' ');
    const written = set.length > MAX_NEEDS_LENGTH ? null : set;
    if (this.#written.size >= MAX_LISTS) this.#written.clear();
    this.#written.set(list, written);
    return written;
  }
}
