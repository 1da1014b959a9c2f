import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { catalogue } from '../../answers/permissions.ts';
import { operation } from '../operation.ts';

/*
 * The call that reads the catalogue of permissions.
 */

export const permissionPaths: ZodOpenApiPathsObject = {
  '/v2/permissions': {
    get: operation({
      id: 'listPermissions',
      tag: 'permissions',
      summary: 'List the permissions that there are',
      description: 'The catalogue of this deployment. A role has every permission that is not disabled for it.',
      answer: { description: 'The catalogue.', schema: catalogue },
    }),
  },
};
