import { compose } from './compose.ts';
import { forgetOldRows } from './domain/forget-old-rows.ts';
import { addUsage } from './domain/usage/add-usage.ts';
import { createApp } from './http/app.ts';
import type { UsageFlush } from './storage/usage.ts';

export { ApiKeys } from './rpc/api-keys.ts';

const app = createApp(compose);

export default {
  fetch: app.fetch,
  queue: (batch, env, context) =>
    addUsage(
      compose(env, context),
      batch.messages.map(({ body }) => body),
    ),
  scheduled: (_controller, env, context) => forgetOldRows(compose(env, context)),
} satisfies ExportedHandler<Env, UsageFlush>;
