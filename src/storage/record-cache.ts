import * as z from 'zod';
import { parseVerificationRecord, type VerificationRecord } from './verification-record.ts';

/**
 * Key records by the hash of their secrets, shared by the isolates of a location and, with a delay, by all locations.
 */
export interface RecordCache {
  /**
   * The record of a secret; null when the cache has none, or JSON that is not exactly a record. Throws when KV fails,
   * or the text is not JSON.
   */
  read(hash: string): Promise<CachedRecord | null>;
  write(hash: string, record: VerificationRecord): Promise<void>;
}

interface CachedRecord {
  record: VerificationRecord;
  /** When it was written, in unix milliseconds by the writer's clock; null: not known. */
  writtenAt: number | null;
}

/**
 * How long KV keeps a record. This is housekeeping only: the record's own `epoch` and `seq` decide whether it may be
 * used.
 */
export const KEEP_SECONDS = 60 * 60;

const metadataSchema = z.object({ writtenAt: z.number() });

/** The one place where names in KV are built. Raise the version with every change of the record's form. */
function nameOf(hash: string): string {
  return `key:v4:${hash}`;
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

/** For commands that run without KV. What they write is read from D1 when it is first looked up. */
export const NO_RECORD_CACHE: RecordCache = {
  read: async () => null,
  write: async () => {},
};
