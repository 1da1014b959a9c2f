import { Hono } from 'hono';
import { CATALOGUE } from '../../domain/permissions/catalogue.ts';
import type { CatalogueAnswer } from '../answers/permissions.ts';
import type { CallEnv } from '../context.ts';

/** The catalogue as the contract gives it; `order` counts from 1 within its parent. */
const CATALOGUE_ANSWER: CatalogueAnswer = {
  sections: CATALOGUE.map((section, sectionIndex) => ({
    name: section.name,
    order: sectionIndex + 1,
    subsections: section.subsections.map((subsection, subsectionIndex) => ({
      name: subsection.name,
      order: subsectionIndex + 1,
      permissions: subsection.permissions.map((permission, permissionIndex) => ({
        name: permission.name,
        order: permissionIndex + 1,
        feature: permission.feature ?? null,
        depends_on: permission.dependsOn ?? null,
        disabled_for_roles: permission.disabledFor ?? [],
      })),
    })),
  })),
};

/** `/v2/permissions` */
export const permissionRoutes = new Hono<CallEnv>().get('/', (c) => c.json(CATALOGUE_ANSWER));
