import { DrizzleQueryError } from 'drizzle-orm';

/** Logs a message for the operator, as one line of JSON. */
export function log(message: string, details: Record<string, unknown>): void {
  console.error(JSON.stringify({ message, ...details }));
}

/**
 * Logs a failure for the operator, as one line of JSON. drizzle's error message holds the query's parameters, and one
 * may be a sealed secret. So of a drizzle error only the database's own message is logged.
 */
export function logFailure(message: string, error: unknown, details: Record<string, unknown> = {}): void {
  const cause = error instanceof DrizzleQueryError ? error.cause : error;
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  const stack =
    error instanceof Error ? error.stack?.split('\n').filter((line) => line.startsWith('    at ')) : undefined;
  console.error(JSON.stringify({ message, ...details, reason, stack }));
}
