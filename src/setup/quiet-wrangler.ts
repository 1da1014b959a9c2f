/*
 * Keeps wrangler's notes off standard output, which is for the command's own answer. wrangler reads WRANGLER_LOG once,
 * when it is loaded, so this file must be imported before anything that imports wrangler.
 */

/** The log level that the user set in the environment, for a wrangler whose output the user sees. Undefined: none. */
export const CHOSEN_LOG_LEVEL = process.env.WRANGLER_LOG;

process.env.WRANGLER_LOG ??= 'error';
