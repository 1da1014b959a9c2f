import type { Settings } from '../env.ts';
import type { Stores } from '../storage/commit-change.ts';
import type { RecordMemory } from '../storage/record-memory.ts';
import type { KeyRecord } from './key-record.ts';
import type { Keyring } from './keyring.ts';

/** What the acts of the domain work with: composed once for each event by the Worker's entry, or by a command. */
export interface Services extends Stores {
  settings: Settings;
  /** Records that this isolate has seen, by the hash of the secret. */
  memory: RecordMemory<KeyRecord>;
  /** What seals and opens secrets; null when `MASTER_KEYS` is missing or unreadable, which the log then says. */
  keyring: () => Promise<Keyring | null>;
  /** Unix milliseconds. On Workers the clock stands still between two awaits. */
  now: () => number;
}
