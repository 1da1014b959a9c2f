import { defineCatalogue } from '../../src/domain/permissions/define-catalogue.ts';

/*
 * The catalogue that tests of the Worker run with, in place of the deployment's own (see vitest.config.ts). Deployers
 * edit their own, and the rules hold for any catalogue. This is the catalogue that the contract starts from.
 */

const BELOW_ORG_MANAGER = ['GROUP_MANAGER', 'BUSINESS_MANAGER', 'PUBLISHER'] as const;

export const CATALOGUE = defineCatalogue([
  {
    name: 'presence',
    subsections: [
      {
        name: 'presence_pages',
        permissions: [
          { name: 'business_edit', disabledFor: ['PUBLISHER'] },
          { name: 'business_edit_name', dependsOn: 'business_edit', disabledFor: ['PUBLISHER'] },
          { name: 'business_edit_categories', dependsOn: 'business_edit', disabledFor: ['PUBLISHER'] },
          { name: 'business_edit_open_hours', dependsOn: 'business_edit', disabledFor: ['PUBLISHER'] },
        ],
      },
    ],
  },
  {
    name: 'reviews',
    subsections: [
      {
        name: 'review_management',
        permissions: [
          { name: 'review_read' },
          { name: 'review_reply', dependsOn: 'review_read', disabledFor: ['PUBLISHER'] },
        ],
      },
    ],
  },
  {
    name: 'settings',
    subsections: [
      {
        name: 'api_keys',
        permissions: [
          { name: 'api_key_read' },
          { name: 'api_key_manage', dependsOn: 'api_key_read', disabledFor: ['PUBLISHER'] },
          { name: 'api_key_verify', disabledFor: BELOW_ORG_MANAGER },
        ],
      },
      {
        name: 'users',
        permissions: [
          { name: 'user_read', disabledFor: ['PUBLISHER'] },
          { name: 'user_manage', dependsOn: 'user_read', disabledFor: BELOW_ORG_MANAGER },
        ],
      },
    ],
  },
]);
