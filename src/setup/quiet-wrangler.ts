// wrangler writes notes to standard output, where the answer of a command belongs to its caller. It reads this once, when
// it is loaded, so this file is imported before anything that imports wrangler.
process.env.WRANGLER_LOG ??= 'error';
