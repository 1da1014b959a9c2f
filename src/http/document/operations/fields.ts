/*
 * Words for fields and parameters that several calls have.
 */

export const PAGING = {
  page: {
    description: 'The page, from 1. Lower counts as 1.',
    schema: { type: 'integer' as const, default: 1, examples: [1] },
  },
  per_page: {
    description: 'How many entries a page has.',
    schema: { type: 'integer' as const, minimum: 1, maximum: 100, default: 30 },
  },
};

export const ORG_ID_QUERY = {
  description: "PROVIDER only: of this organisation. Left out: the caller's own.",
  schema: { type: 'integer' as const, minimum: 1 },
};

export const IDEMPOTENT = 'Send an `Idempotency-Key` to repeat the call safely.';
