import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { type ApiDocument, apiDocument } from '../http/document/document.ts';

/*
 * Makes the part of the client that follows from the document of the API: its types and its calls. Run as a command, it
 * does that for the checkout that it lies in: `npm run check`, `npm run pack:client` and the tests do so first. Nothing
 * of it is in git, so the client and the document cannot differ.
 */

const ROOT = join(import.meta.dirname, '../..');

type PathItem = NonNullable<ApiDocument['paths']>[string];
type DocumentedOperation = NonNullable<PathItem['get']>;

const METHODS = ['get', 'post', 'put', 'delete'] as const;

/**
 * Writes `src/client/generated/document.ts` (the types of the document) and `calls.ts` (a function for each operation).
 * What was made from the same document is not made again.
 */
export async function buildClient(root: string = ROOT): Promise<void> {
  const document = withoutExamples(apiDocument());
  const folder = join(root, 'src/client/generated');
  const self = readFileSync(import.meta.filename, 'utf8');
  const hash = createHash('sha256').update(self).update(JSON.stringify(document)).digest('hex');
  const mark = `// Written by src/setup/build-client.ts, from the document with the hash ${hash}.\n`;
  const callsFile = join(folder, 'calls.ts');
  if (existsSync(callsFile) && readFileSync(callsFile, 'utf8').startsWith(mark)) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'document.ts'), `${mark}\n${await typesOf(document)}`);
  // Last, because its mark says that both are there.
  writeFileSync(callsFile, `${mark}\n${callsOf(document)}`);
}

/** The examples of whole bodies are for readers of the document. In the types, they would be more than half of it. */
function withoutExamples(document: ApiDocument): ApiDocument {
  return JSON.parse(JSON.stringify(document), (_, value) => {
    if (typeof value !== 'object' || value === null || !('schema' in value) || !('example' in value)) return value;
    const { example: _example, ...rest } = value;
    return rest;
  });
}

/** The types, as `openapi-typescript` makes them for anyone. */
async function typesOf(document: ApiDocument): Promise<string> {
  // It uses the compiler's JavaScript interface, which TypeScript 7 no longer has.
  registerHooks({
    resolve: (name, context, next) => next(name === 'typescript' ? 'typescript-5' : name, context),
  });
  const { default: generateTypes, astToString } = await import('openapi-typescript');
  // A field that has a default may be left out of a body.
  return astToString(await generateTypes(JSON.stringify(document), { defaultNonNullable: false, silent: true }));
}

/** A function for each operation that takes a key, under its id, with its summary and description. */
function callsOf(document: ApiDocument): string {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      // What needs no key is for monitors. Its 503 is an answer, not an error.
      const isCall = operation !== undefined && operation.security?.length !== 0;
      return isCall ? [{ path, method, operation }] : [];
    }),
  );
  const types = operations.map(
    ({ operation }) =>
      `  /** ${operation.summary}. ${operation.description} */\n  ${operation.operationId}: Call<'${operation.operationId}'>;\n`,
  );
  const functions = operations.map(
    ({ path, method, operation }) =>
      `    ${operation.operationId}: make(${JSON.stringify(describeCall(path, method, operation))}),\n`,
  );
  return [
    "import type { Call, Operation, OperationId } from '../backend/call.ts';\n\n",
    '/** The calls of the API. */\n',
    `export interface Calls {\n${types.join('')}}\n\n`,
    'type Make = <Id extends OperationId>(operation: Operation<Id>) => Call<Id>;\n\n',
    `export function makeCalls(make: Make): Calls {\n  return {\n${functions.join('')}  };\n}\n`,
  ].join('');
}

/** How an operation is called: an `Operation` of the client. */
function describeCall(
  path: string,
  method: string,
  { operationId, parameters = [], requestBody }: DocumentedOperation,
) {
  const named = parameters.filter((parameter) => 'in' in parameter);
  const types = Object.keys(requestBody !== undefined && 'content' in requestBody ? requestBody.content : {});
  // The client puts what is not in the path into the body, if there is one, and else into the query.
  if (types.length > 0 && named.some((parameter) => parameter.in === 'query')) {
    throw new Error(`${operationId} has a query and a body, and the client does not tell them apart`);
  }
  return {
    id: operationId,
    method: method.toUpperCase(),
    path,
    ...(types.includes('application/json') ? { body: 'json' } : {}),
    ...(types.includes('application/x-www-form-urlencoded') ? { body: 'form' } : {}),
    ...(named.some(({ name }) => name === 'Idempotency-Key') ? { takesIdempotencyKey: true } : {}),
  };
}

if (process.argv[1] === import.meta.filename) await buildClient();
