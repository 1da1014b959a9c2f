import { describe, expect, test } from 'vitest';
import {
  allows,
  compileAllowlist,
  covers,
  type Network,
  parseAddress,
  parseNetwork,
} from '../../../src/domain/addresses/allowlist.ts';
import repository from './allowlist-cases.json';

interface Vectors {
  cases: { ip_whitelist: string[]; ip: string; allowed: boolean }[];
  invalid_entries: string[];
}

// Beside the repository where the project is worked on, and nowhere else.
const [shared] = Object.values(
  import.meta.glob<Vectors>('../../../../shared/vectors/ip-allowlist.json', { eager: true, import: 'default' }),
);

function passes(entries: readonly string[], ip: string | null): boolean {
  return allows(compileAllowlist(entries), ip);
}

function networkOf(entry: string): Network {
  const network = parseNetwork(entry);
  if (network === null) throw new Error(`Not a network: ${entry}`);
  return network;
}

describe.each([
  { origin: 'the repository', vectors: repository },
  { origin: 'the shared folder', vectors: shared },
])('the vectors of $origin', ({ vectors }) => {
  test.skipIf(vectors === undefined)('let in whom they say, and no one else', () => {
    const { cases = [] } = vectors ?? {};
    expect(cases.length).toBeGreaterThan(50);
    expect(cases.filter(({ ip_whitelist, ip, allowed }) => passes(ip_whitelist, ip) !== allowed)).toEqual([]);
  });

  test.skipIf(vectors === undefined)('refuse what is neither an address nor a network', () => {
    const { invalid_entries: entries = [] } = vectors ?? {};
    expect(entries.length).toBeGreaterThan(20);
    expect(entries.filter((entry) => parseNetwork(entry) !== null)).toEqual([]);
  });
});

test.each(repository.more_invalid_entries)('%j is neither an address nor a network', (entry) => {
  expect(parseNetwork(entry)).toBeNull();
});

