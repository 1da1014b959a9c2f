import { networkOfClient } from '../addresses/client-network.ts';

/** Who pays for look-ups of keys that are in no cache, when a call is known by its address only. */
export function payerOfAddress(clientIp: string | null): string {
  return (clientIp === null ? null : networkOfClient(clientIp)) ?? 'no address';
}
