import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { PERMISSION_NAMES } from '../../src/domain/permissions/permissions.ts';
import { type Answer, call, createKey, readCurrent } from '../support/client.ts';
import { deploy } from '../support/deployment.ts';
import { DOCUMENT, findInBody, nameIn, OPERATIONS } from '../support/document.ts';
import { basic } from '../support/form.ts';
import { allowedBy, anything, type JsonSchema, type Known } from '../support/from-schema.ts';
import { createOrganisation, createPerson, createUser } from '../support/people.ts';

/*
 * Requests that are made from the document, and near misses of them. `call` throws where an answer is not in the document. So
 * these tests say that there is none, and no error of the service; `npm run fuzz` tries 5,000.
 */

const COUNT = Number(env.FUZZ_CASES);
const SEED = Number(env.FUZZ_SEED);

/** What there is to name in a request. What a call creates is added. */
const there = { keys: [0], users: [''], organisations: [0], secrets: [''] };
let callers: Record<string, string | null>;

const CALLERS = ['PROVIDER', 'ORG_ADMIN', 'ORG_MANAGER', 'PUBLISHER', 'restricted', 'unknown', 'none'] as const;

beforeAll(async () => {
  const keys = await deploy();
  const { org_id } = await readCurrent(keys.ORG_ADMIN);
  const other = await createOrganisation(keys.PROVIDER, 'Another');
  const people = [
    await createPerson(keys.PROVIDER, 'BUSINESS_MANAGER', org_id),
    await createPerson(keys.PROVIDER, 'ORG_ADMIN', org_id),
    await createPerson(keys.PROVIDER, 'ORG_ADMIN', other),
  ];
  const own = [await createKey(keys.ORG_ADMIN), await createKey(keys.ORG_ADMIN, { user_type: 'bot' })];
  there.keys = [...people.map(({ keyId }) => keyId), ...own.map(({ id }) => id)];
  there.users = people.map(({ id }) => id);
  there.organisations = [org_id, other];
  there.secrets = [...people.map(({ key }) => key), ...own.map(({ api_key }) => api_key)];
  const restricted = await createKey(keys.ORG_ADMIN, {
    has_restricted_permissions: true,
    permissions: ['api_key_read', 'api_key_manage', 'review_read'],
    ip_whitelist: ['203.0.113.0/24'],
  });
  callers = {
    ...keys,
    restricted: restricted.api_key,
    unknown: restricted.api_key.replace(/.{6}$/, 'AAAAAA'),
    none: null,
  };
});

/** One of what there is, when the request is sent: what is there changes from case to case. */
interface Pick {
  of: keyof typeof there;
  at: number;
}

const isPick = (value: unknown): value is Pick =>
  typeof value === 'object' && value !== null && 'of' in value && 'at' in value;
const pick = (of: keyof typeof there): fc.Arbitrary<Pick> => fc.record({ of: fc.constant(of), at: fc.nat(1_000) });

/** Puts what there is in the place of each pick. */
function settle(value: unknown): unknown {
  if (isPick(value)) return there[value.of].at(value.at % there[value.of].length);
  if (Array.isArray(value)) return value.map(settle);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, settle(one)]));
}

const address = fc.constantFrom(
  '192.0.2.1',
  '203.0.113.7',
  '2001:db8::1',
  '::ffff:192.0.2.1',
  '10.0.0.0/8',
  '2001:db8::/32',
);
const names = fc.subarray([...PERMISSION_NAMES], { maxLength: 4 });

const KNOWN: Known = {
  user_id: pick('users'),
  org_id: pick('organisations'),
  api_key_id: pick('keys'),
  api_key: pick('secrets'),
  token: pick('secrets'),
  ip: address,
  ip_whitelist: fc.array(address, { maxLength: 3 }),
  permissions: names,
  email: fc.nat(5_000).map((number) => `fuzz-${number}@test.example`),
};

const { schemas } = DOCUMENT.components as { schemas: Record<string, JsonSchema> };

type Operation = (typeof OPERATIONS)[number];

