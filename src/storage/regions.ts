/*
 * The Durable Objects that serve regions. The one place where their names are built.
 */

/** A region of the world, as the platform names it: the hint of where its objects are made. */
export const REGION_NAMES = ['wnam', 'enam', 'sam', 'weur', 'eeur', 'apac', 'apac-ne', 'oc', 'afr', 'me'] as const;
export type RegionName = (typeof REGION_NAMES)[number];

export interface Regions {
  /**
   * Asks a region. Throws when it does not answer.
   * @param hash the SHA-256 of the secret that is asked about, in hex: with several objects a region, it says which one
   * answers. Null: any
   */
  ask(region: RegionName, question: { hash: string | null; after: number; epoch: string | null }): Promise<unknown>;
}

/**
 * @param namespace of the class `Region`
 * @param shards how many objects serve each region, from 1 on
 */
export function openRegions(namespace: Env['REGIONS'], shards: number): Regions {
  return {
    ask: async (region, question) =>
      namespace.getByName(nameOf(region, shards, question.hash), { locationHint: region }).ask(question),
  };
}

/** Hashes are spread evenly, so their beginning spreads the secrets evenly over the objects. */
function nameOf(region: RegionName, shards: number, hash: string | null): string {
  const shard = hash === null ? Math.floor(Math.random() * shards) : Number.parseInt(hash.slice(0, 8), 16) % shards;
  return `${region} ${shard}`;
}
