/** A timer. `run` is null once it is cancelled. */
interface Plan {
  at: number;
  order: number;
  run: (() => void) | null;
}

/**
 * A clock that the simulation moves. All waiting is on its timers. Between two timers, all code that can run without
 * waiting runs to its end, so one seed always gives one history.
 */
export class VirtualTime {
  #now: number;
  #count = 0;
  /** A binary heap, the soonest timer first. Of two timers for one moment, the one set first comes first. */
  readonly #planned: Plan[] = [];

  constructor(start: number) {
    this.#now = start;
  }

  get now(): number {
    return this.#now;
  }

  /** Runs something after a delay. Returns a function that cancels it. */
  after(milliseconds: number, run: () => void): () => void {
    const plan: Plan = { at: this.#now + milliseconds, order: this.#count++, run };
    this.#push(plan);
    return () => {
      plan.run = null;
    };
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.after(milliseconds, resolve));
  }

  /** Lets time pass until the promise is settled. */
  async runUntil<Value>(promise: Promise<Value>): Promise<Value> {
    let settled = false;
    const watched = promise.finally(() => {
      settled = true;
    });
    watched.catch(() => {});
    await settle();
    while (!settled) {
      const plan = this.#pop();
      if (plan === undefined) throw new Error('Nothing is planned, and the simulation is not done');
      if (plan.run === null) continue;
      this.#now = plan.at;
      plan.run();
      await settle();
    }
    return watched;
  }

  #push(plan: Plan): void {
    const heap = this.#planned;
    heap.push(plan);
    for (let child = heap.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#isSooner(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  #pop(): Plan | undefined {
    const heap = this.#planned;
    const [soonest] = heap;
    const last = heap.pop();
    if (soonest === undefined || last === undefined || soonest === last) return soonest;
    heap[0] = last;
    for (let parent = 0; ; ) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < heap.length && this.#isSooner(child, least)) least = child;
      }
      if (least === parent) return soonest;
      this.#swap(parent, least);
      parent = least;
    }
  }

  #isSooner(a: number, b: number): boolean {
    const [first, second] = [this.#planned[a], this.#planned[b]];
    if (first === undefined || second === undefined) return false;
    return first.at < second.at || (first.at === second.at && first.order < second.order);
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#planned[a], this.#planned[b]];
    if (first === undefined || second === undefined) return;
    this.#planned[a] = second;
    this.#planned[b] = first;
  }
}

/** Lets all code run that can run without waiting for a timer. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