function operationOf(id: string): Operation {
  const found = OPERATIONS.find(({ operation }) => operation.operationId === id);
  if (found === undefined) throw new Error(`The document has no operation ${id}`);
  return found;
}

interface Sent {
  operationId: string;
  caller: (typeof CALLERS)[number];
  as: 'x-APIKey' | 'Bearer' | 'Basic';
  id: Pick | number | string;
  query: Record<string, unknown>;
  idempotencyKey: string | null;
  accept: string | null;
  body: { value: unknown; wrong: { field: string; value: unknown } | null; type: string | null } | null;
  raw: string | null;
}

const sent: fc.Arbitrary<Sent> = fc.constantFrom(...OPERATIONS).chain((operation) => {
  const { parameters = [], requestBody } = operation.operation;
  const [media] = Object.entries(requestBody?.content ?? {});
  const fields = parameters.filter((one) => one.in === 'query');
  const value = media === undefined ? fc.constant({}) : allowedBy(media[1].schema ?? {}, schemas, KNOWN);
  const named = Object.keys(schemas[nameIn(media?.[1].schema?.$ref ?? '')]?.properties ?? { nothing: {} });
  const ids = operation.template.startsWith('/v2/user')
    ? 'users'
    : operation.template.startsWith('/v2/org')
      ? 'organisations'
      : 'keys';
  return fc.record<Sent>({
    operationId: fc.constant(operation.operation.operationId),
    caller: fc.oneof({ arbitrary: fc.constantFrom(...CALLERS.slice(0, 2)), weight: 3 }, fc.constantFrom(...CALLERS)),
    as: fc.oneof({ arbitrary: fc.constantFrom('x-APIKey', 'Bearer'), weight: 9 }, fc.constant('Basic')),
    id: fc.oneof(
      { arbitrary: pick(ids), weight: 5 },
      fc.integer({ min: 100_000, max: 2 ** 31 }),
      fc.constantFrom('0', '-1', 'x', '0'.repeat(24), '9'.repeat(30)),
    ),
    query: fc
      .record(
        Object.fromEntries([
          ...fields.map((one) => [
            one.name,
            fc.oneof({ arbitrary: allowedBy(one.schema, schemas, KNOWN, one.name), weight: 4 }, anything),
          ]),
          ['surprise', anything],
        ]),
        { requiredKeys: [] },
      )
      .chain((query) => fc.boolean().map((keepsSurprise) => (keepsSurprise ? query : without(query, 'surprise')))),
    idempotencyKey: fc.option(
      fc.oneof(
        { arbitrary: fc.nat(200).map((number) => `retry-${number}`), weight: 9 },
        fc.constantFrom('a b', 'x'.repeat(256)),
      ),
    ),
    accept: fc.option(fc.constantFrom('application/problem+json', 'application/json', '*/*')),
    body: fc.option(
      fc.record({
        value,
        wrong: fc.oneof(
          { arbitrary: fc.constant(null), weight: 2 },
          fc.record({ field: fc.oneof(fc.constantFrom(...named), fc.constant('surprise')), value: anything }),
        ),
        type: fc.oneof(
          { arbitrary: fc.constant(media?.[0] ?? 'application/json'), weight: 9 },
          fc.constantFrom(null, 'text/plain'),
        ),
      }),
      { freq: 9 },
    ),
    raw: fc.oneof({ arbitrary: fc.constant(null), weight: 19 }, fc.string({ unit: 'binary', maxLength: 60 })),
  });
});

function without(query: Record<string, unknown>, name: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(query).filter(([one]) => one !== name));
}

let cases = 0;

/** What there is does not run out: a key and a user are made for every twenty requests, and the oldest are forgotten. */
async function renew(): Promise<void> {
  cases += 1;
  if (cases % 20 !== 0) return;
  const by = callers.ORG_ADMIN ?? '';
  const { id, api_key } = await createKey(by, cases % 40 === 0 ? { user_type: 'bot' } : {});
  there.keys = [...there.keys, id].slice(-12);
  there.secrets = [...there.secrets, api_key].slice(-12);
  there.users = [...there.users, await createUser(by)].slice(-12);
}

