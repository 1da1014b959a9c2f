import type { Role } from '../../src/domain/permissions/roles.ts';
import { type Answer, call, createKey } from './client.ts';
import { readRows } from './stored.ts';

/*
 * Organisations and the people in them, made by the API as a PROVIDER makes them.
 */

/** Someone who uses the service, with an unrestricted key. */
export interface Person {
  id: string;
  orgId: number;
  email: string;
  key: string;
  keyId: number;
}

let emails = 0;

/** An email that no one in the deployment of this test file has. */
export function freshEmail(): string {
  emails += 1;
  return `user-${emails}@test.example`;
}

/** The body of `POST /user` for someone new. */
export function newUser(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { email: freshEmail(), first_name: 'First', last_name: 'Last', ...fields };
}

export async function createOrganisation(provider: string, name = 'An organisation'): Promise<number> {
  return (await succeed(call(provider, 'POST /v2/org', { body: { name } }))).id;
}

/** Makes a user and gives its id. */
export async function createUser(by: string, fields: Record<string, unknown> = {}): Promise<string> {
  return (await succeed(call(by, 'POST /v2/user', { body: newUser(fields) }))).id;
}

/** Makes a user with a key of its own. Without `orgId`, in the organisation of the PROVIDER. */
export async function createPerson(provider: string, role: Role, orgId?: number): Promise<Person> {
  const email = freshEmail();
  const id = await createUser(provider, { email, role, ...(orgId === undefined ? {} : { org_id: orgId }) });
  const key = await createKey(provider, { user_id: id });
  return { id, orgId: key.org_id, email, key: key.api_key, keyId: key.id };
}

/** Reads a user by the API, as its `by` sees it. */
export async function readUser(by: string, id: string): Promise<Answer['body']> {
  return succeed(call(by, `GET /v2/user/${id}`));
}

export async function changeUser(by: string, id: string, fields: Record<string, unknown>): Promise<void> {
  await succeed(call(by, `POST /v2/user/${id}`, { body: fields }));
}

export async function deleteUser(by: string, id: string): Promise<void> {
  await succeed(call(by, `DELETE /v2/user/${id}`));
}

/** How many people hold an office in an organisation: enabled ones, and no bots. As stored. */
export async function countInOffice(role: Role, orgId: number): Promise<unknown> {
  const [row] = await readRows(
    "SELECT count(*) AS n FROM users WHERE org_id = ? AND role = ? AND type = 'user' AND disabled = 0",
    orgId,
    role,
  );
  return row?.n;
}

async function succeed(called: Promise<Answer>): Promise<Answer['body']> {
  const { status, body } = await called;
  if (status !== 200) throw new Error(`The call did not succeed: ${status} ${JSON.stringify(body)}`);
  return body;
}
