import { convertIPv4BinaryToString, convertIPv6BinaryToString } from 'hono/utils/ipaddr';
import { parseAddress } from './allowlist.ts';

/** An IPv6 customer has at least a /64, and may call from any address in it. */
const IPV6_HOST_BITS = 64n;

/** The network that a client is known by: its IPv4 address, or its IPv6 /64; null when it is no address. */
export function networkOfClient(clientIp: string): string | null {
  const address = parseAddress(clientIp);
  if (address === null) return null;
  if (address.family === 4) return convertIPv4BinaryToString(address.value);
  return `${convertIPv6BinaryToString((address.value >> IPV6_HOST_BITS) << IPV6_HOST_BITS)}/64`;
}
