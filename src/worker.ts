import { createApp } from './app.ts';
import { compose } from './compose.ts';
import { forgetOldRows } from './domain/forget-old-rows.ts';
import { addDelivered, logDeadLetters } from './domain/usage/add-usage.ts';

export { Region } from './region/region.ts';
export { ApiKeys } from './rpc/api-keys.ts';

const app = createApp(compose);

export default {
  fetch: app.fetch,
  queue: async (batch, env, context) => {
    if (batch.queue.endsWith('-dead')) logDeadLetters(batch.messages);
    else await addDelivered(compose(env, context), batch.messages);
  },
  scheduled: (_controller, env, context) => forgetOldRows(compose(env, context)),
} satisfies ExportedHandler<Env>;