test.each<[string, string[], string | null, boolean]>([
  ['an empty list lets everyone in', [], '10.0.0.1', true],
  ['an empty list lets in a client without an address', [], null, true],
  ['an empty list lets in a client whose address cannot be read', [], 'unknown', true],
  ['a list keeps a client without an address out', ['0.0.0.0/0', '::/0'], null, false],
  ['a list keeps an unreadable address out', ['0.0.0.0/0', '::/0'], 'unknown', false],
  ['a list keeps an empty address out', ['0.0.0.0/0', '::/0'], '', false],
  ['a list keeps out an address with a port', ['0.0.0.0/0'], '10.0.0.1:443', false],
  ['a list keeps out two addresses in one', ['0.0.0.0/0'], '10.0.0.1, 10.0.0.2', false],
  ['a list keeps out a client with a zone id', ['fe80::/10'], 'fe80::1%eth0', false],
  ['a list keeps out a network that calls itself a client', ['10.0.0.0/8'], '10.0.0.0/8', false],
  ['leading zeros are no address', ['10.0.0.1'], '010.0.0.1', false],

  ['an address lets itself in', ['192.0.2.1'], '192.0.2.1', true],
  ['an address keeps its neighbour out', ['192.0.2.1'], '192.0.2.2', false],
  ['a network lets its first address in', ['192.0.2.128/25'], '192.0.2.128', true],
  ['a network lets its last address in', ['192.0.2.128/25'], '192.0.2.255', true],
  ['a network keeps out the address before it', ['192.0.2.128/25'], '192.0.2.127', false],
  ['a network keeps out the address after it', ['192.0.2.0/25'], '192.0.2.128', false],
  ['host bits mean the network, its lower half included', ['172.16.5.4/12'], '172.16.0.0', true],
  ['host bits mean the network, its upper half included', ['172.16.5.4/12'], '172.31.255.255', true],
  ['host bits mean no more than the network', ['172.16.5.4/12'], '172.32.0.0', false],
  ['host bits mean the network in IPv6 too', ['2001:db8::dead:beef/32'], '2001:db8:ffff::', true],

  ['0.0.0.0/0 lets any IPv4 client in', ['0.0.0.0/0'], '255.255.255.255', true],
  ['0.0.0.0/0 lets no IPv6 client in', ['0.0.0.0/0'], '2001:db8::1', false],
  ['0.0.0.0/0 does not take a low IPv6 address for IPv4', ['0.0.0.0/0'], '::10.0.0.1', false],
  ['::/0 lets any IPv6 client in', ['::/0'], 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', true],
  ['::/0 lets no IPv4 client in', ['::/0'], '10.0.0.1', false],
  ['::/0 lets no IPv4 client in that is written as IPv6', ['::/0'], '::ffff:10.0.0.1', false],

  ['a mapped client is an IPv4 client', ['10.0.0.0/8'], '::ffff:10.1.2.3', true],
  ['a mapped client in hex is an IPv4 client', ['10.0.0.0/8'], '::FFFF:0a01:0203', true],
  ['a mapped client written out is an IPv4 client', ['10.0.0.0/8'], '0:0:0:0:0:ffff:10.1.2.3', true],
  ['a mapped client outside stays outside', ['10.0.0.0/8'], '::ffff:11.0.0.1', false],
  ['a mapped entry is the IPv4 address', ['::ffff:10.0.0.1'], '10.0.0.1', true],
  ['a mapped entry in hex is the IPv4 address', ['::ffff:a00:1'], '10.0.0.1', true],
  ['a mapped entry is not the address beside it', ['::ffff:10.0.0.1'], '10.0.0.2', false],
  ['a mapped entry lets a mapped client in', ['::ffff:10.0.0.0/104'], '::ffff:10.9.9.9', true],
  ['a mapped /128 is one IPv4 address', ['::ffff:10.0.0.1/128'], '10.0.0.0', false],
  ['a mapped /120 is an IPv4 /24', ['::ffff:192.0.2.77/120'], '192.0.2.255', true],
  ['a mapped /120 is no wider than a /24', ['::ffff:192.0.2.77/120'], '192.0.3.0', false],
  ['a mapped /96 is all of IPv4', ['::ffff:1.2.3.4/96'], '203.0.113.7', true],
  ['a mapped /96 is nothing of IPv6', ['::ffff:1.2.3.4/96'], '::fffe:1.2.3.4', false],
  ['a mapped /95 is an IPv6 network, so no IPv4 client passes', ['::ffff:1.2.3.4/95'], '1.2.3.4', false],
  ['a mapped /95 is an IPv6 network, so no mapped client passes', ['::ffff:1.2.3.4/95'], '::ffff:1.2.3.4', false],
  ['a mapped /95 lets its IPv6 half in', ['::ffff:1.2.3.4/95'], '::fffe:1.2.3.4', true],

  ['case does not count', ['2001:DB8::/32'], '2001:db8::AbCd', true],
  ['one address has many spellings', ['2001:db8:0:0::1'], '2001:0db8:0000:0000:0000:0000:0000:0001', true],
  ['zeros may be shortened at the end', ['2001:db8::/32'], '2001:db8::', true],
  ['an IPv6 network ends inside a group', ['2001:db8::/33'], '2001:db8:8000::', false],
  ['the last bit of an IPv6 address counts', ['2001:db8::1/127'], '2001:db8::2', false],
  ['any entry of the list is enough', ['192.0.2.1', '2001:db8::1', '198.51.100.0/24'], '198.51.100.9', true],
  ['entries do not join across a gap', ['192.0.2.1', '192.0.2.3'], '192.0.2.2', false],
  ['a narrow entry after a wide one does not cut it short', ['10.0.0.0/8', '10.0.0.1'], '10.255.0.0', true],
])('%s', (_, entries, ip, allowed) => {
  expect(passes(entries, ip)).toBe(allowed);
});

test.each<[string, string[], string, boolean]>([
  ['an empty list covers everything', [], '0.0.0.0/0', true],
  ['a network covers itself', ['10.0.0.0/8'], '10.0.0.0/8', true],
  ['a network covers what lies within it', ['10.0.0.0/8'], '10.20.0.0/16', true],
  ['a network does not cover a wider one', ['10.0.0.0/8'], '10.0.0.0/7', false],
  ['a network does not cover the one beside it', ['10.0.0.0/8'], '11.0.0.0/8', false],
  ['two halves cover the whole', ['192.0.2.0/25', '192.0.2.128/25'], '192.0.2.0/24', true],
  ['two halves cover the whole in any order', ['192.0.2.128/25', '192.0.2.0/25'], '192.0.2.0/24', true],
  ['two halves cover what straddles them', ['192.0.2.0/25', '192.0.2.128/25'], '192.0.2.64/24', true],
  ['two quarters do not cover the whole', ['192.0.2.0/26', '192.0.2.192/26'], '192.0.2.0/24', false],
  ['half and a wrong half do not cover the whole', ['192.0.2.0/25', '192.0.3.128/25'], '192.0.2.0/24', false],
  ['two halves cover the whole in IPv6 too', ['2001:db8::/33', '2001:db8:8000::/33'], '2001:db8::/32', true],
  ['both halves of IPv4 cover all of it', ['0.0.0.0/1', '128.0.0.0/1'], '0.0.0.0/0', true],
  ['all of IPv6 covers nothing of IPv4', ['::/0'], '10.0.0.1', false],
  ['all of IPv4 covers nothing of IPv6', ['0.0.0.0/0'], '2001:db8::1', false],
  ['an IPv4 network covers its IPv6 twin', ['10.0.0.0/8'], '::ffff:10.0.0.0/104', true],
  ['an IPv4 network covers no wider twin', ['10.0.0.0/8'], '::ffff:10.0.0.0/103', false],
  ['an IPv4 network does not cover the IPv6 network around its twin', ['10.0.0.0/8'], '::ffff:10.0.0.0/95', false],
])('%s', (_, entries, network, covered) => {
  expect(covers(compileAllowlist(entries), networkOf(network))).toBe(covered);
});

test('a stored list that cannot be read lets no one in', () => {
  expect(() => compileAllowlist(['10.0.0.0/8', 'office'])).toThrow();
});

test('the failure over an unreadable list does not tell what is in it', () => {
  expect(() => compileAllowlist(['office'])).not.toThrow(/office/);
});

test('a network is not an address', () => {
  expect(parseAddress('10.0.0.0/8')).toBeNull();
});
