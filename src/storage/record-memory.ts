/** Entries kept by an isolate: a few kilobytes each, far below the 128 MB that a Worker has. */
const MOST_ENTRIES = 5_000;

/** A bounded map that forgets what was used longest ago. A `Map` keeps the order of insertion, which is all it takes. */
export class RecordMemory<Value> {
  readonly #entries = new Map<string, Value>();

  get(hash: string): Value | undefined {
    const value = this.#entries.get(hash);
    if (value !== undefined) {
      this.#entries.delete(hash);
      this.#entries.set(hash, value);
    }
    return value;
  }

  set(hash: string, value: Value): void {
    this.#entries.delete(hash);
    this.#entries.set(hash, value);
    if (this.#entries.size > MOST_ENTRIES) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
  }

  delete(hash: string): void {
    this.#entries.delete(hash);
  }
}
