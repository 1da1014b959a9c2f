import { readBodyText } from '../../http/middleware/body.ts';
import type { ConsoleContext } from '../context.ts';

/**
 * Reads a posted form, within the same size and deadline as any body.
 * @returns null when it is no form, is too large, or is not whole in time
 */
export async function readForm(c: ConsoleContext): Promise<URLSearchParams | null> {
  const type = c.req.header('Content-Type') ?? '';
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) return null;
  const body = await readBodyText(c);
  return body.refused || body.text === null ? null : new URLSearchParams(body.text);
}
