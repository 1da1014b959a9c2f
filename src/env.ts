import { z } from 'zod';

/*
 * Every binding and setting of the Worker. Bindings are typed by `wrangler types` from wrangler.toml; settings are its
 * plain variables, which `npm start -- --var NAME:VALUE` changes for one run, and are parsed here, once for an `Env`.
 */

const settingsSchema = z.object({
  /** What keys begin with. Keys made under another prefix stop being accepted. */
  KEY_PREFIX: z.string().regex(/^[a-z][a-z0-9]{1,15}$/, 'must be 2 to 16 characters, [a-z][a-z0-9]*'),
  /** `off` lifts the limit of calls that an organisation may make a minute: for load tests. */
  RATE_LIMIT: z.enum(['on', 'off']),
});

export interface Settings {
  keyPrefix: string;
  organisationRateLimit: boolean;
}

/** @throws when a variable has an unreadable value; the message names it and is meant for the operator. */
export function parseSettings(variables: unknown): Settings {
  const result = settingsSchema.safeParse(variables);
  if (!result.success) {
    const wrong = result.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    throw new Error(`Settings in wrangler.toml: ${wrong.join('; ')}`);
  }
  return {
    keyPrefix: result.data.KEY_PREFIX,
    organisationRateLimit: result.data.RATE_LIMIT === 'on',
  };
}

const settingsOf = new WeakMap<Env, Settings>();

/** The settings of an `Env`, parsed when it is first seen. */
export function readSettings(env: Env): Settings {
  const settings = settingsOf.get(env) ?? parseSettings(env);
  settingsOf.set(env, settings);
  return settings;
}
