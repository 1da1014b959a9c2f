import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findAxeViolations, hasBrowser, launchBrowser, NO_BROWSER } from '../support/chromium.ts';

/*
 * The reference of the API in a browser, under the headers that it is served with. The requests of the browser are
 * answered here, as Cloudflare answers them from `.assets`, so what leaves the site is seen.
 */

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css',
  js: 'text/javascript',
  svg: 'image/svg+xml',
  json: 'application/json',
};

/** A service elsewhere, and one on this machine. */
const SITE = 'https://keys.example.com';
const LOCAL = 'http://localhost:8787';

/** The headers that `.assets/_headers` has for a path. */
function headersOf(path: string): Record<string, string> {
  const blocks = readFileSync('.assets/_headers', 'utf8').trim().split('\n\n');
  const matching = blocks.filter((block) => {
    const [pattern = ''] = block.split('\n', 1);
    return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
  });
  expect(matching.length, `rules for ${path}`).toBe(1);
  const [, ...lines] = (matching[0] ?? '').split('\n');
  return Object.fromEntries(
    lines.map((line) => line.trim().split(/: (.*)/, 2)).map(([name = '', value = '']) => [name, value]),
  );
}

interface Visit {
  page: Page;
  /** What the browser complained about, and what left the site. */
  faults: string[];
  /** The calls to the API. */
  calls: { route: string; headers: Record<string, string>; body: string | null }[];
}

interface View {
  width: number;
  colorScheme: 'light' | 'dark';
}

const DESK: View = { width: 1280, colorScheme: 'light' };

async function visit(browser: Browser, address: string, view = DESK, hasScript = true): Promise<Visit> {
  const site = new URL(address).origin;
  const context = await browser.newContext({
    viewport: { width: view.width, height: 900 },
    colorScheme: view.colorScheme,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const faults: string[] = [];
  const calls: Visit['calls'] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  await page.route('**/*', async (route) => {
    const request = route.request();
    const url = new URL(request.url());
    if (url.origin !== site) {
      faults.push(`a request to ${url.origin}`);
      return route.abort();
    }
    if (url.pathname.startsWith('/v2/')) {
      const named = `${request.method()} ${url.pathname}${url.search}`;
      calls.push({ route: named, headers: await request.allHeaders(), body: request.postData() });
      return route.fulfill({ status: 200, contentType: 'application/json', body: '{"answer":"<b>as text</b>"}' });
    }
    if (!hasScript && url.pathname.endsWith('.js')) return route.fulfill({ contentType: TYPES.js ?? '', body: '' });
    const file = join(
      '.assets',
      existsSync(join('.assets', `${url.pathname}.html`)) ? `${url.pathname}.html` : url.pathname,
    );
    await route.fulfill({
      headers: { ...headersOf(url.pathname), 'Content-Type': TYPES[file.slice(file.lastIndexOf('.') + 1)] ?? '' },
      body: readFileSync(file),
    });
  });
  await page.goto(address);
  return { page, faults, calls };
}

describe.skipIf(!hasBrowser)(hasBrowser ? 'in Chromium' : NO_BROWSER, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  /** Each page once; by `npm run test:pages` in light and dark, on a desk and on a phone, with and without its script. */
  const views =
    process.env.EACH_VIEW === undefined
      ? [{ ...DESK, script: true }]
      : [1280, 390].flatMap((width) =>
          (['light', 'dark'] as const).flatMap((colorScheme) =>
            [true, false].map((script) => ({ width, colorScheme, script })),
          ),
        );
  const cases = ['/docs', '/docs/errors'].flatMap((path) => views.map((view) => ({ path, ...view })));

  test.each(cases)(
    '$path is accessible as far as axe-core can tell, keeps to its policy and its site, and never scrolls sideways: $width px, $colorScheme, script: $script',
    async ({ path, script, ...view }) => {
      const { page, faults } = await visit(browser, `${SITE}${path}`, view, script);
      expect(await findAxeViolations(page)).toEqual([]);
      expect(faults).toEqual([]);
      for (const width of [view.width, 320]) {
        await page.setViewportSize({ width, height: 900 });
        const over = await page.evaluate<number>(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        );
        expect(over, `${width} px`).toBeLessThanOrEqual(0);
      }
      await page.context().close();
    },
  );

  test('every link to a place on the two pages leads to one', async () => {
    for (const path of ['/docs', '/docs/errors']) {
      const { page } = await visit(browser, `${SITE}${path}`);
      const links = await page.evaluate<string[]>('[...document.links].map(({ href }) => href)');
      for (const target of new Set(links.filter((link) => link.includes('#')))) {
        const { pathname, hash } = new URL(target);
        const file = readFileSync(`.assets${pathname}.html`, 'utf8');
        expect(file, target).toContain(`id="${hash.slice(1)}"`);
      }
      await page.context().close();
    }
  });

  test('the search shows what has all the words, and a link to what it hid brings that back', async () => {
    const { page } = await visit(browser, `${SITE}/docs`);
    await page.keyboard.press('/');
    await page.keyboard.type('overlap_seconds rotate');
    await expect.poll(() => page.locator('#rotateApiKey').isVisible()).toBe(true);
    expect(await page.locator('#listPermissions').isVisible()).toBe(false);
    expect(await page.locator('#found').textContent()).toMatch(/entr(y|ies)/);
    await page.evaluate('location.hash = "listPermissions"');
    await expect.poll(() => page.locator('#listPermissions').isVisible()).toBe(true);
    await page.context().close();
  });

  test('elsewhere than on this machine there is nothing to type a key into', async () => {
    const { page } = await visit(browser, `${SITE}/docs#createApiKey`);
    expect(await page.locator('#key').count()).toBe(0);
    expect(await page.locator('[data-try]:visible').count()).toBe(0);
    await page.context().close();
  });

  test('on this machine a call can be tried, and its answer is shown as text', async () => {
    const { page, faults, calls } = await visit(browser, `${LOCAL}/docs#rotateApiKey`);
    await page.locator('#key').fill('lk_key');
    const tried = page.locator('#rotateApiKey [data-try]');
    await tried.locator('summary').click();
    expect(await findAxeViolations(page)).toEqual([]);
    await tried.locator('[name=id]').fill('7');
    await tried.locator('[data-body]').fill('{"overlap_seconds":60}');
    await tried.locator('button').click();
    await expect.poll(() => tried.locator('output').textContent()).toContain('<b>as text</b>');
    expect(calls).toMatchObject([
      {
        route: 'POST /v2/api_keys/rotate/7',
        headers: { 'x-apikey': 'lk_key', 'content-type': 'application/json' },
        body: '{"overlap_seconds":60}',
      },
    ]);
    expect(faults).toEqual([]);
    await page.context().close();
  });
});
