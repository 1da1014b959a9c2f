import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs, parseEnv } from 'node:util';
import { namespaceTitle } from '../../src/setup/cloudflare-account.ts';
import { readTarget } from '../../src/setup/deployment-target.ts';
import { readMigrations } from '../../src/setup/migrations.ts';
import { addDatabase, addWorker, type CloudflareAccount, query } from './cloudflare-api.ts';

/*
 * wrangler, as far as deploying uses it, without the second that each start of it takes. It acts on an account as the
 * real one does on the same account in deploy-with-wrangler.test.ts, and answers in the same words.
 */

/** wrangler failed, with what it printed. */
export class Failure {
  readonly printed: string;

  constructor(printed: string) {
    this.printed = printed;
  }
}

/**
 * Runs a command of wrangler on an account.
 * @returns what it prints
 * @throws a `Failure`
 */
export function runOn(account: CloudflareAccount, args: readonly string[], settings: Record<string, string>): string {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      env: { type: 'string', default: '' },
      remote: { type: 'boolean' },
      json: { type: 'boolean' },
      yes: { type: 'boolean' },
      command: { type: 'string', default: '' },
      location: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      'secrets-file': { type: 'string' },
    },
  });
  const target = readTarget(values.env);
  const worker = account.workers.get(target.worker);
  const last = positionals.at(-1) ?? '';
  const database = () => {
    const bound = target.databases.find(({ binding }) => binding === last);
    const found = account.databases.find(({ name }) => name === bound?.name);
    if (bound === undefined || found === undefined) throw new Failure(`Couldn't find a D1 DB named '${bound?.name}'`);
    return { ...found, migrations: bound.migrations };
  };
  switch (positionals.slice(0, positionals[1] === 'migrations' ? 3 : 2).join(' ')) {
    case 'whoami':
      return JSON.stringify({ loggedIn: true, accounts: account.accounts }, null, 4);
    case 'secret list':
      if (worker === undefined) throw new Failure(`Worker "${target.worker}" not found.`);
      return JSON.stringify(worker.bindings.filter(({ type }) => type === 'secret_text'));
    case 'queues info':
      if (!account.queues.includes(last)) throw new Failure(`Queue "${last}" does not exist.`);
      return `Queue Name: ${last}`;
    case 'queues create':
      account.acts.push(`create queue ${last}`);
      account.queues.push(last);
      return '';
    case 'd1 list':
      return JSON.stringify(account.databases.map(({ name }) => ({ name })));
    case 'd1 create':
      account.acts.push(`create database ${last}${values.location === undefined ? '' : ` in ${values.location}`}`);
      addDatabase(account, last);
      return '';
    case 'd1 execute':
      return JSON.stringify(query(account, database(), values.command));
    case 'd1 migrations apply': {
      const { migrations, ...found } = database();
      found.sqlite.exec(
        'CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE)',
      );
      const applied = found.sqlite.prepare('SELECT name FROM d1_migrations').all();
      for (const { name, sql } of readMigrations(migrations)) {
        if (applied.some((row) => row.name === name)) continue;
        query(account, found, `${sql}\n;INSERT INTO d1_migrations (name) VALUES ('${name}');`);
      }
      return '';
    }
    case 'kv namespace':
      return JSON.stringify(account.namespaces);
    case 'deploy': {
      if (account.refusesBuilds) throw new Failure('Build failed with 1 error');
      if (values['dry-run']) return '--dry-run: exiting now.';
      if (values.strict && worker?.changedBy === 'api') throw new Failure('last updated via the script API');
      if (worker === undefined) {
        for (const binding of target.namespaces) {
          const title = namespaceTitle(target.worker, binding);
          if (account.namespaces.some((namespace) => namespace.title === title)) throw new Failure('already exists');
          account.acts.push(`create namespace ${title}`);
          account.namespaces.push({ id: `the id of ${title}`, title });
        }
      }
      if (account.refusesUploads) throw new Failure('The script was refused.');
      account.acts.push(`upload ${target.worker}`);
      const file = values['secrets-file'];
      addWorker(account, target.worker, [
        ...(worker?.bindings ?? []).map(({ name }) => name),
        ...Object.keys(file === undefined ? {} : parseEnv(readFileSync(file, 'utf8'))),
      ]);
      const targets = [`https://${target.worker}.example.workers.dev`, 'schedule: 17 * * * *'];
      writeFileSync(settings.WRANGLER_OUTPUT_FILE_PATH ?? '', `${JSON.stringify({ type: 'deploy', targets })}\n`);
      return '';
    }
    default:
      throw new Failure(`No such command: ${args.join(' ')}`);
  }
}
