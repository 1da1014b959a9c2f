import { parseAddress } from './allowlist.ts';

/** An IPv6 customer has at least a /64, and can call from any address in it. */
const IPV6_CUSTOMER_BITS = 64n;

/** Who pays for look-ups of keys that are in no cache, when a call is known by its address only. */
export function payerOfAddress(clientIp: string | null): string {
  const address = clientIp === null ? null : parseAddress(clientIp);
  if (address === null) return 'no address';
  const value = address.family === 6 ? address.value >> IPV6_CUSTOMER_BITS : address.value;
  return `v${address.family} ${value.toString(16)}`;
}
