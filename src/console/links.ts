/*
 * The addresses of the console's pages and acts. Routes mount what pages link to, so both take them from here. No
 * address ever holds a key.
 */

const CONSOLE = '/console';

/** What a list of keys can be narrowed to. */
export interface KeysQuery {
  type?: 'bot' | 'user' | undefined;
  status?: string | undefined;
  search_text?: string | undefined;
  user_id?: string | undefined;
  page?: number | undefined;
}

export const links = {
  keys: (query: KeysQuery = {}) => withQuery(`${CONSOLE}/keys`, query),
  findKeys: `${CONSOLE}/keys/search`,
  createKey: (query: { like?: number | undefined; user_id?: string | undefined } = {}) =>
    withQuery(`${CONSOLE}/keys/create`, query),
  key: (id: number) => `${CONSOLE}/keys/${id}`,
  changeKey: (id: number) => `${CONSOLE}/keys/${id}/change`,
  setAllowlist: (id: number) => `${CONSOLE}/keys/${id}/allowlist`,
  rotateKey: (id: number) => `${CONSOLE}/keys/${id}/rotate`,
  overlap: (id: number) => `${CONSOLE}/keys/${id}/overlap`,
  seeKey: (id: number) => `${CONSOLE}/keys/${id}/see`,
  pauseKey: (id: number) => `${CONSOLE}/keys/${id}/pause`,
  resumeKey: (id: number) => `${CONSOLE}/keys/${id}/resume`,
  revokeKey: (id: number) => `${CONSOLE}/keys/${id}/revoke`,

  users: (query: { query?: string | undefined; status?: string | undefined; page?: number | undefined } = {}) =>
    withQuery(`${CONSOLE}/users`, query),
  createUser: `${CONSOLE}/users/create`,
  user: (id: string) => `${CONSOLE}/users/${id}`,
  inviteUser: (id: string) => `${CONSOLE}/users/${id}/invite`,
  deleteUser: (id: string) => `${CONSOLE}/users/${id}/delete`,

  audit: (query: Record<string, string | number | undefined> = {}) => withQuery(`${CONSOLE}/audit`, query),
  organisations: (query: { query?: string | undefined; page?: number | undefined } = {}) =>
    withQuery(`${CONSOLE}/organisations`, query),

  signIn: `${CONSOLE}/sign-in`,
  signInByAccess: `${CONSOLE}/sign-in/access`,
  signOut: `${CONSOLE}/sign-out`,
  signOutEverywhere: `${CONSOLE}/sign-out/everywhere`,
} as const;

function withQuery(path: string, query: object): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given.map(([name, value]) => [name, `${value}`]))}`;
}
