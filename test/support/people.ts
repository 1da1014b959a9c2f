import type { Role } from '../../src/domain/permissions/roles.ts';
import { type Answer, call, createKey } from './client.ts';
import { readRows } from './stored.ts';

/*
 * Makes organisations and users through the API, as a PROVIDER would.
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

/** An email that no user of this test file's deployment has. */
export function freshEmail(): string {
  emails += 1;
  return `user-${emails}@test.example`;
}

/** The body of `POST /user` for a new user. */
export function newUser(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { email: freshEmail(), first_name: 'First', last_name: 'Last', ...fields };
}

export async function createOrganisation(provider: string, name = 'An organisation'): Promise<number> {
  return (await succeed(call(provider, 'POST /v2/org', { body: { name } }))).id;
}

/** Creates a user through the API and returns its id. */
export async function createUser(by: string, fields: Record<string, unknown> = {}): Promise<string> {
  return (await succeed(call(by, 'POST /v2/user', { body: newUser(fields) }))).id;
}

/** Creates a user and an unrestricted key of that user. Without `orgId`, in the PROVIDER's organisation. */
export async function createPerson(provider: string, role: Role, orgId?: number): Promise<Person> {
  const email = freshEmail();
  const id = await createUser(provider, { email, role, ...(orgId === undefined ? {} : { org_id: orgId }) });
  const key = await createKey(provider, { user_id: id });
  return { id, orgId: key.org_id, email, key: key.api_key, keyId: key.id };
}

/** Reads a user through the API, with the key `by`. */
export async function readUser(by: string, id: string): Promise<Answer['body']> {
  return succeed(call(by, `GET /v2/user/${id}`));
}

export async function changeUser(by: string, id: string, fields: Record<string, unknown>): Promise<void> {
  await succeed(call(by, `POST /v2/user/${id}`, { body: fields }));
}

export async function deleteUser(by: string, id: string): Promise<void> {
  await succeed(call(by, `DELETE /v2/user/${id}`));
}

/** How many enabled users of type `user` an organisation has with a role, as stored. */
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
