import { createApp } from '../../src/app.ts';
import { compose } from '../../src/compose.ts';
import { newIsolate } from '../../src/domain/isolate.ts';
import type { Services } from '../../src/domain/services.ts';
import { type Answer, type CallOptions, call } from './client.ts';

/*
 * A browser at the console: it keeps the cookie of its session, and sends forms as a page of the console would.
 */

const ORIGIN = 'https://latchkey.example';

export interface Browser {
  /** The cookie that it keeps, as `name=value`; null: none. */
  cookie: string | null;
  /** Its address. */
  ip: string;
  open: (path: string, options?: CallOptions) => Promise<Answer>;
  /** Posts a form, with the token of the session if there is one. */
  post: (path: string, fields?: Record<string, string>, options?: CallOptions) => Promise<Answer>;
  /** Posts a form exactly as given. */
  postRaw: (
    path: string,
    fields: Record<string, string> | [string, string][],
    options?: CallOptions,
  ) => Promise<Answer>;
  /** The token that the forms of its session carry. */
  csrfToken: () => Promise<string>;
}

/** Opens a browser. `defaults` go with each of its requests. */
export function openBrowser(defaults: CallOptions = {}): Browser {
  async function send(route: string, options: CallOptions): Promise<Answer> {
    const answer = await call(null, route, {
      ip: browser.ip,
      ...defaults,
      ...options,
      headers: { Cookie: browser.cookie, ...defaults.headers, ...options.headers },
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';');
      browser.cookie = pair.endsWith('=') ? null : pair;
    }
    return answer;
  }

  const browser: Browser = {
    cookie: null,
    ip: '203.0.113.7',
    open: (path, options = {}) => send(`GET ${path}`, options),
    postRaw: (path, fields, options = {}) =>
      send(`POST ${path}`, {
        body: new URLSearchParams(fields).toString(),
        ...options,
        headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: ORIGIN, ...options.headers },
      }),
    async post(path, fields = {}, options = {}) {
      const csrf = browser.cookie === null ? {} : { csrf: await browser.csrfToken() };
      return browser.postRaw(path, { ...csrf, ...fields }, options);
    },
    async csrfToken() {
      const { body } = await browser.open('/console/nowhere');
      const [, token] = /name="csrf" value="([0-9a-f]{64})"/.exec(String(body)) ?? [];
      if (token === undefined) throw new Error('The page has no form with a token');
      return token;
    },
  };
  return browser;
}

/** Signs in by key, and gives the browser that has the session. */
export async function signIn(apiKey: string, defaults: CallOptions = {}): Promise<Browser> {
  const browser = openBrowser(defaults);
  const answer = await browser.post('/console/sign-in', { api_key: apiKey });
  if (answer.status !== 303) throw new Error(`Nobody was signed in: ${answer.status}`);
  return browser;
}

/** Makes a sign-in link for a user through the API. @returns its path and query */
export async function invite(by: string, userId: string): Promise<string> {
  const { status, body } = await call(by, `POST /v2/user/${userId}/invite`);
  if (status !== 200) throw new Error(`Nobody was invited: ${status} ${JSON.stringify(body)}`);
  return String(body.sign_in_url).replace(ORIGIN, '');
}

/** Signs in by a sign-in link, and gives the browser that has the session. */
export async function signInByLink(by: string, userId: string, defaults: CallOptions = {}): Promise<Browser> {
  const browser = openBrowser(defaults);
  const answer = await browser.post(await invite(by, userId));
  if (answer.status !== 303) throw new Error(`Nobody was signed in: ${answer.status}`);
  return browser;
}

/** Whether the browser is in a session: a page that there is not says so to whoever is signed in. */
export async function isSignedIn(browser: Browser): Promise<boolean> {
  const { status } = await browser.open('/console/nowhere');
  if (status !== 404 && status !== 401 && status !== 303) throw new Error(`Cannot tell: ${status}`);
  return status === 404;
}

/** An app whose clock the test moves, with other services in place of some. */
export function openClock(replaced: Partial<Services> = {}) {
  const isolate = newIsolate();
  const clock = { now: Date.now() };
  const app = createApp((bound, context) => ({
    ...compose(bound, context, isolate),
    now: () => clock.now,
    ...replaced,
  }));
  return { clock, app };
}
