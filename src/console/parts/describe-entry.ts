import { convertIPv4BinaryToString, convertIPv6BinaryToString } from 'hono/utils/ipaddr';
import { type Network, parseNetwork } from '../../domain/addresses/allowlist.ts';
import { counted } from '../words.ts';
import type { Mark } from './icons.tsx';

/*
 * What a line of an address list means, and what to write instead of one that cannot be read. static/console.js says
 * nearly the same while one types.
 */

export interface EntryMeaning {
  mark: Mark;
  text: string;
}

/** The lines of a text field, trimmed, without empty ones. */
export function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

export function describeEntry(line: string): EntryMeaning {
  const network = parseNetwork(line);
  if (network === null) return { mark: 'no', text: sayWhatToWrite(line) };
  const bits = prefixOf(network);
  const most = network.family === 4 ? 32 : 128;
  const size = sizeOf(network, bits);
  if (bits === 0) return { mark: 'mind', text: size };
  const first = writeAddress(network);
  const meant = bits === most ? first : `${first}/${bits}`;
  // Host bits that do not count, or an IPv4 client written as IPv6.
  const isUnderstoodDifferently =
    parseNetwork(line.split('/')[0] ?? '')?.first !== network.first || isMapped(line, network);
  return isUnderstoodDifferently ? { mark: 'mind', text: `means ${meant}, ${size}` } : { mark: 'yes', text: size };
}

/** How many addresses a network has, in words. */
function sizeOf({ family, first, last }: Network, bits: number): string {
  if (bits === 0) return `every IPv${family} address`;
  if (family === 6) return bits === 128 ? 'one IPv6 address' : 'an IPv6 network';
  return first === last ? 'one address' : counted(Number(last - first + 1n), 'address', 'addresses');
}

function prefixOf({ family, first, last }: Network): number {
  const hostBits = (last - first + 1n).toString(2).length - 1;
  return (family === 4 ? 32 : 128) - hostBits;
}

function writeAddress({ family, first }: Network): string {
  return family === 4 ? convertIPv4BinaryToString(first) : convertIPv6BinaryToString(first);
}

function isMapped(line: string, { family }: Network): boolean {
  return family === 4 && line.includes(':');
}

function sayWhatToWrite(line: string): string {
  const [address = '', prefix, ...more] = line.split('/');
  if (prefix !== undefined && (more.length > 0 || parseNetwork(address) !== null)) {
    return `A prefix is a number from 0 to ${address.includes(':') ? 128 : 32}.`;
  }
  if (line.includes('%')) return 'Has a zone. Leave it out.';
  const withoutPort = /^(.+):\d+$/.exec(address)?.[1]?.replace(/^\[(.*)\]$/, '$1') ?? '';
  if (parseNetwork(withoutPort) !== null) return `Has a port. Write ${withoutPort}.`;
  if (/^[\d.]+$/.test(address)) {
    const decimal = withoutLeadingZeros(address, 10);
    const octal = /\b0\d*[89]/.test(address) ? null : withoutLeadingZeros(address, 8);
    if (decimal !== null && decimal !== address) {
      return octal === null || octal === decimal
        ? `Leading zero. Write ${decimal}.`
        : `Leading zero. Write ${decimal}, or ${octal} if it was octal.`;
    }
  }
  return /[g-z]/i.test(address) ? 'A name. Give its addresses.' : 'Not an address.';
}

/** The address that was meant if parts with leading zeros are of this base; null: none. */
function withoutLeadingZeros(address: string, base: 8 | 10): string | null {
  const parts = address.split('.').map((part) => (/^0\d/.test(part) ? String(Number.parseInt(part, base)) : part));
  const written = parts.join('.');
  return parseNetwork(written) === null ? null : written;
}
