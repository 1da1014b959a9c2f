import { Hono } from 'hono';
import { changeKey } from '../../domain/keys/change-key.ts';
import { changeOverlap } from '../../domain/keys/change-overlap.ts';
import { createKey, findWrongKeyRequest } from '../../domain/keys/create-key.ts';
import { explainKey } from '../../domain/keys/explain-key.ts';
import { findKeyBySecret } from '../../domain/keys/find-key.ts';
import { findWrongKeyFields } from '../../domain/keys/key-rules.ts';
import { listKeys } from '../../domain/keys/list-keys.ts';
import { pauseKey } from '../../domain/keys/pause-key.ts';
import { resumeKey } from '../../domain/keys/resume-key.ts';
import { revokeCurrent } from '../../domain/keys/revoke-current.ts';
import { revokeKey } from '../../domain/keys/revoke-key.ts';
import { rotateKey } from '../../domain/keys/rotate-key.ts';
import { seeKey } from '../../domain/keys/see-key.ts';
import { inChange, rehearseKey } from '../../domain/rehearsal/rehearse-key.ts';
import { reportUsage } from '../../domain/usage/report-usage.ts';
import type { CallEnv, CallVariables } from '../context.ts';
import { fail } from '../errors.ts';
import { accessibleKey, ID, type KeyPut } from '../middleware/accessible.ts';
import { emptyBody, jsonBody, optionalBody } from '../middleware/body.ts';
import { limitCostlyReads, limitSearches } from '../middleware/limit-costly-reads.ts';
import { limitByBody, limitGivingUp, limitTakingAway } from '../middleware/limit-rate.ts';
import { confirmed, requires, requiresToWrite, stillAllowed } from '../middleware/requires.ts';
import { replayHeaders, retryable } from '../middleware/retryable.ts';
import { validJson, validQuery } from '../middleware/validated.ts';
import { currentKeyObject, explanationObject, revokedObject } from '../objects/key-object.ts';
import { pageOf } from '../objects/page.ts';
import { rehearsalObject } from '../objects/rehearsal-object.ts';
import { showChangedKey, showKey, showKeys, showKeyWithSecret } from '../objects/show-keys.ts';
import { usageObject } from '../objects/usage-object.ts';
import {
  endsOverlap,
  explainKeyBody,
  findKeyBody,
  keyListQuery,
  keyPatchBody,
  keyQuery,
  newKeyBody,
  overlapBody,
  readableKeyFields,
  readableKeyRequest,
  rotateKeyBody,
  usageQuery,
} from '../schemas/keys.ts';
import { readableChange, rehearseKeyBody } from '../schemas/rehearsals.ts';

