import { DrizzleQueryError } from 'drizzle-orm';

/** Logs something that the operator has to know of. */
export function log(message: string, details: Record<string, unknown>): void {
  console.error(JSON.stringify({ message, ...details }));
}

/**
 * Logs a failure for the operator. drizzle's error tells the query with its parameters, among which there may be a
 * sealed secret; only what the database said is written down.
 */
export function logFailure(message: string, error: unknown, details: Record<string, unknown> = {}): void {
  const cause = error instanceof DrizzleQueryError ? error.cause : error;
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  const stack =
    error instanceof Error ? error.stack?.split('\n').filter((line) => line.startsWith('    at ')) : undefined;
  console.error(JSON.stringify({ message, ...details, reason, stack }));
}
