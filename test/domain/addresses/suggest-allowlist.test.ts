import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileAllowlist, covers, type Network, parseNetwork } from '../../../src/domain/addresses/allowlist.ts';
import { suggestAllowlist } from '../../../src/domain/addresses/suggest-allowlist.ts';

const seed = Math.floor(Math.random() * 2 ** 31);

/** Addresses that no /24 has two of. */
function farApart(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `10.${n}.0.1`);
}

function hosts(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, n) => `192.0.2.${from + n}`);
}

/** IPv6 networks that no /48 has two of. */
function sitesApart(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `2001:db8:${(n + 1).toString(16)}::/64`);
}

describe('what was seen, and what is suggested:', () => {
  test.each<[string, string[], string[]]>([
    ['nothing', [], []],
    ['one address is the list', ['192.0.2.1'], ['192.0.2.1']],
    ['one IPv6 network is the list', ['2001:db8::/64'], ['2001:db8::/64']],
    ['few stay as they are, in order', ['198.51.100.9', '192.0.2.1'], ['192.0.2.1', '198.51.100.9']],
    ['an address that was seen twice is there once', ['192.0.2.1', '192.0.2.1'], ['192.0.2.1']],
    ['two halves are one network', ['192.0.2.1', '192.0.2.0'], ['192.0.2.0/31']],
    ['neighbours that are no halves stay apart', ['192.0.2.1', '192.0.2.2'], ['192.0.2.1', '192.0.2.2']],
    ['halves of halves join too', hosts(4, 7), ['192.0.2.4/30']],
    ['three of four are a pair and one', hosts(4, 6), ['192.0.2.4/31', '192.0.2.6']],
    ['all of an office is its /24', hosts(0, 255), ['192.0.2.0/24']],
    ['IPv6 halves join', ['2001:db8:0:1::/64', '2001:db8::/64'], ['2001:db8::/63']],
    [
      'IPv6 neighbours that are no halves stay',
      ['2001:db8:0:1::/64', '2001:db8:0:2::/64'],
      ['2001:db8:0:1::/64', '2001:db8:0:2::/64'],
    ],
    ['the families stay apart, IPv4 first', ['2001:db8::/64', '192.0.2.1'], ['192.0.2.1', '2001:db8::/64']],
    ['ten are few', [...farApart(8), '192.0.2.1', '192.0.2.4'], [...farApart(8), '192.0.2.1', '192.0.2.4']],
    [
      'of eleven, neighbours are put together',
      [...farApart(9), '192.0.2.1', '192.0.2.4'],
      [...farApart(9), '192.0.2.0/29'],
    ],
    [
      'the closest first, and no more than it takes',
      [...farApart(7), '192.0.2.1', '192.0.2.200', '198.51.100.16', '198.51.100.18'],
      [...farApart(7), '192.0.2.1', '192.0.2.200', '198.51.100.16/30'],
    ],
    [
      'then the next',
      [...farApart(8), '192.0.2.1', '192.0.2.200', '198.51.100.16', '198.51.100.18'],
      [...farApart(8), '192.0.2.0/24', '198.51.100.16/30'],
    ],
    ['eleven that nothing brings together stay', farApart(11), farApart(11)],
    [
      'neither are neighbours across a /24 put together',
      [...farApart(9), '192.0.2.255', '192.0.3.0'],
      [...farApart(9), '192.0.2.255', '192.0.3.0'],
    ],
    ['nor are IPv6 networks of different sites', sitesApart(11), sitesApart(11)],
    [
      'IPv6 networks of one site are',
      [...sitesApart(9), '2001:db8:ffff:1::/64', '2001:db8:ffff:8000::/64'],
      [...sitesApart(9), '2001:db8:ffff::/48'],
    ],
    [
      'two offices next to each other stay two, when neither was seen whole',
      [...farApart(9), '192.0.2.1', '192.0.2.129', '192.0.3.1', '192.0.3.129'],
      [...farApart(9), '192.0.2.0/24', '192.0.3.0/24'],
    ],
    [
      'so do two sites',
      [...sitesApart(9), '2001:db8:a:1::/64', '2001:db8:a:8000::/64', '2001:db8:b:1::/64', '2001:db8:b:8000::/64'],
      [...sitesApart(9), '2001:db8:a::/48', '2001:db8:b::/48'],
    ],
  ])('%s', (_, seen, expected) => {
    expect(suggestAllowlist(seen)).toEqual(expected);
  });
});

