import { experimental_readRawConfig, unstable_readConfig } from 'wrangler';
import * as z from 'zod';
import { parseSettings } from '../env.ts';

/*
 * What wrangler.toml says of a deployment: its Worker, and what that needs in the account.
 */

export interface DeploymentTarget {
  worker: string;
  /** The account that wrangler.toml names. Undefined: it names none. */
  accountId: string | undefined;
  databases: Database[];
  /** All that it sends to or reads from. */
  queues: string[];
  /** The bindings of KV namespaces that wrangler creates by itself. */
  namespaces: string[];
  requiredSecrets: string[];
}

interface Database {
  binding: string;
  name: string;
  /** The folder of its migrations. */
  migrations: string;
}

const config = z.object({
  name: z.string(),
  account_id: z.string().optional(),
  d1_databases: z.array(z.object({ binding: z.string(), database_name: z.string(), migrations_dir: z.string() })),
  queues: z.object({
    producers: z.array(z.object({ queue: z.string() })),
    consumers: z.array(z.object({ queue: z.string() })),
  }),
  kv_namespaces: z.array(z.object({ binding: z.string(), id: z.string().optional() })),
  secrets: z.object({ required: z.array(z.string()).default([]) }).default({ required: [] }),
  vars: z.unknown(),
});

/**
 * Reads wrangler.toml, and the settings in it, because a Worker whose settings cannot be read fails every request.
 * @param environment the name of an environment; empty: the top level
 * @throws when there is no such environment, or something in it cannot be read
 */
export function readTarget(environment: string): DeploymentTarget {
  const { rawConfig } = experimental_readRawConfig({ config: 'wrangler.toml' });
  const known = Object.keys(rawConfig.env ?? {});
  if (environment !== '' && !known.includes(environment)) {
    throw new Error(`wrangler.toml has no environment ${environment}. It has ${known.join(' and ')}.`);
  }
  const { name, account_id, d1_databases, queues, kv_namespaces, secrets, vars } = config.parse(
    unstable_readConfig({ config: 'wrangler.toml', env: environment }),
  );
  parseSettings(vars);
  return {
    worker: name,
    accountId: account_id,
    databases: d1_databases.map(({ binding, database_name, migrations_dir }) => ({
      binding,
      name: database_name,
      migrations: migrations_dir,
    })),
    queues: [...new Set([...queues.producers, ...queues.consumers].map(({ queue }) => queue))],
    namespaces: kv_namespaces.filter(({ id }) => id === undefined).map(({ binding }) => binding),
    requiredSecrets: secrets.required,
  };
}
