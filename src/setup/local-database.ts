import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { getPlatformProxy, unstable_readConfig } from 'wrangler';
import type { LocalState } from './local-state.ts';
import { migrate } from './migrate.ts';
import { findWorkersIn } from './wrangler.ts';

/**
 * Opens the bindings of a local deployment in this process, and migrates its databases. The caller must call `close`.
 * `REGIONS` is not there: the platform's proxy runs no Worker, and so none of its classes.
 */
export async function openLocal(state: LocalState): Promise<{ env: Omit<Env, 'REGIONS'>; close: () => Promise<void> }> {
  findWorkersIn(state.registry);
  const proxy = await getPlatformProxy<Omit<Env, 'REGIONS'>>({
    configPath: writeConfigWithoutClasses(state),
    persist: { path: resolve(state.storage) },
    envFiles: [resolve(state.secretsFile)],
    remoteBindings: false,
  });
  try {
    await migrate(proxy.env.DB, 'migrations');
    await migrate(proxy.env.USAGE_DB, 'migrations/usage');
  } catch (error) {
    await proxy.dispose();
    throw error;
  }
  return { env: proxy.env, close: () => proxy.dispose() };
}

/** With a class in its configuration that it cannot serve, the proxy prints a complaint. */
function writeConfigWithoutClasses({ folder }: LocalState): string {
  const config = unstable_readConfig({ config: 'wrangler.toml' });
  const { name, compatibility_date, vars, d1_databases, kv_namespaces, queues, ratelimits } = config;
  const path = join(folder, 'bindings.json');
  const bindings = { name, compatibility_date, vars, d1_databases, kv_namespaces, queues, ratelimits };
  writeFileSync(path, JSON.stringify(bindings));
  return path;
}
