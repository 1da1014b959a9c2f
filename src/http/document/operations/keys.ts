import type { ZodOpenApiPathsObject } from 'zod-openapi';
import {
  MAX_ALLOWLIST_ENTRIES,
  MAX_DESCRIPTION_LENGTH,
  MAX_LABEL_LENGTH,
  MAX_OVERLAP_SECONDS,
} from '../../../domain/keys/key-rules.ts';
import { KEY_STATUS_FILTERS } from '../../../domain/keys/list-keys.ts';
import { MAX_SEARCH_LENGTH } from '../../../domain/text-rules.ts';
import { MAX_REPORT_DAYS } from '../../../domain/usage/report-usage.ts';
import { USER_TYPES } from '../../../wire/roles.ts';
import {
  changedKey,
  explanation,
  key,
  keyList,
  keyWithSecret,
  revoked,
  seenSecret,
  usage,
  verifiedKey,
} from '../../answers/keys.ts';
import { keyRehearsal } from '../../answers/rehearsals.ts';
import { READ_ONLY_KEY_FIELDS } from '../../objects/key-object.ts';
import {
  explainKeyBody,
  findKeyBody,
  keyListQuery,
  keyPatchBody,
  keyQuery,
  newKeyBody,
  overlapBody,
  rotateKeyBody,
  usageQuery,
} from '../../schemas/keys.ts';
import { rehearseKeyBody } from '../../schemas/rehearsals.ts';
import { describeBody, describeQuery, idInPath, operation } from '../operation.ts';
import { IDEMPOTENT, ORG_ID_QUERY, PAGING } from './fields.ts';

/*
 * The calls on keys.
 */

const NETWORKS = {
  description: `IPv4 and IPv6 addresses and CIDR networks that the key may be used from. Empty: anywhere.`,
  type: 'array',
  items: { type: 'string' },
  maxItems: MAX_ALLOWLIST_ENTRIES,
  examples: [['192.0.2.0/24', '2001:db8::/32']],
};

const PERMISSIONS = {
  description:
    'Names of the catalogue, and what they depend on. Goes with `has_restricted_permissions`; each requires the other.',
  type: 'array',
  items: { type: 'string' },
  examples: [['review_read', 'review_reply']],
};

const KEY_FIELDS = {
  description: { description: 'Any text.', maxLength: MAX_DESCRIPTION_LENGTH },
  expiration_date: {
    description: 'The key stops working at 00:00 UTC of that day: the day after today or later. Null: never.',
  },
  ip_whitelist: NETWORKS,
  has_restricted_permissions: {
    description: "True: the key has the permissions of the list only. False: it has its user's.",
  },
  permissions: PERMISSIONS,
};

const LABEL = {
  description: 'A name to recognise the key by.',
  minLength: 1,
  maxLength: MAX_LABEL_LENGTH,
  examples: ['Nightly import'],
};

const newKey = describeBody(newKeyBody, newKeyBody, {
  id: 'NewApiKey',
  description: 'A key to be made.',
  fields: {
    label: LABEL,
    ...KEY_FIELDS,
    user_type: {
      description:
        "`user`: linked to the caller. `bot`: a main integration key, by ORG_ADMIN and PROVIDER only. Left out: the caller's own type.",
    },
    user_id: {
      description: 'By ORG_ADMIN and PROVIDER only: the user that the key is for.',
      pattern: '^[0-9a-f]{24}$',
    },
    org_id: { description: 'By PROVIDER only, with `bot`: the organisation of the key.' },
  },
});

const keyChange = describeBody(keyPatchBody, keyPatchBody.in.out, {
  id: 'ApiKeyChange',
  description: 'Only the fields given change. What GET returned can be put back: its read-only fields are ignored.',
  fields: { label: LABEL, ...KEY_FIELDS },
  ignored: READ_ONLY_KEY_FIELDS,
});

const OVERLAP_SECONDS = {
  description: 'How long the old secret goes on working from now, in seconds.',
  minimum: 0,
  maximum: MAX_OVERLAP_SECONDS,
};

const rotation = describeBody(rotateKeyBody, rotateKeyBody, {
  id: 'Rotation',
  description: 'How the old secret goes on.',
  fields: {
    overlap_seconds: OVERLAP_SECONDS,
    end_previous: {
      description: 'Whether to end an overlap that still runs. Without it, the rotation is refused while one runs.',
    },
  },
});

const overlap = describeBody(overlapBody, overlapBody, {
  id: 'Overlap',
  description: 'How long the old secret goes on.',
  fields: {
    overlap_seconds: { ...OVERLAP_SECONDS, description: `${OVERLAP_SECONDS.description} 0 ends the overlap.` },
  },
});

