/*
 * The one place that tells a database that gave no answer from a surprise.
 */

/**
 * D1 was out of reach, overloaded, reset, or took too long. Whether a write that ended so was made is not known. The
 * error that D1 gave is its cause.
 */
class StorageError extends Error {
  override readonly name = 'StorageError';
}

/** Whether an error comes of a database that gave no answer; drizzle wraps what its queries throw. */
export function isStorageError(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof StorageError) return true;
  }
  return false;
}

/**
 * What D1 says of a statement that is wrong, or breaks a constraint: a mistake of the code, which no repetition mends.
 * D1 gives no codes, only text; what is not known here counts as out of reach, such as "Network connection lost",
 * "storage operation exceeded timeout", "D1 DB is overloaded", and SQLite's busy, full and I/O errors.
 */
const MISTAKES = [
  /SQLITE_(ERROR|CONSTRAINT|MISMATCH|RANGE|TOOBIG|MISUSE|AUTH|SCHEMA)/,
  /^D1_(TYPE_ERROR|EXEC_ERROR|COLUMN_NOTFOUND)/,
  /constraint failed|syntax error|no such (table|column)|parameter bindings|too many SQL variables/i,
];

/** The error of a call of D1 as it is thrown on: a `StorageError`, or the same where it is a surprise. */
export function classifyStorageError(error: unknown): unknown {
  if (error instanceof StorageError) return error;
  if (!(error instanceof Error)) return new StorageError(String(error), { cause: error });
  const isOfTheCode = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  if (isOfTheCode || MISTAKES.some((mistake) => mistake.test(error.message))) return error;
  return new StorageError(error.message, { cause: error });
}
