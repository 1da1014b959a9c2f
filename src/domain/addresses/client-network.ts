import { convertIPv4BinaryToString, convertIPv6BinaryToString } from 'hono/utils/ipaddr';
import { parseAddress } from './allowlist.ts';

/** An IPv6 customer has at least a /64, and may call from any address in it. */
const IPV6_NETWORK_BITS = 64;

/** Most sites have a /48. Whoever has one can call from 65,536 different /64 networks. */
const IPV6_SITE_BITS = 48;

/** The network by which a client is counted: its IPv4 address, or its IPv6 /64; null when it is no address. */
export function networkOfClient(clientIp: string): string | null {
  const address = parseAddress(clientIp);
  if (address === null) return null;
  if (address.family === 4) return convertIPv4BinaryToString(address.value);
  return ipv6Network(address.value, IPV6_NETWORK_BITS);
}

/** The IPv6 /48 that a client's network is in; null for an IPv4 client, and for what is no address. */
export function siteOfClient(clientIp: string): string | null {
  const address = parseAddress(clientIp);
  return address?.family === 6 ? ipv6Network(address.value, IPV6_SITE_BITS) : null;
}

function ipv6Network(address: bigint, prefix: number): string {
  const hostBits = BigInt(128 - prefix);
  return `${convertIPv6BinaryToString((address >> hostBits) << hostBits)}/${prefix}`;
}