const foundSecret = describeBody(findKeyBody, findKeyBody, {
  id: 'FoundSecret',
  description: 'A key that someone found.',
  fields: { api_key: { description: 'The whole key. White space around it is dropped.' } },
});

const ADDRESS = {
  description: 'The client address to judge for. Null or left out: not known, which passes no `ip_whitelist`.',
  type: ['string', 'null'],
  examples: ['192.0.2.10'],
};

const question = describeBody(explainKeyBody, explainKeyBody, {
  id: 'AccessQuestion',
  description: 'A call to judge.',
  fields: {
    ip: ADDRESS,
    permissions: { ...PERMISSIONS, description: 'The permissions that the call would need.' },
    at: {
      description: 'The moment to judge at: RFC 3339, or a timestamp as in answers. Left out: now.',
      type: 'string',
      examples: ['2027-01-31T12:00:00Z'],
    },
  },
});

const rehearsal = describeBody(rehearseKeyBody, rehearseKeyBody, {
  id: 'KeyRehearsalRequest',
  description: 'Exactly one of `change`, `revoke` and `pause`.',
  fields: {
    days: { description: 'How many days (UTC) to look at, today included.', minimum: 1, maximum: MAX_REPORT_DAYS },
    change: { description: 'The fields of a `PUT`.' },
    revoke: { description: 'To revoke the key.' },
    pause: { description: 'To pause the key.' },
  },
});

const includeAll = {
  description: "Show the stored permissions, those that the key's user lacks today included.",
  schema: { type: 'boolean' as const, default: false },
};

const id = idInPath('The id of the key.');
const HOLDS = '`effective_by` says from when on no location does otherwise.';
const READ_AS_TEXT = 'A key in the query is refused, because URLs are logged: use `POST /v2/api_keys/find`.';

