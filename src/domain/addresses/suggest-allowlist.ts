import { convertIPv4BinaryToString, convertIPv6BinaryToString } from 'hono/utils/ipaddr';
import { type Network, parseNetwork } from './allowlist.ts';

/*
 * Suggests an allowlist for a key: it covers every network that the key was used from, and is short enough to be read.
 *
 * A few networks are listed as they were seen. Networks that fill a larger one exactly are written as the larger one.
 * Only when the list would be longer than READABLE_LENGTH are neighbours merged, and never into a network wider than a
 * /24 of IPv4 or a /48 of IPv6, which is what one office or one site has. So a merged entry lets in at most 256 IPv4
 * addresses, or the 65,536 /64 networks of a site, around one that was seen.
 */

const READABLE_LENGTH = 10;
const BITS = { 4: 32, 6: 128 } as const;
/** The widest network that merging neighbours may make. */
const WIDEST_PREFIX = { 4: 24, 6: 48 } as const;

interface Block extends Network {
  prefix: number;
}

/**
 * A short list that covers these networks.
 * @param seen IPv4 addresses and IPv6 networks, in any order
 */
export function suggestAllowlist(seen: readonly string[]): string[] {
  const blocks = joinExact(seen.map(toBlock).filter((block) => block !== null));
  return shorten(blocks).map(writeBlock);
}

function toBlock(text: string): Block | null {
  const network = parseNetwork(text);
  if (network === null) return null;
  const size = (network.last - network.first + 1n).toString(2).length - 1;
  return { ...network, prefix: BITS[network.family] - size };
}

/** Drops networks that lie within another, and joins pairs that are the two halves of one network. */
function joinExact(blocks: readonly Block[]): Block[] {
  const joined: Block[] = [];
  for (const block of blocks.toSorted(inOrder)) {
    let present = block;
    const previous = () => joined.at(-1);
    if (isWithin(block, previous())) continue;
    for (let other = previous(); other !== undefined && areHalves(other, present); other = previous()) {
      joined.pop();
      present = around(other, present);
    }
    joined.push(present);
  }
  return joined;
}

/**
 * Merges neighbours, the closest first, until the list has at most READABLE_LENGTH entries, or no two are close enough.
 */
function shorten(blocks: Block[]): Block[] {
  let list = blocks;
  while (list.length > READABLE_LENGTH) {
    const pairs = list.slice(1).map((block, index) => ({ index, whole: around(list[index] ?? block, block) }));
    const [closest] = pairs
      .filter(({ whole }) => whole.prefix >= WIDEST_PREFIX[whole.family])
      .toSorted((a, b) => BITS[a.whole.family] - a.whole.prefix - (BITS[b.whole.family] - b.whole.prefix));
    if (closest === undefined) break;
    const { index, whole } = closest;
    list = [...list.slice(0, index), whole, ...list.slice(index + 2).filter((block) => !isWithin(block, whole))];
  }
  return list;
}

/**
 * The smallest network that contains both. Its prefix is -1, which no caller accepts, when they are of different
 * families.
 */
function around(a: Block, b: Block): Block {
  if (a.family !== b.family) return { ...a, prefix: -1 };
  let prefix = Math.min(a.prefix, b.prefix);
  const bits = BITS[a.family];
  while (prefix > 0 && a.first >> BigInt(bits - prefix) !== b.first >> BigInt(bits - prefix)) prefix -= 1;
  const hostBits = BigInt(bits - prefix);
  const first = (a.first >> hostBits) << hostBits;
  return { family: a.family, first, last: first + (1n << hostBits) - 1n, prefix };
}

function areHalves(a: Block, b: Block): boolean {
  return a.family === b.family && a.prefix === b.prefix && around(a, b).prefix === a.prefix - 1;
}

function isWithin(block: Block, other: Block | undefined): boolean {
  return other !== undefined && other.family === block.family && other.first <= block.first && block.last <= other.last;
}

function inOrder(a: Block, b: Block): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.first !== b.first) return a.first < b.first ? -1 : 1;
  return a.prefix - b.prefix;
}

function writeBlock({ family, first, prefix }: Block): string {
  const address = family === 4 ? convertIPv4BinaryToString(first) : convertIPv6BinaryToString(first);
  return prefix === BITS[family] ? address : `${address}/${prefix}`;
}
