import { type Answer, call } from './client.ts';
import { readRows } from './stored.ts';

/** Reads one page of audit events through the API, newest first, and returns the body of the answer. */
export async function readEvents(by: string, query = ''): Promise<Answer['body']> {
  const { status, body } = await call(by, `GET /v2/audit_events${query}`);
  if (status !== 200) throw new Error(`No events were read: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** Runs `act` and returns the audit events that it appended, oldest first, as the PROVIDER reads them. */
export async function eventsOf<Result>(
  provider: string,
  act: () => Promise<Result>,
): Promise<{ result: Result; events: Answer['body'][] }> {
  const [before] = await readRows('SELECT coalesce(max(id), 0) AS last FROM audit_events');
  const result = await act();
  const { audit_events } = await readEvents(provider, '?per_page=100');
  const events = audit_events.filter(({ id }: { id: number }) => id > Number(before?.last));
  return { result, events: events.toReversed() };
}
