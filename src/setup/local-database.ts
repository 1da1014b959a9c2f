import { getPlatformProxy } from 'wrangler';
import type { LocalState } from './local-state.ts';
import { migrate } from './migrate.ts';
import { findWorkersIn } from './wrangler.ts';

/** The bindings of a local deployment in this process, with its databases up to date; to be closed when all is done. */
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
