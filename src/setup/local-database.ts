import { getPlatformProxy } from 'wrangler';
import type { LocalState } from './local-state.ts';
import { migrate } from './migrate.ts';
import { findWorkersIn } from './wrangler.ts';

/**
 * Opens the bindings of a local deployment in this process, and migrates its databases. The caller must call `close`.
 */
export async function openLocal(state: LocalState): Promise<{ env: Env; close: () => Promise<void> }> {
  findWorkersIn(state.registry);
  const proxy = await getPlatformProxy<Env>({
    persist: { path: state.storage },
    envFiles: [state.secretsFile],
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