/** `/v2/api_keys` */
export const apiKeyRoutes = new Hono<CallEnv>()

  .get('/current', (c) => {
    const { verifiedKey, caller } = c.var;
    return c.json(currentKeyObject(verifiedKey, caller.clientIp));
  })

  .get('/', requires('api_key_read'), limitSearches, validQuery(keyListQuery), async (c) => {
    const { services, caller } = c.var;
    const query = c.req.valid('query');
    const found = await listKeys(services, caller, query);
    if (found.refused) return fail(c, found);
    return c.json({ ...pageOf(query, found.count), api_keys: await showKeys(services, found.keys, query) });
  })

  .post(
    '/',
    requiresToWrite('api_key_manage'),
    jsonBody,
    confirmed('api_key_manage'),
    retryable,
    ...validJson(newKeyBody, ({ services, caller }, body) =>
      findWrongKeyRequest(readableKeyRequest.parse(body), { now: services.now(), caller }),
    ),
    async (c) => {
      const { services, caller } = c.var;
      const created = await createKey(services, caller, c.req.valid('json'), c.var.retry);
      if (created.refused) return fail(c, created);
      return c.json(showKeyWithSecret(created), 201, replayHeaders(created));
    },
  )

  .post(
    '/find',
    requires('api_key_read'),
    jsonBody,
    stillAllowed('api_key_read'),
    ...validJson(findKeyBody),
    async (c) => {
      const { services, caller } = c.var;
      const key = await findKeyBySecret(services, caller, c.req.valid('json'));
      if (key === null) return fail(c, { refused: 'not_found' });
      return c.json(await showKey(services, key));
    },
  )

  .post(
    `/revoke/${ID}`,
    requires('api_key_manage'),
    limitTakingAway,
    optionalBody,
    confirmed('api_key_manage'),
    accessibleKey,
    emptyBody,
    async (c) => {
      const { services, caller, key } = c.var;
      const revoked = await revokeKey(services, caller, key);
      if (revoked.refused) return fail(c, revoked);
      return c.json(revokedObject(revoked));
    },
  )

  .post('/revoke_current', optionalBody, limitGivingUp, emptyBody, async (c) => {
    const { services, caller } = c.var;
    const revoked = await revokeCurrent(services, caller);
    if (revoked.refused) return fail(c, revoked);
    return c.json(revokedObject(revoked));
  })

  .post(
    `/pause/${ID}`,
    requires('api_key_manage'),
    limitTakingAway,
    optionalBody,
    confirmed('api_key_manage'),
    accessibleKey,
    emptyBody,
    async (c) => {
      const { services, caller, key } = c.var;
      const paused = await pauseKey(services, caller, key);
      if (paused.refused) return fail(c, paused);
      return c.json(await showChangedKey(services, paused));
    },
  )

  .post(
    `/resume/${ID}`,
    requiresToWrite('api_key_manage'),
    optionalBody,
    confirmed('api_key_manage'),
    accessibleKey,
    emptyBody,
    async (c) => {
      const { services, caller, key } = c.var;
      const resumed = await resumeKey(services, caller, key);
      if (resumed.refused) return fail(c, resumed);
      return c.json(await showChangedKey(services, resumed));
    },
  )

  .post(
    `/explain/${ID}`,
    requires('api_key_read'),
    optionalBody,
    stillAllowed('api_key_read'),
    accessibleKey,
    ...validJson(explainKeyBody),
    async (c) => {
      const { services, key } = c.var;
      const { call, at } = c.req.valid('json');
      const explanation = await explainKey(services, key, call, at ?? services.now());
      if (explanation === null) return fail(c, { refused: 'not_found' });
      return c.json(explanationObject(explanation));
    },
  )

  .post(
    `/rehearse/${ID}`,
    requires('api_key_read'),
    limitCostlyReads,
    jsonBody,
    stillAllowed('api_key_read'),
    accessibleKey,
    ...validJson(rehearseKeyBody, ({ services, key }: CallVariables & KeyPut, body) =>
      inChange(findWrongKeyFields(readableChange.parse(body), { now: services.now(), present: key })),
    ),
    async (c) => {
      const { services, key } = c.var;
      const { days, act } = c.req.valid('json');
      const rehearsed = await rehearseKey(services, key, act, days);
      if (rehearsed.refused) return fail(c, rehearsed);
      return c.json({ id: key.id, days, ...rehearsalObject(rehearsed.rehearsal) });
    },
  )

  .get(`/usage/${ID}`, requires('api_key_read'), limitCostlyReads, accessibleKey, validQuery(usageQuery), async (c) => {
    const { services, key } = c.var;
    const used = await reportUsage(services, key, c.req.valid('query').days);
    if (used.refused) return fail(c, used);
    return c.json({ id: key.id, ...usageObject(used.report) });
  })

  .get(`/key/${ID}`, confirmed('api_key_manage'), accessibleKey, async (c) => {
    const { services, caller, key } = c.var;
    const seen = await seeKey(services, caller, key);
    if (seen.refused) return fail(c, seen);
    return c.json({ id: key.id, api_key: seen.apiKey });
  })

  .post(
    `/rotate/${ID}`,
    requiresToWrite('api_key_manage'),
    optionalBody,
    confirmed('api_key_manage'),
    accessibleKey,
    retryable,
    ...validJson(rotateKeyBody),
    async (c) => {
      const { services, caller, key } = c.var;
      const rotated = await rotateKey(services, caller, key, c.req.valid('json'), c.var.retry);
      if (rotated.refused) return fail(c, rotated);
      return c.json(showKeyWithSecret(rotated), 200, replayHeaders(rotated));
    },
  )

  .post(
    `/overlap/${ID}`,
    requires('api_key_manage'),
    jsonBody,
    limitByBody(endsOverlap),
    confirmed('api_key_manage'),
    accessibleKey,
    ...validJson(overlapBody),
    async (c) => {
      const { services, caller, key } = c.var;
      const changed = await changeOverlap(services, caller, key, c.req.valid('json').overlapSeconds);
      if (changed.refused) return fail(c, changed);
      return c.json(await showChangedKey(services, changed));
    },
  )

  .get(`/${ID}`, requires('api_key_read'), accessibleKey, validQuery(keyQuery), async (c) => {
    const { services, key } = c.var;
    return c.json(await showKey(services, key, c.req.valid('query')));
  })

  .put(
    `/${ID}`,
    requiresToWrite('api_key_manage'),
    jsonBody,
    confirmed('api_key_manage'),
    accessibleKey,
    ...validJson(keyPatchBody, ({ services, key }: CallVariables & KeyPut, body) =>
      findWrongKeyFields(readableKeyFields.parse(body), { now: services.now(), present: key }),
    ),
    async (c) => {
      const { services, caller, key } = c.var;
      const changed = await changeKey(services, caller, key, c.req.valid('json'));
      if (changed.refused) return fail(c, changed);
      return c.json(await showChangedKey(services, changed));
    },
  );
