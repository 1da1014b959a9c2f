import { type Answer, type CallOptions, call } from './client.ts';

/**
 * Makes a call that sends the first byte of its body, waits until `meanwhile` is done, and sends the rest. Any client
 * can do so, for as long as the deadline of the body allows. A string is sent as it is, and anything else as JSON.
 */
export async function holdBody(
  key: string,
  route: string,
  body: unknown,
  meanwhile: () => Promise<unknown>,
  options: CallOptions = {},
): Promise<Answer> {
  const bytes = new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body));
  const begun = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      controller.enqueue(bytes.slice(0, 1));
      begun.resolve();
      await done.promise;
      controller.enqueue(bytes.slice(1));
      controller.close();
    },
  });
  const answer = call(key, route, { ...options, body: stream });
  // A call that is refused before its body is read never pulls from the stream.
  await Promise.race([begun.promise, answer]);
  await meanwhile();
  done.resolve();
  return answer;
}
