/*
 * wrangler writes notes to standard output, where the answer of a command belongs to its caller. It reads this once,
 * when it is loaded, so this file is imported before anything that imports wrangler.
 */

/** The level that the person who ran the command chose, for a wrangler that speaks to them; undefined: none. */
export const CHOSEN_LOG_LEVEL = process.env.WRANGLER_LOG;

process.env.WRANGLER_LOG ??= 'error';
