import type { EffectiveBy } from '../../src/domain/verification/effective-by.ts';

/** What an answer said of a key that it paused or resumed, in the true time. */
interface Receipt {
  paused: boolean;
  effectiveBy: EffectiveBy;
}

interface Entry {
  underWay: number;
  /** Rises with each change that is begun. */
  begun: number;
  /** Null: unknown, because a change is under way, had no answer, or met another one. */
  receipt: Receipt | null;
}

/**
 * What was answered when keys were paused and resumed. The simulation holds verdicts against it: after `effective_by` a
 * paused key is let in nowhere, and a resumed one is not refused as paused.
 */
export class Receipts {
  readonly #entries = new Map<number, Entry>();
  /** Verdicts that were held against an answer, by what that had said. */
  readonly judged = { paused: 0, resumed: 0 };

  /** Notes the answer of a change of a key. It counts only if no other change of the key was under way meanwhile. */
  async note(keyId: number, change: () => Promise<Receipt | null>): Promise<void> {
    const entry = this.#entries.get(keyId) ?? { underWay: 0, begun: 0, receipt: null };
    this.#entries.set(keyId, entry);
    const isAlone = entry.underWay === 0;
    entry.underWay += 1;
    entry.begun += 1;
    entry.receipt = null;
    const { begun } = entry;
    try {
      const receipt = await change();
      if (isAlone && entry.begun === begun) entry.receipt = receipt;
    } finally {
      entry.underWay -= 1;
    }
  }

  /**
   * Why a verdict breaks what was answered before the call; null: it does not.
   * @param inGrace whether the location may not have reached the database. There a resumption may hold later
   */
  findBroken(keyId: number, outcome: string, now: number, inGrace: boolean): string | null {
    const receipt = this.#entries.get(keyId)?.receipt ?? null;
    if (receipt === null) return null;
    const { normally, inAnOutage } = receipt.effectiveBy;
    if (now < (inGrace ? inAnOutage : normally)) return null;
    if (receipt.paused) {
      this.judged.paused += 1;
      return outcome.startsWith('VALID') ? `a key paused for good by ${normally} is let in` : null;
    }
    if (inGrace) return null;
    this.judged.resumed += 1;
    return outcome === 'PAUSED' ? `a key resumed for good by ${normally} is refused as paused` : null;
  }
}
