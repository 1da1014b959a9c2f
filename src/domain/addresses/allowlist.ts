import { convertIPv4ToBinary, convertIPv6ToBinary } from 'hono/utils/ipaddr';

/*
 * A key's list of addresses. An address is a family and a number; a network is the range of numbers that share its
 * prefix. IPv4 and IPv6 never match each other: `::/0` lets no IPv4 client in. A client that a dual-stack socket shows
 * as `::ffff:a.b.c.d` is the IPv4 client `a.b.c.d`, and an entry written that way (prefix 96 or more) is the IPv4
 * network.
 */

interface Address {
  family: 4 | 6;
  value: bigint;
}

/** The addresses from `first` to `last`, both included. */
export interface Network {
  family: 4 | 6;
  first: bigint;
  last: bigint;
}

/** A compiled list: by family and in rising order, with overlapping and adjacent networks merged. */
export interface Allowlist {
  /** True for an empty list, which restricts nothing. */
  unrestricted: boolean;
  v4: readonly Network[];
  v6: readonly Network[];
}

const BITS = { 4: 32, 6: 128 } as const;
const MAPPED_PREFIX = 96;
const MAPPED_HIGH_BITS = 0xffffn;
const V4_MASK = 0xffffffffn;

/** Reads an IPv4 or IPv6 address; null for anything else, zone ids and leading zeros included. */
export function parseAddress(text: string): Address | null {
  const raw = parseRawAddress(text);
  return raw !== null && isMapped(raw) ? { family: 4, value: raw.value & V4_MASK } : raw;
}

/**
 * Reads one entry of a list, an address or a CIDR network; host bits set (`172.16.5.4/12`) mean the network.
 * Null for anything else.
 */
export function parseNetwork(entry: string): Network | null {
  const slash = entry.indexOf('/');
  const address = parseRawAddress(slash === -1 ? entry : entry.slice(0, slash));
  if (address === null) return null;
  const prefix = slash === -1 ? BITS[address.family] : parsePrefix(entry.slice(slash + 1));
  if (prefix === null || prefix > BITS[address.family]) return null;
  if (isMapped(address) && prefix >= MAPPED_PREFIX) {
    return networkOf({ family: 4, value: address.value & V4_MASK }, prefix - MAPPED_PREFIX);
  }
  return networkOf(address, prefix);
}

/**
 * Compiles a list once, so that a call costs a search and no parsing.
 * @throws when an entry is unreadable. Entries are checked before they are stored, so the database would be broken, and
 * an unreadable list must not let anyone in.
 */
export function compileAllowlist(entries: readonly string[]): Allowlist {
  const networks = entries.map((entry) => {
    const network = parseNetwork(entry);
    if (network === null) throw new Error('A stored allowlist entry is not an address or a network');
    return network;
  });
  return {
    unrestricted: entries.length === 0,
    v4: merge(networks.filter(({ family }) => family === 4)),
    v6: merge(networks.filter(({ family }) => family === 6)),
  };
}

/**
 * Whether a client at this address (as in `CF-Connecting-IP`) passes. With a list, a missing or unreadable address does
 * not pass.
 */
export function allows(list: Allowlist, clientIp: string | null): boolean {
  if (list.unrestricted) return true;
  const address = clientIp === null ? null : parseAddress(clientIp);
  if (address === null) return false;
  return covers(list, { family: address.family, first: address.value, last: address.value });
}

/** The first entry of a list that lets this address in, as it is written; null when none does by itself. */
export function findCoveringEntry(entries: readonly string[], clientIp: string): string | null {
  return entries.find((entry) => allows(compileAllowlist([entry]), clientIp)) ?? null;
}

/** Whether every address of the network passes the list, also where several entries cover it together. */
export function covers(list: Allowlist, network: Network): boolean {
  if (list.unrestricted) return true;
  const ranges = network.family === 4 ? list.v4 : list.v6;
  return ranges.some((range) => range.first <= network.first && network.last <= range.last);
}

/** How many of the addresses of a network pass the list: all, none, or only some. */
export function shareCovered(list: Allowlist, network: Network): 'all' | 'none' | 'some' {
  if (covers(list, network)) return 'all';
  const ranges = network.family === 4 ? list.v4 : list.v6;
  return ranges.some((range) => range.first <= network.last && network.first <= range.last) ? 'some' : 'none';
}

function parseRawAddress(text: string): Address | null {
  // hono's parser accepts a zone id on a link-local address. A zone id means nothing beyond its own machine.
  if (text.includes('%')) return null;
  try {
    return text.includes(':')
      ? { family: 6, value: convertIPv6ToBinary(text) }
      : { family: 4, value: convertIPv4ToBinary(text) };
  } catch {
    return null;
  }
}

function parsePrefix(text: string): number | null {
  return /^(0|[1-9][0-9]{0,2})$/.test(text) ? Number(text) : null;
}

function isMapped(address: Address): boolean {
  return address.family === 6 && address.value >> 32n === MAPPED_HIGH_BITS;
}

function networkOf({ family, value }: Address, prefix: number): Network {
  const hostBits = BigInt(BITS[family] - prefix);
  const first = (value >> hostBits) << hostBits;
  return { family, first, last: first + (1n << hostBits) - 1n };
}

function merge(networks: readonly Network[]): Network[] {
  const merged: Network[] = [];
  for (const network of networks.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))) {
    const previous = merged.at(-1);
    if (previous !== undefined && network.first <= previous.last + 1n) {
      if (network.last > previous.last) merged[merged.length - 1] = { ...previous, last: network.last };
    } else {
      merged.push(network);
    }
  }
  return merged;
}