/** Sends a request, and notes what it made. */
async function send(given: Sent): Promise<{ answer: Answer; body: unknown }> {
  const { operationId, as, idempotencyKey, accept, raw } = given;
  const operation = operationOf(operationId);
  // A caller that gave itself up could make no further call.
  const givesUp = operationId === 'revokeCurrentApiKey';
  const key = givesUp ? (await createKey(callers.PROVIDER ?? '')).api_key : (callers[given.caller] ?? null);
  const query = new URLSearchParams(
    Object.entries(given.query).map(([name, value]): [string, string] => [name, text(settle(value))]),
  );
  const path = operation.template.replace('{id}', encodeURIComponent(String(settle(given.id))));
  const hasBody = operation.method !== 'GET' && given.body !== null;
  const body = hasBody ? settle(withWrong(given.body)) : undefined;
  const isForm = given.body?.type === 'application/x-www-form-urlencoded';
  const answer = await call(null, `${operation.method} ${path}${query.size === 0 ? '' : `?${query}`}`, {
    ...(hasBody ? { body: raw ?? (isForm ? formOf(body) : (JSON.stringify(body) ?? '')) } : {}),
    headers: {
      'x-APIKey': as === 'x-APIKey' ? key : null,
      Authorization:
        key === null || as === 'x-APIKey'
          ? null
          : as === 'Bearer'
            ? `Bearer ${key}`
            : basic('gateway', key).Authorization,
      'Content-Type': hasBody ? (given.body?.type ?? null) : null,
      'Idempotency-Key': idempotencyKey,
      Accept: accept,
    },
  });
  note(operation, answer);
  return { answer, body };
}

function withWrong(body: Sent['body']): unknown {
  if (body === null || body.wrong === null || typeof body.value !== 'object' || body.value === null) return body?.value;
  return { ...body.value, [body.wrong.field]: body.wrong.value };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : String(JSON.stringify(value));
}

function formOf(body: unknown): string {
  return new URLSearchParams(
    Object.entries(body ?? {}).map(([name, value]): [string, string] => [name, text(value)]),
  ).toString();
}

function note({ method, template }: Operation, { status, body }: Answer): void {
  if (status >= 300 || typeof body !== 'object' || body === null) return;
  if (template === '/v2/api_keys' && 'api_key' in body) {
    there.keys.push(body.id);
    there.secrets.push(body.api_key);
  }
  if (template === '/v2/user') there.users.push(body.id);
  if (method === 'DELETE' && there.users.length > 1) there.users = there.users.filter((id) => id !== body.id);
  if (template === '/v2/org') there.organisations.push(body.id);
}

/** What a 400 says of a request that has a field or a type which is not in the document. */
const OF_SHAPE =
  /There is no such field|This call has no such parameter|This field is required|Must be of type|Must be valid JSON/;

test(`${COUNT} requests from the document get answers from the document (FUZZ_SEED=${SEED})`, {
  timeout: 60_000 + COUNT * 1_000,
}, async () => {
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(sent, async (given) => {
      await renew();
      const { method, operation } = operationOf(given.operationId);
      const { answer, body } = await send(given);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      expect(answer.status).toBeLessThan(500);
      const { schema } = operation.requestBody?.content['application/json'] ?? {};
      if (given.body === null || given.raw !== null || schema === undefined || method === 'GET') return;
      const isAllowed = findInBody(body, nameIn(schema.$ref ?? '')) === null;
      // What the document does not allow is not done, and what it allows is not refused for its shape.
      if (!isAllowed) expect(answer.status).toBeGreaterThanOrEqual(400);
      else if (answer.status === 400 && Object.keys(given.query).length === 0) {
        expect(JSON.stringify(answer.body)).not.toMatch(OF_SHAPE);
      }
    }),
    // What is there has changed by the time that a smaller request could be tried.
    { numRuns: COUNT, seed: SEED, endOnFailure: true },
  );
  console.log(`answers by status: ${JSON.stringify(Object.fromEntries([...statuses].toSorted()))}`);
  // The callers still work, so the requests were not all refused for their key.
  expect(statuses.get(200)).toBeGreaterThan(COUNT / 20);
});
