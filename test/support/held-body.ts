import { type Answer, type CallOptions, call } from './client.ts';

/**
 * Makes a call that sends the first byte of its body, waits until `meanwhile` is done, and sends the rest: what any client
 * may do, for as long as it likes within the deadline.
 */
export async function holdBody(
  key: string,
  route: string,
  body: unknown,
  meanwhile: () => Promise<unknown>,
  options: CallOptions = {},
): Promise<Answer> {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
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
  // Who is refused before the body is read never asks for it.
  await Promise.race([begun.promise, answer]);
  await meanwhile();
  done.resolve();
  return answer;
}
