import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allows, compileAllowlist, covers, parseNetwork } from '../../../src/domain/addresses/allowlist.ts';

/** Networks in the last 64 addresses of 192.0.2.0/24: few enough to ask for every address. */
const network = fc
  .record({ host: fc.integer({ min: 192, max: 255 }), prefix: fc.integer({ min: 26, max: 32 }) })
  .map(({ host, prefix }) => `192.0.2.${host}/${prefix}`);

const HOSTS = Array.from({ length: 64 }, (_, n) => `192.0.2.${192 + n}`);

test('a list covers a network if and only if it lets every address of it in', () => {
  fc.assert(
    fc.property(fc.array(network, { minLength: 1, maxLength: 8 }), network, (entries, candidate) => {
      const list = compileAllowlist(entries);
      const itself = compileAllowlist([candidate]);
      const range = parseNetwork(candidate);
      if (range === null) throw new Error(`Not a network: ${candidate}`);
      const everyone = HOSTS.filter((host) => allows(itself, host)).every((host) => allows(list, host));
      expect(covers(list, range)).toBe(everyone);
    }),
    { seed: 1, numRuns: 1000 },
  );
});

test('an address passes a list if and only if it passes one of its entries alone', () => {
  fc.assert(
    fc.property(fc.array(network, { minLength: 1, maxLength: 8 }), fc.constantFrom(...HOSTS), (entries, host) => {
      const alone = entries.some((entry) => allows(compileAllowlist([entry]), host));
      expect(allows(compileAllowlist(entries), host)).toBe(alone);
    }),
    { seed: 2, numRuns: 1000 },
  );
});

test('an address passes however it is written', () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.ipV4(), (v6, v4) => {
      expect(allows(compileAllowlist([v6.toUpperCase()]), v6.toLowerCase())).toBe(true);
      expect(allows(compileAllowlist([v4]), `::ffff:${v4}`)).toBe(true);
      expect(allows(compileAllowlist([`::ffff:${v4}`]), v4)).toBe(true);
    }),
    { seed: 3, numRuns: 500 },
  );
});
