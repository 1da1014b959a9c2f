import { z } from 'zod';
import { parseVerificationRecord, type VerificationRecord } from './verification-record.ts';

/** What is known of keys, by the hash of their secrets, shared by the isolates of a location and at times of the world. */
export interface RecordCache {
  /** The record of a secret; null when the cache has none, or something that is none. */
  read(hash: string): Promise<CachedRecord | null>;
  write(hash: string, record: VerificationRecord): Promise<void>;
}

interface CachedRecord {
  record: VerificationRecord;
  /** When it was written, in unix milliseconds by the clock of who did; null: not known. */
  writtenAt: number | null;
}

/** How long KV keeps a record: housekeeping only, whether one may be used is decided by what is in it. */
export const KEEP_SECONDS = 60 * 60;

const metadataSchema = z.object({ writtenAt: z.number() });

/** The one place where names in KV are built. Raise the version with every change of the record's form. */
function nameOf(hash: string): string {
  return `key:v1:${hash}`;
}

export function openRecordCache(kv: KVNamespace): RecordCache {
  return {
    async read(hash) {
      const { value, metadata } = await kv.getWithMetadata<unknown, unknown>(nameOf(hash), 'json');
      const record = parseVerificationRecord(value);
      return record === null ? null : { record, writtenAt: metadataSchema.safeParse(metadata).data?.writtenAt ?? null };
    },
    write: async (hash, record) =>
      kv.put(nameOf(hash), JSON.stringify(record), {
        expirationTtl: KEEP_SECONDS,
        metadata: { writtenAt: Date.now() } satisfies z.infer<typeof metadataSchema>,
      }),
  };
}

/** For commands that run away from KV: what they write is read from D1 when it is first asked for. */
export const NO_RECORD_CACHE: RecordCache = {
  read: async () => null,
  write: async () => {},
};
