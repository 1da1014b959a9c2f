import type { RecordCache } from '../../src/storage/record-cache.ts';
import type { VerificationRecord } from '../../src/storage/verification-record.ts';
import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';

const MOST_LATE = 120_000;
const KEEP = 60 * 60 * 1000;

/**
 * KV at its worst. A write shows up after up to two minutes, at a different time in each location and in any order, so
 * an old value can overwrite a newer one. Some writes never show up. One location never sees what other locations
 * write.
 */
export class LateKv {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #views: Map<string, { text: string; at: number }>[];
  outage: 'none' | 'failing' | 'hanging' = 'none';

  constructor(time: VirtualTime, random: Random, locations: number) {
    this.#time = time;
    this.#random = random;
    this.#views = Array.from({ length: locations }, () => new Map());
  }

  /** KV as a Worker in this location sees it. */
  at(location: number): RecordCache {
    return {
      read: async (hash) => {
        await this.#arrive();
        const entry = this.#views[location]?.get(hash);
        await this.#time.sleep(this.#delay());
        if (entry === undefined || entry.at + KEEP < this.#time.now) return null;
        const record: VerificationRecord = JSON.parse(entry.text);
        return { record, writtenAt: entry.at };
      },
      write: async (hash, record) => {
        await this.#arrive();
        if (this.#random.chance(0.05)) return;
        const text = JSON.stringify(record);
        const at = this.#time.now;
        for (const [index, view] of this.#views.entries()) {
          const isDeaf = index === this.#views.length - 1 && index !== location;
          if (isDeaf || this.#random.chance(0.05)) continue;
          const late = this.#random.chance(0.3) ? this.#random.between(0, MOST_LATE) : this.#random.between(0, 2_000);
          this.#time.after(late, () => view.set(hash, { text, at }));
        }
      },
    };
  }

  async #arrive(): Promise<void> {
    if (this.outage === 'hanging') return new Promise(() => {});
    await this.#time.sleep(this.#delay());
    if (this.outage === 'failing' || this.#random.chance(0.01)) throw new Error('KV GET failed: 500');
  }

  #delay(): number {
    return this.#random.chance(0.9) ? this.#random.between(1, 60) : this.#random.between(60, 400);
  }
}
