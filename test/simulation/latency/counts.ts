/** What was done, to be paid for. */
export interface Counts {
  calls: number;
  /** Calls that were refused or had no verdict. There should be none. */
  refused: number;
  /** Queries of D1, by who sent them. */
  d1OfIsolates: number;
  d1OfRegions: number;
  kvReads: number;
  kvWrites: number;
  /** Questions to the objects of regions, their alarms, and how long they worked on both (milliseconds). */
  asks: number;
  alarms: number;
  objectMs: number;
  /** Messages with counts of uses, and the keys in them. */
  usageMessages: number;
  usageKeys: number;
}

export function noCounts(): Counts {
  return {
    calls: 0,
    refused: 0,
    d1OfIsolates: 0,
    d1OfRegions: 0,
    kvReads: 0,
    kvWrites: 0,
    asks: 0,
    alarms: 0,
    objectMs: 0,
    usageMessages: 0,
    usageKeys: 0,
  };
}

/** What was done since an earlier state of the counts. */
export function countedSince(counts: Counts, earlier: Counts): Counts {
  const since = noCounts();
  for (const name of Object.keys(since) as (keyof Counts)[]) since[name] = counts[name] - earlier[name];
  return since;
}
