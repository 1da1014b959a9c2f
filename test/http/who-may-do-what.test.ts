import { beforeAll, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { compose } from '../../src/compose.ts';
import type { Role } from '../../src/domain/permissions/roles.ts';
import { generateApiKey } from '../../src/domain/secrets/api-key-format.ts';
import { call, createKey, readCurrent } from '../support/client.ts';
import { deploy, type RoleKeys } from '../support/deployment.ts';
import { form } from '../support/form.ts';
import { createOrganisation, createUser, newUser } from '../support/people.ts';
import { readRoleTable } from '../support/role-table.ts';
import { countRows, readRows } from '../support/stored.ts';

/*
 * Who gets which answer: one row for each call and what it is made on, one column for each caller, whose key is
 * unrestricted. PROVIDER is in the deployment's own organisation, the others are in another one; "main key" is a main
 * integration key of that. "Another organisation" is one that the caller is not in. (What `verify` and `introspect`
 * say of a key is in their answers: the status is 200 for every verdict.)
 */
const TABLE = `
| call                           | on                                       | PROVIDER | ORG_ADMIN | ORG_MANAGER | GROUP_MANAGER | BUSINESS_MANAGER | PUBLISHER | main key |
|--------------------------------|------------------------------------------|----------|-----------|-------------|---------------|------------------|-----------|----------|
| GET /v2/permissions            |                                          | 200      | 200       | 200         | 200           | 200              | 200       | 200      |

| GET /v2/api_keys/current       |                                          | 200      | 200       | 200         | 200           | 200              | 200       | 200      |
| GET /v2/api_keys               |                                          | 200      | 200       | 200         | 200           | 200              | 200       | 200      |
| GET /v2/api_keys               | of another organisation                  | 200      | 403       | 403         | 403           | 403              | 403       | 403      |

| POST /v2/api_keys              | for who calls                            | 201      | 201       | 201         | 201           | 201              | 403       | 201      |
| POST /v2/api_keys              | for another PROVIDER                     | 201      | 404       | 403         | 403           | 403              | 403       | 404      |
| POST /v2/api_keys              | for another ORG_ADMIN                    | 201      | 201       | 403         | 403           | 403              | 403       | 201      |
| POST /v2/api_keys              | for another PUBLISHER                    | 201      | 201       | 403         | 403           | 403              | 403       | 201      |
| POST /v2/api_keys              | for a user of another organisation       | 201      | 404       | 403         | 403           | 403              | 403       | 404      |
| POST /v2/api_keys              | as a main key                            | 201      | 201       | 403         | 403           | 403              | 403       | 201      |
| POST /v2/api_keys              | as a main key of another organisation    | 201      | 403       | 403         | 403           | 403              | 403       | 403      |

| POST /v2/api_keys/find         | own key                                  | 200      | 200       | 200         | 200           | 200              | 200       | 200      |
| POST /v2/api_keys/find         | another's personal key                   | 200      | 200       | 404         | 404           | 404              | 404       | 200      |
| POST /v2/api_keys/find         | main key                                 | 200      | 200       | 404         | 404           | 404              | 404       | 200      |
| POST /v2/api_keys/find         | another organisation's personal key      | 200      | 404       | 404         | 404           | 404              | 404       | 404      |
| POST /v2/api_keys/find         | another organisation's main key          | 200      | 404       | 404         | 404           | 404              | 404       | 404      |
| POST /v2/api_keys/find         | key that does not exist                  | 404      | 404       | 404         | 404           | 404              | 404       | 404      |

| GET /v2/api_keys/{id}          | own key                                  | 200      | 200       | 200         | 200           | 200              | 200       | 200      |
| GET /v2/api_keys/{id}          | another's personal key                   | 200      | 200       | 404         | 404           | 404              | 404       | 200      |
| GET /v2/api_keys/{id}          | main key                                 | 200      | 200       | 404         | 404           | 404              | 404       | 200      |
| GET /v2/api_keys/{id}          | another organisation's personal key      | 200      | 404       | 404         | 404           | 404              | 404       | 404      |
| GET /v2/api_keys/{id}          | another organisation's main key          | 200      | 404       | 404         | 404           | 404              | 404       | 404      |
| GET /v2/api_keys/{id}          | key that does not exist                  | 404      | 404       | 404         | 404           | 404              | 404       | 404      |

| PUT /v2/api_keys/{id}          | own key                                  | 200      | 200       | 200         | 200           | 200              | 403       | 200      |
| PUT /v2/api_keys/{id}          | another's personal key                   | 403      | 403       | 404         | 404           | 404              | 403       | 403      |
| PUT /v2/api_keys/{id}          | main key                                 | 200      | 200       | 404         | 404           | 404              | 403       | 200      |
| PUT /v2/api_keys/{id}          | another organisation's personal key      | 403      | 404       | 404         | 404           | 404              | 403       | 404      |
| PUT /v2/api_keys/{id}          | another organisation's main key          | 200      | 404       | 404         | 404           | 404              | 403       | 404      |
| PUT /v2/api_keys/{id}          | key that does not exist                  | 404      | 404       | 404         | 404           | 404              | 403       | 404      |

| POST /v2/api_keys/revoke/{id}  | own key                                  | 200      | 200       | 200         | 200           | 200              | 403       | 200      |
| POST /v2/api_keys/revoke/{id}  | another's personal key                   | 200      | 200       | 404         | 404           | 404              | 403       | 200      |
| POST /v2/api_keys/revoke/{id}  | main key                                 | 200      | 200       | 404         | 404           | 404              | 403       | 200      |
| POST /v2/api_keys/revoke/{id}  | another organisation's personal key      | 200      | 404       | 404         | 404           | 404              | 403       | 404      |
| POST /v2/api_keys/revoke/{id}  | another organisation's main key          | 200      | 404       | 404         | 404           | 404              | 403       | 404      |
| POST /v2/api_keys/revoke/{id}  | key that does not exist                  | 404      | 404       | 404         | 404           | 404              | 403       | 404      |

| POST /v2/api_keys/pause/{id}   | own key                                  | 200      | 200       | 200         | 200           | 200              | 403       | 200      |
| POST /v2/api_keys/pause/{id}   | another's personal key                   | 200      | 200       | 404         | 404           | 404              | 403       | 200      |
| POST /v2/api_keys/pause/{id}   | main key                                 | 200      | 200       | 404         | 404           | 404              | 403       | 200      |
| POST /v2/api_keys/pause/{id}   | another organisation's personal key      | 200      | 404       | 404         | 404           | 404              | 403       | 404      |
| POST /v2/api_keys/pause/{id}   | another organisation's main key          | 200      | 404       | 404         | 404           | 404              | 403       | 404      |
| POST /v2/api_keys/pause/{id}   | key that does not exist                  | 404      | 404       | 404         | 404           | 404              | 403       | 404      |

| POST /v2/api_keys/resume/{id}  | own key, paused                          | 200      | 200       | 200         | 200           | 200              | 403       | 200      |
| POST /v2/api_keys/resume/{id}  | another's personal key, paused           | 200      | 200       | 404         | 404           | 404              | 403       | 200      |
| POST /v2/api_keys/resume/{id}  | main key, paused                         | 200      | 200       | 404         | 404           | 404              | 403       | 200      |
| POST /v2/api_keys/resume/{id}  | another organisation's personal key, paused | 200      | 404       | 404         | 404           | 404              | 403       | 404      |
| POST /v2/api_keys/resume/{id}  | another organisation's main key, paused  | 200      | 404       | 404         | 404           | 404              | 403       | 404      |
| POST /v2/api_keys/resume/{id}  | key that does not exist                  | 404      | 404       | 404         | 404           | 404              | 403       | 404      |

| POST /v2/api_keys/revoke_current | with own key                           | 200      | 200       | 200         | 200           | 200              | 200       | 200      |

| GET /v2/api_keys/key/{id}      | own key                                  | 200      | 200       | 200         | 200           | 200              | 403       | 200      |
| GET /v2/api_keys/key/{id}      | another's personal key                   | 403      | 403       | 404         | 404           | 404              | 403       | 403      |
| GET /v2/api_keys/key/{id}      | main key                                 | 200      | 200       | 404         | 404           | 404              | 403       | 200      |
| GET /v2/api_keys/key/{id}      | another organisation's personal key      | 403      | 404       | 404         | 404           | 404              | 403       | 404      |
| GET /v2/api_keys/key/{id}      | another organisation's main key          | 200      | 404       | 404         | 404           | 404              | 403       | 404      |
| GET /v2/api_keys/key/{id}      | key that does not exist                  | 404      | 404       | 404         | 404           | 404              | 403       | 404      |

| POST /v2/api_keys/rotate/{id}  | own key                                  | 200      | 200       | 200         | 200           | 200              | 403       | 200      |
| POST /v2/api_keys/rotate/{id}  | another's personal key                   | 403      | 403       | 404         | 404           | 404              | 403       | 403      |
| POST /v2/api_keys/rotate/{id}  | main key                                 | 200      | 200       | 404         | 404           | 404              | 403       | 200      |
| POST /v2/api_keys/rotate/{id}  | another organisation's personal key      | 403      | 404       | 404         | 404           | 404              | 403       | 404      |
| POST /v2/api_keys/rotate/{id}  | another organisation's main key          | 200      | 404       | 404         | 404           | 404              | 403       | 404      |
| POST /v2/api_keys/rotate/{id}  | key that does not exist                  | 404      | 404       | 404         | 404           | 404              | 403       | 404      |

| POST /v2/api_keys/overlap/{id} | own key, overlap made longer             | 200      | 200       | 200         | 200           | 200              | 403       | 200      |
| POST /v2/api_keys/overlap/{id} | another's personal key, overlap made longer | 403      | 403       | 404         | 404           | 404              | 403       | 403      |
| POST /v2/api_keys/overlap/{id} | main key, overlap made longer            | 200      | 200       | 404         | 404           | 404              | 403       | 200      |
| POST /v2/api_keys/overlap/{id} | another organisation's personal key, overlap made longer | 403      | 404       | 404         | 404           | 404              | 403       | 404      |
| POST /v2/api_keys/overlap/{id} | another organisation's main key, overlap made longer | 200      | 404       | 404         | 404           | 404              | 403       | 404      |
| POST /v2/api_keys/overlap/{id} | own key, overlap ended                   | 200      | 200       | 200         | 200           | 200              | 403       | 200      |
| POST /v2/api_keys/overlap/{id} | another's personal key, overlap ended    | 200      | 200       | 404         | 404           | 404              | 403       | 200      |
| POST /v2/api_keys/overlap/{id} | main key, overlap ended                  | 200      | 200       | 404         | 404           | 404              | 403       | 200      |
| POST /v2/api_keys/overlap/{id} | another organisation's personal key, overlap ended | 200      | 404       | 404         | 404           | 404              | 403       | 404      |
| POST /v2/api_keys/overlap/{id} | another organisation's main key, overlap ended | 200      | 404       | 404         | 404           | 404              | 403       | 404      |
| POST /v2/api_keys/overlap/{id} | main key                                 | 400      | 400       | 404         | 404           | 404              | 403       | 400      |
| POST /v2/api_keys/overlap/{id} | another's personal key                   | 403      | 403       | 404         | 404           | 404              | 403       | 403      |
| POST /v2/api_keys/overlap/{id} | key that does not exist                  | 404      | 404       | 404         | 404           | 404              | 403       | 404      |

| POST /v2/api_keys/explain/{id} | own key                                  | 200      | 200       | 200         | 200           | 200              | 200       | 200      |
| POST /v2/api_keys/explain/{id} | another's personal key                   | 200      | 200       | 404         | 404           | 404              | 404       | 200      |
| POST /v2/api_keys/explain/{id} | main key                                 | 200      | 200       | 404         | 404           | 404              | 404       | 200      |
| POST /v2/api_keys/explain/{id} | another organisation's personal key      | 200      | 404       | 404         | 404           | 404              | 404       | 404      |
| POST /v2/api_keys/explain/{id} | another organisation's main key          | 200      | 404       | 404         | 404           | 404              | 404       | 404      |
| POST /v2/api_keys/explain/{id} | key that does not exist                  | 404      | 404       | 404         | 404           | 404              | 404       | 404      |

| POST /v2/api_keys/rehearse/{id} | own key                                  | 200      | 200       | 200         | 200           | 200              | 200       | 200      |
| POST /v2/api_keys/rehearse/{id} | another's personal key                   | 200      | 200       | 404         | 404           | 404              | 404       | 200      |
| POST /v2/api_keys/rehearse/{id} | main key                                 | 200      | 200       | 404         | 404           | 404              | 404       | 200      |
| POST /v2/api_keys/rehearse/{id} | another organisation's personal key      | 200      | 404       | 404         | 404           | 404              | 404       | 404      |
| POST /v2/api_keys/rehearse/{id} | another organisation's main key          | 200      | 404       | 404         | 404           | 404              | 404       | 404      |
| POST /v2/api_keys/rehearse/{id} | key that does not exist                  | 404      | 404       | 404         | 404           | 404              | 404       | 404      |

| GET /v2/api_keys/usage/{id}    | own key                                  | 200      | 200       | 200         | 200           | 200              | 200       | 200      |
| GET /v2/api_keys/usage/{id}    | another's personal key                   | 200      | 200       | 404         | 404           | 404              | 404       | 200      |
| GET /v2/api_keys/usage/{id}    | main key                                 | 200      | 200       | 404         | 404           | 404              | 404       | 200      |
| GET /v2/api_keys/usage/{id}    | another organisation's personal key      | 200      | 404       | 404         | 404           | 404              | 404       | 404      |
| GET /v2/api_keys/usage/{id}    | another organisation's main key          | 200      | 404       | 404         | 404           | 404              | 404       | 404      |
| GET /v2/api_keys/usage/{id}    | key that does not exist                  | 404      | 404       | 404         | 404           | 404              | 404       | 404      |

| POST /v2/api_keys/verify       | own key                                  | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/api_keys/verify       | another's personal key                   | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/api_keys/verify       | main key                                 | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/api_keys/verify       | another organisation's personal key      | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/api_keys/verify       | another organisation's main key          | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/api_keys/verify       | key that does not exist                  | 200      | 200       | 200         | 403           | 403              | 403       | 200      |

| POST /v2/introspect            | own key                                  | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/introspect            | another's personal key                   | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/introspect            | main key                                 | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/introspect            | another organisation's personal key      | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/introspect            | another organisation's main key          | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/introspect            | key that does not exist                  | 200      | 200       | 200         | 403           | 403              | 403       | 200      |

| GET /v2/audit_events           |                                          | 200      | 200       | 200         | 200           | 200              | 200       | 200      |

| GET /v2/user/me                |                                          | 200      | 200       | 200         | 200           | 200              | 200       | 200      |
| GET /v2/user/search            |                                          | 200      | 200       | 200         | 200           | 200              | 403       | 200      |
| GET /v2/user/search            | of another organisation                  | 200      | 403       | 403         | 403           | 403              | 403       | 403      |
| GET /v2/user/search/count      |                                          | 200      | 200       | 200         | 200           | 200              | 403       | 200      |
| GET /v2/user/search/count      | of another organisation                  | 200      | 403       | 403         | 403           | 403              | 403       | 403      |

| POST /v2/user                  | a PROVIDER                               | 200      | 403       | 403         | 403           | 403              | 403       | 403      |
| POST /v2/user                  | an ORG_ADMIN                             | 200      | 200       | 403         | 403           | 403              | 403       | 200      |
| POST /v2/user                  | an ORG_MANAGER                           | 200      | 200       | 403         | 403           | 403              | 403       | 200      |
| POST /v2/user                  | a GROUP_MANAGER                          | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/user                  | a BUSINESS_MANAGER                       | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/user                  | a PUBLISHER                              | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/user                  | a PUBLISHER of another organisation      | 200      | 403       | 403         | 403           | 403              | 403       | 403      |

| GET /v2/user/{id}              | who calls                                | 200      | 200       | 200         | 200           | 200              | 403       | 404      |
| GET /v2/user/{id}              | another PROVIDER                         | 200      | 404       | 404         | 404           | 404              | 403       | 404      |
| GET /v2/user/{id}              | another ORG_ADMIN                        | 200      | 200       | 200         | 200           | 200              | 403       | 200      |
| GET /v2/user/{id}              | the user of main keys                    | 404      | 404       | 404         | 404           | 404              | 403       | 404      |
| GET /v2/user/{id}              | a user of another organisation           | 200      | 404       | 404         | 404           | 404              | 403       | 404      |
| GET /v2/user/{id}              | a user that does not exist               | 404      | 404       | 404         | 404           | 404              | 403       | 404      |

| POST /v2/user/{id}             | who calls                                | 200      | 200       | 403         | 403           | 403              | 403       | 404      |
| POST /v2/user/{id}             | another PROVIDER                         | 200      | 404       | 404         | 403           | 403              | 403       | 404      |
| POST /v2/user/{id}             | another ORG_ADMIN                        | 200      | 200       | 403         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}             | another ORG_MANAGER                      | 200      | 200       | 403         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}             | another GROUP_MANAGER                    | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}             | another BUSINESS_MANAGER                 | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}             | another PUBLISHER                        | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}             | the user of main keys                    | 404      | 404       | 404         | 403           | 403              | 403       | 404      |
| POST /v2/user/{id}             | a user of another organisation           | 200      | 404       | 404         | 403           | 403              | 403       | 404      |
| POST /v2/user/{id}             | a user that does not exist               | 404      | 404       | 404         | 403           | 403              | 403       | 404      |

| POST /v2/user/{id}/invite      | who calls                                | 200      | 200       | 403         | 403           | 403              | 403       | 404      |
| POST /v2/user/{id}/invite      | another PROVIDER                         | 200      | 404       | 404         | 403           | 403              | 403       | 404      |
| POST /v2/user/{id}/invite      | another ORG_ADMIN                        | 200      | 200       | 403         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}/invite      | another ORG_MANAGER                      | 200      | 200       | 403         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}/invite      | another GROUP_MANAGER                    | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}/invite      | another BUSINESS_MANAGER                 | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}/invite      | another PUBLISHER                        | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}/invite      | the user of main keys                    | 404      | 404       | 404         | 403           | 403              | 403       | 404      |
| POST /v2/user/{id}/invite      | a user of another organisation           | 200      | 404       | 404         | 403           | 403              | 403       | 404      |
| POST /v2/user/{id}/invite      | a user that does not exist               | 404      | 404       | 404         | 403           | 403              | 403       | 404      |

| POST /v2/user/{id}/rehearse    | who calls                                | 400      | 400       | 400         | 403           | 403              | 403       | 404      |
| POST /v2/user/{id}/rehearse    | another PROVIDER                         | 200      | 404       | 404         | 403           | 403              | 403       | 404      |
| POST /v2/user/{id}/rehearse    | another ORG_ADMIN                        | 200      | 200       | 403         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}/rehearse    | another ORG_MANAGER                      | 200      | 200       | 403         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}/rehearse    | another GROUP_MANAGER                    | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}/rehearse    | another BUSINESS_MANAGER                 | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}/rehearse    | another PUBLISHER                        | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| POST /v2/user/{id}/rehearse    | the user of main keys                    | 404      | 404       | 404         | 403           | 403              | 403       | 404      |
| POST /v2/user/{id}/rehearse    | a user of another organisation           | 200      | 404       | 404         | 403           | 403              | 403       | 404      |
| POST /v2/user/{id}/rehearse    | a user that does not exist               | 404      | 404       | 404         | 403           | 403              | 403       | 404      |

| DELETE /v2/user/{id}           | who calls                                | 400      | 400       | 400         | 403           | 403              | 403       | 404      |
| DELETE /v2/user/{id}           | another PROVIDER                         | 200      | 404       | 404         | 403           | 403              | 403       | 404      |
| DELETE /v2/user/{id}           | another ORG_ADMIN                        | 200      | 200       | 403         | 403           | 403              | 403       | 200      |
| DELETE /v2/user/{id}           | another ORG_MANAGER                      | 200      | 200       | 403         | 403           | 403              | 403       | 200      |
| DELETE /v2/user/{id}           | another GROUP_MANAGER                    | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| DELETE /v2/user/{id}           | another BUSINESS_MANAGER                 | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| DELETE /v2/user/{id}           | another PUBLISHER                        | 200      | 200       | 200         | 403           | 403              | 403       | 200      |
| DELETE /v2/user/{id}           | the user of main keys                    | 404      | 404       | 404         | 403           | 403              | 403       | 404      |
| DELETE /v2/user/{id}           | a user of another organisation           | 200      | 404       | 404         | 403           | 403              | 403       | 404      |
| DELETE /v2/user/{id}           | a user that does not exist               | 404      | 404       | 404         | 403           | 403              | 403       | 404      |

| POST /v2/org                   |                                          | 200      | 403       | 403         | 403           | 403              | 403       | 403      |
| GET /v2/org/search             |                                          | 200      | 403       | 403         | 403           | 403              | 403       | 403      |
| GET /v2/org/{id}               | own organisation                         | 200      | 200       | 200         | 200           | 200              | 200       | 200      |
| GET /v2/org/{id}               | another organisation                     | 200      | 404       | 404         | 404           | 404              | 404       | 404      |
| GET /v2/org/{id}               | an organisation that does not exist      | 404      | 404       | 404         | 404           | 404              | 404       | 404      |
`;

/** A caller of the table, and the organisation that it is in. */
interface Caller {
  key: string;
  userId: string;
  orgId: number;
}

/** What a call is made on: what fills its path, its query, and what its body says. */
interface Subject {
  id?: number | string;
  query?: string;
  apiKey?: string;
  /** Another key of the caller to call with. */
  by?: string;
  fields?: Record<string, unknown>;
}

interface OwnedKey {
  id: number;
  apiKey: string;
}

let keys: RoleKeys;
let deploymentId: number;
let elsewhere: number;
const callers = new Map<string, Caller>();

beforeAll(async () => {
  keys = await deploy();
  const { org_id: orgId } = await readCurrent(keys.ORG_ADMIN);
  const mainKey = (await createKey(keys.ORG_ADMIN, { user_type: 'bot' })).api_key;
  for (const [name, key] of Object.entries({ ...keys, 'main key': mainKey })) {
    const { user_id, org_id } = await readCurrent(key);
    callers.set(name, { key, userId: user_id, orgId: org_id });
  }
  deploymentId = (await readCurrent(keys.PROVIDER)).org_id;
  elsewhere = await createOrganisation(keys.PROVIDER);
  // In each organisation an administrator who stays, so that others can go.
  for (const org of [deploymentId, orgId, elsewhere]) await personOf(org, 'ORG_ADMIN');
});

const SUBJECTS: Record<string, (caller: Caller) => Promise<Subject>> = {
  '': async () => ({}),
  'of another organisation': async () => ({ query: `?org_id=${elsewhere}` }),

  'for who calls': async () => ({}),
  'for another PROVIDER': async () => ({ fields: { user_id: await personOf(deploymentId, 'PROVIDER') } }),
  'for another ORG_ADMIN': async ({ orgId }) => ({ fields: { user_id: await personOf(orgId, 'ORG_ADMIN') } }),
  'for another PUBLISHER': async ({ orgId }) => ({ fields: { user_id: await personOf(orgId, 'PUBLISHER') } }),
  'for a user of another organisation': async () => ({ fields: { user_id: await personOf(elsewhere, 'PUBLISHER') } }),
  'as a main key': async () => ({ fields: { user_type: 'bot' } }),
  'as a main key of another organisation': async () => ({ fields: { user_type: 'bot', org_id: elsewhere } }),

  'own key': (caller) => ownKeyOf(caller),
  'with own key': async (caller) => {
    const own = await ownKeyOf(caller);
    return { ...own, by: own.apiKey };
  },
  "another's personal key": async ({ orgId }) => keyOf(await personOf(orgId, 'PUBLISHER')),
  'main key': ({ orgId }) => mainKeyOf(orgId),
  "another organisation's personal key": async () => keyOf(await personOf(elsewhere, 'PUBLISHER')),
  "another organisation's main key": () => mainKeyOf(elsewhere),
  'own key, paused': async (caller) => paused(await ownKeyOf(caller), caller),
  "another's personal key, paused": async ({ orgId }) => paused(await keyOf(await personOf(orgId, 'PUBLISHER'))),
  'main key, paused': async ({ orgId }) => paused(await mainKeyOf(orgId)),
  "another organisation's personal key, paused": async () =>
    paused(await keyOf(await personOf(elsewhere, 'PUBLISHER'))),
  "another organisation's main key, paused": async () => paused(await mainKeyOf(elsewhere)),
  ...subjectsOf('overlap made longer', { overlap_seconds: 7200 }),
  ...subjectsOf('overlap ended', { overlap_seconds: 0 }),
  'key that does not exist': async () => ({ id: 2 ** 40, apiKey: generateApiKey('lk') }),

  'a PROVIDER': async () => ({ fields: { role: 'PROVIDER' } }),
  'an ORG_ADMIN': async () => ({ fields: { role: 'ORG_ADMIN' } }),
  'an ORG_MANAGER': async () => ({ fields: { role: 'ORG_MANAGER' } }),
  'a GROUP_MANAGER': async () => ({ fields: { role: 'GROUP_MANAGER' } }),
  'a BUSINESS_MANAGER': async () => ({ fields: { role: 'BUSINESS_MANAGER' } }),
  'a PUBLISHER': async () => ({ fields: { role: 'PUBLISHER' } }),
  'a PUBLISHER of another organisation': async () => ({ fields: { role: 'PUBLISHER', org_id: elsewhere } }),

  'who calls': async ({ userId }) => ({ id: userId }),
  'another PROVIDER': async () => ({ id: await personOf(deploymentId, 'PROVIDER') }),
  'another ORG_ADMIN': async ({ orgId }) => ({ id: await personOf(orgId, 'ORG_ADMIN') }),
  'another ORG_MANAGER': async ({ orgId }) => ({ id: await personOf(orgId, 'ORG_MANAGER') }),
  'another GROUP_MANAGER': async ({ orgId }) => ({ id: await personOf(orgId, 'GROUP_MANAGER') }),
  'another BUSINESS_MANAGER': async ({ orgId }) => ({ id: await personOf(orgId, 'BUSINESS_MANAGER') }),
  'another PUBLISHER': async ({ orgId }) => ({ id: await personOf(orgId, 'PUBLISHER') }),
  'the user of main keys': async ({ orgId }) => ({ id: (await createMainKey(orgId)).user_id }),
  'a user of another organisation': async () => ({ id: await personOf(elsewhere, 'PUBLISHER') }),
  'a user that does not exist': async () => ({ id: '0123456789abcdef01234567' }),

  'own organisation': async ({ orgId }) => ({ id: orgId }),
  'another organisation': async () => ({ id: elsewhere }),
  'an organisation that does not exist': async () => ({ id: 2 ** 40 }),
};

const BODIES: Record<string, (subject: Subject) => Record<string, unknown>> = {
  'POST /v2/api_keys': ({ fields }) => ({ label: 'a key', ...fields }),
  'POST /v2/api_keys/find': ({ apiKey }) => ({ api_key: apiKey }),
  'PUT /v2/api_keys/{id}': () => ({ label: 'renamed' }),
  'POST /v2/api_keys/rotate/{id}': () => ({}),
  'POST /v2/api_keys/overlap/{id}': ({ fields }) => fields ?? { overlap_seconds: 7200 },
  'POST /v2/api_keys/explain/{id}': () => ({}),
  'POST /v2/api_keys/rehearse/{id}': () => ({ revoke: true }),
  'POST /v2/api_keys/verify': ({ apiKey }) => ({ api_key: apiKey }),
  'POST /v2/user': ({ fields }) => newUser(fields),
  'POST /v2/user/{id}': () => ({ first_name: 'Renamed' }),
  'POST /v2/user/{id}/rehearse': () => ({ delete: true }),
  'POST /v2/org': () => ({ name: 'An organisation' }),
};

const FORMS: Record<string, (subject: Subject) => ReturnType<typeof form>> = {
  'POST /v2/introspect': ({ apiKey = '' }) => form({ token: apiKey }),
};

const CODES: Record<number, string> = { 400: 'INVALID_REQUEST', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND' };

test.each(readRoleTable(TABLE))('$call $on: $caller gets $status', async ({ call: route, on, caller, status }) => {
  const by = callers.get(caller);
  const makeSubject = SUBJECTS[on];
  if (by === undefined || makeSubject === undefined) throw new Error(`The table speaks of no one: ${caller}, ${on}`);
  const subject = await makeSubject(by);
  const body = BODIES[route]?.(subject);
  const before = await countTraces();

  const path = route.replace('{id}', String(subject.id)) + (subject.query ?? '');
  const options = FORMS[route]?.(subject) ?? (body === undefined ? {} : { body });
  const answer = await call(subject.by ?? by.key, path, options);

  const { code } = status < 400 ? { code: undefined } : answer.body;
  expect({ status: answer.status, code }).toEqual({ status, code: CODES[status] });
  if (status >= 400) expect(await countTraces()).toEqual(before);
});

test('the table has every call that there is', () => {
  const calls = createApp(compose).routes.filter(({ method, path }) => method !== 'ALL' && path.startsWith('/v2'));
  const paths = calls.map(({ method, path }) => `${method} ${path.replace(/:[a-z]+(\{[^/]*\})?/g, '{id}')}`);
  expect(new Set(readRoleTable(TABLE).map((row) => row.call))).toEqual(new Set(paths));
});

/** What a call leaves behind: rows, and events in the audit log but for those that say that something was refused. */
async function countTraces(): Promise<Record<string, unknown>> {
  const [events] = await readRows("SELECT count(*) AS n FROM audit_events WHERE action NOT LIKE '%refused'");
  return { ...(await countRows()), audit_events: events?.n };
}

function personOf(orgId: number, role: Role): Promise<string> {
  return createUser(keys.PROVIDER, { role, org_id: orgId });
}

function ownKeyOf({ userId, orgId, key }: Caller): Promise<OwnedKey> {
  return key === callers.get('main key')?.key ? mainKeyOf(orgId) : keyOf(userId);
}

async function keyOf(userId: string): Promise<OwnedKey> {
  const { id, api_key } = await createKey(keys.PROVIDER, { user_id: userId });
  return { id, apiKey: api_key };
}

/** The key, paused by its user itself where one is given that may, else by PROVIDER. */
async function paused(key: OwnedKey, by?: Caller): Promise<OwnedKey> {
  await call(by?.key ?? keys.PROVIDER, `POST /v2/api_keys/pause/${key.id}`);
  return key;
}

/** Keys within the overlap of a rotation, with a body that changes it. */
function subjectsOf(change: string, fields: Record<string, unknown>): typeof SUBJECTS {
  const rotated = async (key: OwnedKey, by = keys.PROVIDER): Promise<Subject> => {
    // A personal key is rotated by its own user only.
    await call(by, `POST /v2/api_keys/rotate/${key.id}`, { body: { overlap_seconds: 3600 } });
    return { id: key.id, fields };
  };
  const personalOf = async (userId: string) => {
    const key = await keyOf(userId);
    return rotated(key, key.apiKey);
  };
  return {
    [`own key, ${change}`]: async (caller) => rotated(await ownKeyOf(caller), caller.key),
    [`another's personal key, ${change}`]: async ({ orgId }) => personalOf(await personOf(orgId, 'BUSINESS_MANAGER')),
    [`main key, ${change}`]: async ({ orgId }) => rotated(await mainKeyOf(orgId)),
    [`another organisation's personal key, ${change}`]: async () =>
      personalOf(await personOf(elsewhere, 'BUSINESS_MANAGER')),
    [`another organisation's main key, ${change}`]: async () => rotated(await mainKeyOf(elsewhere)),
  };
}

function createMainKey(orgId: number) {
  return createKey(keys.PROVIDER, { user_type: 'bot', org_id: orgId });
}

async function mainKeyOf(orgId: number): Promise<OwnedKey> {
  const { id, api_key } = await createMainKey(orgId);
  return { id, apiKey: api_key };
}
