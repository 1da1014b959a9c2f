import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Hono } from 'hono';
import type { Browser, Page } from 'playwright-core';
import { answerPage } from '../../src/console/answer-page.ts';
import { pageHeaders } from '../../src/console/middleware/page-headers.ts';
import type { HttpEnv } from '../../src/http/context.ts';
import { EXAMPLES } from '../console/examples.tsx';

/*
 * Every page of the console with example values, under the policy that it is served with. The requests of the browser are
 * answered here: nothing listens on a port, and what leaves the site is seen.
 */

export const PAGES = Object.keys(EXAMPLES);

const SITE = 'http://console.test';
const TYPES: Record<string, string> = { css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' };

const site = new Hono<HttpEnv>();
site.get('/console/:file{.+\\.(css|js|svg)}', (c) => {
  const file = c.req.param('file');
  c.header('Content-Type', TYPES[file.slice(file.lastIndexOf('.') + 1)] ?? 'text/plain');
  return c.body(readFileSync(join('.assets/console', file), 'utf8'));
});
site.use('/pages/*', pageHeaders);
for (const [name, example] of Object.entries(EXAMPLES)) site.get(`/pages/${name}`, (c) => answerPage(c, example()));

export interface View {
  width: number;
  colorScheme: 'light' | 'dark';
  script: boolean;
}

export const DESK: View = { width: 1280, colorScheme: 'light', script: true };

/** A page in a window, and what the browser complained about. */
export async function openExample(
  browser: Browser,
  name: string,
  view: View,
): Promise<{ page: Page; faults: string[] }> {
  const context = await browser.newContext({
    viewport: { width: view.width, height: 900 },
    colorScheme: view.colorScheme,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  await page.route('**/*', async (route) => {
    const url = new URL(route.request().url());
    if (url.origin !== SITE) {
      faults.push(`a request to ${url.origin}`);
      return route.abort();
    }
    // axe-core cannot run in a browser without JavaScript, so only the page goes without its own.
    if (!view.script && url.pathname.endsWith('.js'))
      return route.fulfill({ contentType: 'text/javascript', body: '' });
    const answer = await site.request(url.pathname);
    await route.fulfill({
      status: answer.status,
      headers: Object.fromEntries(answer.headers),
      body: Buffer.from(await answer.arrayBuffer()),
    });
  });
  await page.goto(`${SITE}/pages/${name}`);
  return { page, faults };
}
