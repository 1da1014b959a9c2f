import type { CallOptions } from './client.ts';

/** What makes a call send a form, with these parameters in this order. */
export function form(
  parameters: Record<string, string> | [string, string][],
  headers: CallOptions['headers'] = {},
): { body: string; headers: NonNullable<CallOptions['headers']> } {
  return {
    body: new URLSearchParams(parameters).toString(),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
  };
}

/** `Authorization` of HTTP Basic. */
export function basic(user: string, password: string): { Authorization: string } {
  return { Authorization: `Basic ${btoa(`${user}:${password}`)}` };
}
