import type { Random } from '../random.ts';
import type { VirtualTime } from '../virtual-time.ts';

/** One message in so many takes twice as long, because a packet was lost on the way. */
const LOST = 0.01;

/** Ways that take time. Round trips differ by a tenth, and now and then one takes twice as long. */
export class Network {
  readonly time: VirtualTime;
  readonly #random: Random;

  constructor(time: VirtualTime, random: Random) {
    this.time = time;
    this.#random = random;
  }

  /** There and back, with nothing to do at the other end. */
  wait(roundTripMs: number): Promise<void> {
    return this.time.sleep(this.#draw(roundTripMs));
  }

  /** There, what is done at the other end, and back. */
  async ask<Answer>(roundTripMs: number, answer: () => Answer | Promise<Answer>): Promise<Answer> {
    const half = this.#draw(roundTripMs) / 2;
    await this.time.sleep(half);
    const answered = await answer();
    await this.time.sleep(half);
    return answered;
  }

  #draw(roundTripMs: number): number {
    return roundTripMs * this.#random.between(0.95, 1.15) * (this.#random.chance(LOST) ? 2 : 1);
  }
}
