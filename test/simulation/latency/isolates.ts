import type { Surroundings } from './designs.ts';

/** How many isolates a location has, and how long one lives after its last call. */
export const ISOLATES_PER_LOCATION = 12;
const LIVES_MS = 60_000;
/** How often an isolate sends its counts of uses, at most. */
const USAGE_FLUSH_MS = 10_000;

interface Seat<State> {
  state: State;
  lastCallAt: number;
  /** The keys counted since the last message with counts. */
  counted: Set<string>;
  countedSince: number;
}

/** The isolates of all locations. A call meets any of its location's, which is new when it had no call for a while. */
export class Isolates<State> {
  readonly #around: Surroundings;
  readonly #make: (location: string) => State;
  readonly #seats = new Map<string, Seat<State>[]>();

  constructor(around: Surroundings, make: (location: string) => State) {
    this.#around = around;
    this.#make = make;
  }

  /** The state of the isolate that a call with this key meets. */
  pick(location: string, hash: string): State {
    const { network, random } = this.#around;
    const seats = this.#seats.get(location) ?? [];
    this.#seats.set(location, seats);
    const index = Math.floor(random.between(0, ISOLATES_PER_LOCATION));
    const { now } = network.time;
    let seat = seats[index];
    if (seat === undefined || now - seat.lastCallAt > LIVES_MS) {
      seat = { state: this.#make(location), lastCallAt: now, counted: new Set(), countedSince: -Infinity };
      seats[index] = seat;
    }
    seat.lastCallAt = now;
    this.#count(seat, hash);
    return seat.state;
  }

  /** Each message is counted when its first use is. */
  #count(seat: Seat<State>, hash: string): void {
    const { network, counts } = this.#around;
    if (network.time.now - seat.countedSince >= USAGE_FLUSH_MS) {
      seat.countedSince = network.time.now;
      seat.counted.clear();
      counts.usageMessages += 1;
    }
    if (seat.counted.has(hash)) return;
    seat.counted.add(hash);
    counts.usageKeys += 1;
  }
}
