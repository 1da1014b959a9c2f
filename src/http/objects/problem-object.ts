import type { ErrorAnswer } from '../../wire/denial-answer.ts';

/** What RFC 9457 wants of an error beside what every error has. `requestId` is a UUID. */
export function problemObject({ status, code, errors }: ErrorAnswer, requestId: string) {
  return {
    // Relative to where the service is: the page says what each code means.
    type: `/docs/errors#${code}`,
    title: titleOf(code),
    status,
    detail: Object.values(errors).map(detailOf).join(' '),
    instance: `urn:uuid:${requestId}`,
  };
}

/** `USER_DISABLED` as `User disabled`. */
function titleOf(code: string): string {
  const words = code.toLowerCase().replaceAll('_', ' ').replace(/^ip\b/, 'IP');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A message, or the messages of all wrong fields with the names of those. */
function detailOf(messages: unknown): string {
  if (typeof messages !== 'object' || messages === null) return String(messages);
  return Object.entries(messages)
    .map(([field, message]) => `${field}: ${message}`)
    .join(' ');
}
