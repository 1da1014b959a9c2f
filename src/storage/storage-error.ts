/*
 * The one place that tells a database that gave no answer from a mistake of the code.
 */

/**
 * D1 was out of reach, overloaded, reset, or took too long. Whether a write that failed so took effect is not known.
 * `cause` is D1's own error.
 */
class StorageError extends Error {
  override readonly name = 'StorageError';
}

/**
 * Whether an error or one of its causes is a `StorageError`. drizzle wraps what its queries throw, so the causes count
 * too.
 */
export function isStorageError(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof StorageError) return true;
  }
  return false;
}

/**
 * D1's messages about a statement that is wrong or violates a constraint. That is a mistake of the code, and repeating
 * the call does not help. D1 gives text only, no codes. Any other message counts as out of reach, such as "Network
 * connection lost", "storage operation exceeded timeout", "D1 DB is overloaded", and SQLite's busy, full and I/O
 * errors.
 */
const MISTAKES = [
  /SQLITE_(ERROR|CONSTRAINT|MISMATCH|RANGE|TOOBIG|MISUSE|AUTH|SCHEMA)/,
  /^D1_(TYPE_ERROR|EXEC_ERROR|COLUMN_NOTFOUND)/,
  /constraint failed|syntax error|no such (table|column)|parameter bindings|too many SQL variables/i,
];

/** The error to throw for an error of D1: the same error if it is a mistake of the code, else a `StorageError`. */
export function classifyStorageError(error: unknown): unknown {
  if (error instanceof StorageError) return error;
  if (!(error instanceof Error)) return new StorageError(String(error), { cause: error });
  const isOfTheCode = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  if (isOfTheCode || MISTAKES.some((mistake) => mistake.test(error.message))) return error;
  return new StorageError(error.message, { cause: error });
}