export const keyPaths: ZodOpenApiPathsObject = {
  '/v2/api_keys': {
    get: operation({
      id: 'listApiKeys',
      tag: 'keys',
      summary: 'List keys',
      description: `The keys that the caller has access to, newest first. ${READ_AS_TEXT}`,
      needs: 'api_key_read',
      mayBeMissing: true,
      parameters: describeQuery(keyListQuery, {
        ...PAGING,
        status: {
          description: 'Only keys with this status. `inactive`: all but active.',
          schema: { type: 'string', enum: [...KEY_STATUS_FILTERS] },
        },
        type: {
          description: 'Only main integration keys (`bot`), or only personal ones (`user`).',
          schema: { type: 'string', enum: [...USER_TYPES] },
        },
        search_text: {
          description: 'In the label or the hint, whatever the case.',
          schema: { type: 'string', maxLength: MAX_SEARCH_LENGTH },
        },
        include_all_permissions: includeAll,
        org_id: ORG_ID_QUERY,
      }),
      answer: { description: 'One page of keys.', schema: keyList },
    }),
    post: operation({
      id: 'createApiKey',
      tag: 'keys',
      summary: 'Create a key',
      description: `Makes a key and gives its secret. No key reaches further than the one that made it. ${IDEMPOTENT}`,
      needs: 'api_key_manage',
      mayBeMissing: true,
      body: newKey,
      isRetryable: true,
      answer: { status: 201, description: 'The key and its secret.', schema: keyWithSecret },
    }),
  },
  '/v2/api_keys/find': {
    post: operation({
      id: 'findApiKey',
      tag: 'keys',
      summary: 'Find a key by its secret',
      description: 'Whose is a key that someone found? Told if the caller has access to it.',
      needs: 'api_key_read',
      body: foundSecret,
      mayBeMissing: true,
      answer: { description: 'The key.', schema: key },
    }),
  },
  '/v2/api_keys/current': {
    get: operation({
      id: 'getCurrentApiKey',
      tag: 'keys',
      summary: 'Read the calling key',
      description: 'The key that makes the call, and what it may do. Answered from the verification itself.',
      answer: { description: 'The calling key.', schema: verifiedKey },
    }),
  },
  '/v2/api_keys/revoke_current': {
    post: operation({
      id: 'revokeCurrentApiKey',
      tag: 'keys',
      summary: 'Revoke the calling key',
      description: `Whoever holds a leaked key may end it. By a secret in its overlap it ends the overlap, not the key. ${HOLDS}`,
      body: 'empty',
      limit: 'taking_away',
      answer: { description: 'The key is revoked.', schema: revoked },
    }),
  },
  '/v2/api_keys/{id}': {
    get: operation({
      id: 'getApiKey',
      tag: 'keys',
      summary: 'Read a key',
      description: 'The key, without its secret.',
      needs: 'api_key_read',
      parameters: [id, ...describeQuery(keyQuery, { include_all_permissions: includeAll })],
      answer: { description: 'The key.', schema: key },
    }),
    put: operation({
      id: 'updateApiKey',
      tag: 'keys',
      summary: 'Change a key',
      description: `Only the fields given change. A revoked key cannot be changed. ${HOLDS}`,
      needs: 'api_key_manage',
      parameters: [id],
      body: keyChange,
      answer: { description: 'The key as it is now.', schema: changedKey },
    }),
  },
  '/v2/api_keys/revoke/{id}': {
    post: operation({
      id: 'revokeApiKey',
      tag: 'keys',
      summary: 'Revoke a key',
      description: `Ends a key for good. Again it gives the same answer, and who revoked it first stays. ${HOLDS}`,
      needs: 'api_key_manage',
      parameters: [id],
      body: 'empty',
      limit: 'taking_away',
      answer: { description: 'The key is revoked.', schema: revoked },
    }),
  },
  '/v2/api_keys/pause/{id}': {
    post: operation({
      id: 'pauseApiKey',
      tag: 'keys',
      summary: 'Pause a key',
      description: `The key is refused until someone resumes it. ${HOLDS}`,
      needs: 'api_key_manage',
      parameters: [id],
      body: 'empty',
      limit: 'taking_away',
      answer: { description: 'The paused key.', schema: changedKey },
    }),
  },
  '/v2/api_keys/resume/{id}': {
    post: operation({
      id: 'resumeApiKey',
      tag: 'keys',
      summary: 'Resume a paused key',
      description: 'A key that someone else paused is resumed by ORG_ADMIN or PROVIDER only.',
      needs: 'api_key_manage',
      parameters: [id],
      body: 'empty',
      answer: { description: 'The key.', schema: changedKey },
    }),
  },
  '/v2/api_keys/key/{id}': {
    get: operation({
      id: 'seeApiKey',
      tag: 'keys',
      summary: 'See the secret of a key',
      description: 'Gives the secret out, and is on record. A revoked key is a 400.',
      needs: 'api_key_manage',
      parameters: [id],
      hasRules: true,
      answer: { description: 'The secret.', schema: seenSecret },
    }),
  },
  '/v2/api_keys/rotate/{id}': {
    post: operation({
      id: 'rotateApiKey',
      tag: 'keys',
      summary: 'Give a key a new secret',
      description: `The old secret goes on working for \`overlap_seconds\`. ${IDEMPOTENT}`,
      needs: 'api_key_manage',
      parameters: [id],
      body: rotation,
      isBodyOptional: true,
      isRetryable: true,
      answer: { description: 'The key and its new secret.', schema: keyWithSecret },
    }),
  },
  '/v2/api_keys/overlap/{id}': {
    post: operation({
      id: 'changeOverlap',
      tag: 'keys',
      summary: 'End or lengthen an overlap',
      description: `While an old secret still works: when it is to stop. ${HOLDS}`,
      needs: 'api_key_manage',
      parameters: [id],
      body: overlap,
      answer: { description: 'The key.', schema: changedKey },
    }),
  },
  '/v2/api_keys/explain/{id}': {
    post: operation({
      id: 'explainApiKey',
      tag: 'keys',
      summary: 'Explain what a key would be answered',
      description: 'What would happen to a call with this key, and why: every check with what it compared.',
      needs: 'api_key_read',
      parameters: [id],
      body: question,
      isBodyOptional: true,
      answer: { description: 'The verdict and every check.', schema: explanation },
    }),
  },
  '/v2/api_keys/rehearse/{id}': {
    post: operation({
      id: 'rehearseApiKey',
      tag: 'keys',
      summary: 'Rehearse a change of a key',
      description: 'What a change would have done to the calls of the last days. Nothing changes.',
      needs: 'api_key_read',
      parameters: [id],
      body: rehearsal,
      answer: { description: 'What the change would have refused.', schema: keyRehearsal },
    }),
  },
  '/v2/api_keys/usage/{id}': {
    get: operation({
      id: 'getApiKeyUsage',
      tag: 'keys',
      summary: 'Read the usage of a key',
      description: 'How, and from where, a key was used in the last days, and what list would fit.',
      needs: 'api_key_read',
      parameters: [
        id,
        ...describeQuery(usageQuery, {
          days: {
            description: 'How many days (UTC), today included.',
            schema: { type: 'integer', minimum: 1, maximum: MAX_REPORT_DAYS, default: 30 },
          },
        }),
      ],
      answer: { description: 'The usage.', schema: usage },
    }),
  },
};
