import type { VerificationRecord } from './verification-record.ts';

/** How long KV keeps a record: housekeeping only, what may be used is decided by the record itself. */
const KEEP_SECONDS = 60 * 60;

/** The one place where names in KV are built. Raise the version with every change of the record's form. */
function nameOf(hash: string): string {
  return `key:v1:${hash}`;
}

/** Reads the record of a secret by its hash; null when KV has none. */
export function readCachedRecord(kv: KVNamespace, hash: string): Promise<VerificationRecord | null> {
  return kv.get<VerificationRecord>(nameOf(hash), 'json');
}

export function writeCachedRecord(kv: KVNamespace, hash: string, record: VerificationRecord): Promise<void> {
  return kv.put(nameOf(hash), JSON.stringify(record), { expirationTtl: KEEP_SECONDS });
}
