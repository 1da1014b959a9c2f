import { compose } from './compose.ts';
import { forgetOldRows } from './domain/forget-old-rows.ts';
import { createApp } from './http/app.ts';

export { ApiKeys } from './rpc/api-keys.ts';

const app = createApp(compose);

export default {
  fetch: app.fetch,
  scheduled: (_controller, env, context) => forgetOldRows(compose(env, context)),
} satisfies ExportedHandler<Env>;
