import { LatchkeyError } from './latchkey-error.ts';

/** The error of an answer that is none of success. What is not in the contract's shape came from something else. */
export function readFailure(operation: string, { status, headers }: Response, text: string): LatchkeyError {
  const retryAfterSeconds = readRetryAfter(headers.get('Retry-After'));
  const answer = parseObject(text);
  const errors = objectIn(answer?.errors);
  if (answer === null || errors === null || typeof answer.code !== 'string') {
    const explanation = 'The answer is not one of Latchkey. Is this its address, without a redirect?';
    return new LatchkeyError(operation, { code: 'UNEXPECTED_ANSWER', status, explanation, retryAfterSeconds });
  }
  const fields = textsIn(errors.json);
  const explanation = [
    ...Object.entries(fields).map(([name, message]) => `${name}: ${message}`),
    ...Object.values(errors).filter((message) => typeof message === 'string'),
  ].join(' ');
  const requestId = typeof answer.request_id === 'string' ? answer.request_id : null;
  return new LatchkeyError(operation, {
    code: answer.code,
    status,
    explanation,
    fields,
    requestId,
    retryAfterSeconds,
  });
}

/** Seconds, or a date: a proxy may send one. Null: none, or unreadable. */
function readRetryAfter(value: string | null): number | null {
  if (value === null) return null;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, Math.ceil(seconds));
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    return objectIn(JSON.parse(text));
  } catch {
    return null;
  }
}

function objectIn(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? { ...value } : null;
}

function textsIn(value: unknown): Record<string, string> {
  const entries = Object.entries(objectIn(value) ?? {});
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