const address = fc.oneof(
  fc.ipV4(),
  // Offices next to each other, where much joins.
  fc.tuple(fc.integer({ min: 0, max: 3 }), fc.nat(255)).map(([third, fourth]) => `192.0.${third}.${fourth}`),
  fc.nat(31).map((fourth) => `198.51.100.${fourth}`),
);
const subnet = fc.oneof(
  fc.tuple(fc.nat(3), fc.nat(0xffff)).map(([site, net]) => `2001:db8:${site.toString(16)}:${net.toString(16)}::/64`),
  fc.nat(31).map((net) => `2001:db8:7:${net.toString(16)}::/64`),
  fc.tuple(fc.nat(0xffff), fc.nat(0xffff)).map(([a, b]) => `2a00:${a.toString(16)}:${b.toString(16)}:1::/64`),
);
/** As many as a key keeps. */
const networks = fc.array(fc.oneof(address, subnet), { maxLength: 100, size: 'max' });

function read(entry: string): Network {
  const network = parseNetwork(entry);
  if (network === null) throw new Error(`Not a network: ${entry}`);
  return network;
}

function isWithin(inner: Network, outer: Network): boolean {
  return inner.family === outer.family && outer.first <= inner.first && inner.last <= outer.last;
}

function checkAlways(property: (seen: string[], suggested: string[]) => void) {
  fc.assert(
    fc.property(networks, (seen) => property(seen, suggestAllowlist(seen))),
    { seed, numRuns: 200 },
  );
}

describe(`whatever was seen (seed ${seed}),`, { timeout: 60_000 }, () => {
  test('all of it is covered', () => {
    checkAlways((seen, suggested) => {
      // An empty list would cover everything.
      expect(suggested.length > 0).toBe(seen.length > 0);
      const list = compileAllowlist(suggested);
      expect(seen.filter((network) => !covers(list, read(network)))).toEqual([]);
    });
  });

  test('no entry is wider than a /24 or a /48', () => {
    checkAlways((_, suggested) => {
      const mostHosts = { 4: 1n << 8n, 6: 1n << 80n };
      const tooWide = suggested.filter((entry) => {
        const { family, first, last } = read(entry);
        return last - first + 1n > mostHosts[family];
      });
      expect(tooWide).toEqual([]);
    });
  });

  test('there is no entry from which nobody called', () => {
    checkAlways((seen, suggested) => {
      const unused = suggested.filter((entry) => !seen.some((network) => isWithin(read(network), read(entry))));
      expect(unused).toEqual([]);
    });
  });

  test('the list is no longer than what was seen, and no entry lies within another', () => {
    checkAlways((seen, suggested) => {
      expect(suggested.length).toBeLessThanOrEqual(new Set(seen).size);
      const nested = suggested.filter((entry) =>
        suggested.some((other) => other !== entry && isWithin(read(entry), read(other))),
      );
      expect(nested).toEqual([]);
    });
  });

  test('a list that is still long has no two entries that one office or one site has', () => {
    checkAlways((_, suggested) => {
      if (suggested.length <= 10) return;
      const places = suggested.map((entry) => {
        const { family, first } = read(entry);
        return `${family} ${first >> (family === 4 ? 8n : 80n)}`;
      });
      expect(new Set(places).size).toBe(places.length);
    });
  });

  test('the order in which it was seen does not matter', () => {
    checkAlways((seen, suggested) => {
      expect(suggestAllowlist(seen.toReversed())).toEqual(suggested);
      expect(suggestAllowlist(seen.toSorted())).toEqual(suggested);
    });
  });
});
