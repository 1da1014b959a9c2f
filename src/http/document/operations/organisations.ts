import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { MAX_ORGANISATION_NAME_LENGTH } from '../../../domain/organisations/create-organisation.ts';
import { MAX_SEARCH_LENGTH } from '../../../domain/text-rules.ts';
import { createdOrganisation, organisation, organisationList } from '../../answers/organisations.ts';
import { newOrganisationBody, organisationListQuery } from '../../schemas/users.ts';
import { describeBody, describeQuery, idInPath, operation } from '../operation.ts';
import { IDEMPOTENT, PAGING } from './fields.ts';

/*
 * The calls on organisations.
 */

const newOrganisation = describeBody(newOrganisationBody, newOrganisationBody, {
  id: 'NewOrganisation',
  description: 'An organisation to be made.',
  fields: {
    name: {
      description: 'What it is called.',
      minLength: 1,
      maxLength: MAX_ORGANISATION_NAME_LENGTH,
      examples: ['Example Ltd'],
    },
  },
});

export const organisationPaths: ZodOpenApiPathsObject = {
  '/v2/org': {
    post: operation({
      id: 'createOrganisation',
      tag: 'organisations',
      summary: 'Create an organisation',
      description: `By PROVIDER only. ${IDEMPOTENT}`,
      needs: 'user_manage',
      body: newOrganisation,
      isRetryable: true,
      answer: { description: 'The id of the organisation.', schema: createdOrganisation },
    }),
  },
  '/v2/org/search': {
    get: operation({
      id: 'searchOrganisations',
      tag: 'organisations',
      summary: 'List organisations',
      description: 'By PROVIDER only: the organisations of the deployment, newest first.',
      needs: 'user_read',
      parameters: describeQuery(organisationListQuery, {
        ...PAGING,
        query: {
          description: 'In the name, whatever the case.',
          schema: { type: 'string', maxLength: MAX_SEARCH_LENGTH },
        },
        org_id: { description: 'Only the one with this id.', schema: { type: 'integer', minimum: 1 } },
      }),
      answer: { description: 'One page of organisations.', schema: organisationList },
    }),
  },
  '/v2/org/{id}': {
    get: operation({
      id: 'getOrganisation',
      tag: 'organisations',
      summary: 'Read an organisation',
      description: "The caller's own; PROVIDER reads any.",
      parameters: [idInPath('The id of the organisation.')],
      answer: { description: 'The organisation.', schema: organisation },
    }),
  },
};
