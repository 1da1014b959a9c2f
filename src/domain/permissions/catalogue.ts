import { defineCatalogue } from './define-catalogue.ts';

/*
 * The permissions that keys can carry: edit this file to make them yours. The compiler checks that every `dependsOn`
 * names a permission of the catalogue. It also checks that the permissions that this service needs itself (`api_key_…`,
 * `user_…`) are still there. A test checks the rest. Removing a permission takes it from every key at once. Its name
 * stays stored with the keys, so adding it again gives it back to them.
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

/** The name of a permission of the catalogue above. */
export type PermissionName = (typeof CATALOGUE)[number]['subsections'][number]['permissions'][number]['name'];
