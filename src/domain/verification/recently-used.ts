/** A bounded map that forgets what was used longest ago. A `Map` keeps the order of insertion, which is all it takes. */
export class RecentlyUsed<Value> {
  readonly #entries = new Map<string, Value>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get(name: string): Value | undefined {
    const value = this.#entries.get(name);
    if (value !== undefined) {
      this.#entries.delete(name);
      this.#entries.set(name, value);
    }
    return value;
  }

  set(name: string, value: Value): void {
    this.#entries.delete(name);
    this.#entries.set(name, value);
    if (this.#entries.size > this.#most) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
  }

  delete(name: string): void {
    this.#entries.delete(name);
  }

  clear(): void {
    this.#entries.clear();
  }
}
