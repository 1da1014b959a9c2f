import { describe, expect, test } from 'vitest';
import { describeEntry, linesOf } from '../../../src/console/parts/describe-entry.ts';
import { parseNetwork } from '../../../src/domain/addresses/allowlist.ts';

const plain = ({ mark, text }: { mark: string; text: string }) => [mark, text.replaceAll('\u00a0', ' ')];

describe('a line of addresses says what it means', () => {
  test.each([
    ['198.51.100.7', 'yes', 'one address'],
    ['198.51.100.7/32', 'yes', 'one address'],
    ['198.51.100.0/24', 'yes', '256 addresses'],
    ['10.0.0.0/8', 'yes', '16,777,216 addresses'],
    ['2001:db8:40::1c', 'yes', 'one IPv6 address'],
    ['2001:db8:40::/48', 'yes', 'an IPv6 network'],
    // Understood differently from how it is written.
    ['192.0.2.77/26', 'mind', 'means 192.0.2.64/26, 64 addresses'],
    ['2001:db8:40::1/48', 'mind', 'means 2001:db8:40::/48, an IPv6 network'],
    ['::ffff:192.0.2.1', 'mind', 'means 192.0.2.1, one address'],
    ['::ffff:192.0.2.0/120', 'mind', 'means 192.0.2.0/24, 256 addresses'],
    ['0.0.0.0/0', 'mind', 'every IPv4 address'],
    ['::/0', 'mind', 'every IPv6 address'],
  ])('%s: %s, %s', (line, mark, text) => expect(plain(describeEntry(line))).toEqual([mark, text]));
});

describe('a line that cannot be read says what to write instead', () => {
  test.each([
    ['192.0.2.010', 'Leading zero. Write 192.0.2.10, or 192.0.2.8 if it was octal.'],
    ['192.0.2.007', 'Leading zero. Write 192.0.2.7.'],
    ['192.0.2.019', 'Leading zero. Write 192.0.2.19.'],
    ['office.example.com', 'A name. Give its addresses.'],
    ['198.51.100.7:443', 'Has a port. Write 198.51.100.7.'],
    ['[2001:db8::1]:443', 'Has a port. Write 2001:db8::1.'],
    ['fe80::1%eth0', 'Has a zone. Leave it out.'],
    ['198.51.100.0/33', 'A prefix is a number from 0 to 32.'],
    ['198.51.100.0/024', 'A prefix is a number from 0 to 32.'],
    ['198.51.100.0/24/24', 'A prefix is a number from 0 to 32.'],
    ['2001:db8::/129', 'A prefix is a number from 0 to 128.'],
    ['198.51.100', 'Not an address.'],
    ['198.51.100.256', 'Not an address.'],
  ])('%s: %s', (line, text) => {
    expect(parseNetwork(line)).toBeNull();
    expect(plain(describeEntry(line))).toEqual(['no', text]);
  });
});

test('what it tells to write can be read', () => {
  for (const line of ['192.0.2.010', '198.51.100.7:443', '[2001:db8::1]:443']) {
    for (const [, instead = ''] of describeEntry(line).text.matchAll(/(?:Write|or) ([^ ,]+?)(?:,|\.$| )/g)) {
      expect(describeEntry(instead).mark).toBe('yes');
    }
  }
});

test('empty lines and white space around lines do not count', () => {
  expect(linesOf(' 192.0.2.1 \r\n\n  ::1\n')).toEqual(['192.0.2.1', '::1']);
});
