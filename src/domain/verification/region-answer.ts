import * as z from 'zod';
import { parseVerificationRecord, type VerificationRecord } from '../../storage/verification-record.ts';

/*
 * What an isolate asks its region, and what the region answers. Both are parsed where they arrive: for a while after a
 * deployment, the two ends run different versions of the Worker.
 */

export interface RegionQuestion {
  /** The SHA-256 of the secret whose record is wanted, in hex; null: only the feed is. */
  hash: string | null;
  /** The isolate has heard of the changes up to this number of the feed, in this epoch (null: of none). */
  after: number;
  epoch: string | null;
}

/** What a region has heard of the feed. Ages travel, not moments: clocks do not agree. */
export interface ToldFeed {
  epoch: string;
  head: number;
  /** Every change after this number is told, or was asked not to be. Of the changes up to it, some may be missing. */
  floor: number;
  bookmark: string | null;
  /** How long ago the region heard the feed, in milliseconds by its clock. */
  age: number;
  /** Each key or user with its last change after the number asked from, newest first. */
  changes: [id: number | string, seq: number][];
}

export interface RegionAnswer {
  feed: ToldFeed;
  /**
   * The record, marked as true at the number that the region has heard of; or for how long (milliseconds) the secret has
   * certainly been unknown; null: the region cannot say.
   */
  found: { record: VerificationRecord } | { absentFor: number } | null;
}

const milliseconds = z.number().min(0);
const feedNumber = z.int().min(0);

const question = z.strictObject({
  hash: z.string().nullable(),
  after: feedNumber,
  epoch: z.string().nullable(),
});

const toldFeed = z.strictObject({
  epoch: z.string(),
  head: feedNumber,
  floor: feedNumber,
  bookmark: z.string().nullable(),
  age: milliseconds,
  changes: z.array(z.tuple([z.union([z.int(), z.string()]), feedNumber])),
});

const answer = z.strictObject({
  feed: toldFeed,
  found: z.union([z.strictObject({ record: z.unknown() }), z.strictObject({ absentFor: milliseconds })]).nullable(),
});

/** Parses a question; null for anything that is not exactly one. */
export function parseRegionQuestion(given: unknown): RegionQuestion | null {
  return question.safeParse(given).data ?? null;
}

/**
 * Parses an answer; null for anything that is not exactly one. An age that is no number from 0 on is no answer. A record
 * that cannot be read counts as one that the region does not have.
 */
export function parseRegionAnswer(given: unknown): RegionAnswer | null {
  const { data } = answer.safeParse(given);
  if (data === undefined) return null;
  const { feed, found } = data;
  if (found === null || 'absentFor' in found) return { feed, found };
  const record = parseVerificationRecord(found.record);
  return { feed, found: record === null ? null : { record } };
}
