import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Hono } from 'hono';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerPage } from '../../src/console/answer-page.ts';
import { pageHeaders } from '../../src/console/middleware/page-headers.ts';
import type { HttpEnv } from '../../src/http/context.ts';
import { EXAMPLES } from '../console/examples.tsx';
import { findAxeViolations, hasBrowser, launchBrowser, NO_BROWSER } from '../support/chromium.ts';

/*
 * Every page as a browser shows it, with example values and under the policy that it is served with. The requests of the
 * browser are answered here: nothing listens on a port, and what leaves the site is seen.
 */

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

interface View {
  width: number;
  colorScheme: 'light' | 'dark';
  script: boolean;
}

const DESK: View = { width: 1280, colorScheme: 'light', script: true };

/** Each page once; by `npm run test:pages` in light and dark, on a desk and on a phone, with and without its script. */
const VIEWS: View[] =
  process.env['EACH_VIEW'] === undefined
    ? [DESK]
    : [1280, 390].flatMap((width) =>
        (['light', 'dark'] as const).flatMap((colorScheme) =>
          [true, false].map((script) => ({ width, colorScheme, script })),
        ),
      );

/** A page in a window, and what the browser complained about. */
async function open(browser: Browser, name: string, view: View): Promise<{ page: Page; faults: string[] }> {
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

describe.skipIf(!hasBrowser)(hasBrowser ? 'in Chromium' : NO_BROWSER, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  describe.each(Object.keys(EXAMPLES))('the page %s', (name) => {
    test.each(VIEWS)(
      'is accessible as far as axe-core can tell, and keeps to its policy and its site: $width px, $colorScheme, script: $script',
      async (view) => {
        const { page, faults } = await open(browser, name, view);
        expect(await findAxeViolations(page)).toEqual([]);
        expect(faults).toEqual([]);
        await page.context().close();
      },
    );

    test('never scrolls sideways in a window of 320 pixels', async () => {
      const { page } = await open(browser, name, { ...DESK, width: 320 });
      // In quotes, because it runs in the page, and these tests are compiled without a browser's types.
      const over = await page.evaluate<number>(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      );
      expect(over).toBeLessThanOrEqual(0);
      await page.context().close();
    });
  });
});
