import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { hasBrowser, launchBrowser, NO_BROWSER } from '../support/chromium.ts';
import { DESK, openExample, PAGES, type View } from './example-pages.tsx';

/*
 * Pictures of every page, to look at: `npm run screenshots` writes them to `.wrangler/screenshots`, with an index. With
 * `PROTOTYPE` set to the folder of the design's pages, each is pictured beside its page. `npm run screenshots:readme` writes
 * the one picture that the README shows, and no other.
 */

const FOLDER = '.wrangler/screenshots';
const README_PICTURE = 'src/console/screenshot.jpg';
/** The keys whose labels try the limits of a page. */
const HARD_LABELS = /lk_…(a11y|k3Wd|Zz08)/;
const PROTOTYPE = process.env.PROTOTYPE;
const VIEWS: [string, View][] = [
  ['light', DESK],
  ['dark', { ...DESK, colorScheme: 'dark' }],
  ['phone', { ...DESK, width: 390 }],
];

describe.skipIf(process.env.SCREENSHOTS !== 'all' || !hasBrowser)(hasBrowser ? 'pictures' : NO_BROWSER, () => {
  let browser: Browser;
  const pictured: string[] = [];
  beforeAll(async () => {
    mkdirSync(FOLDER, { recursive: true });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    const rows = pictured.map(
      (file) => `<h2>${file}</h2><img src="${file}" width="640"> <img src="design-${file}" width="640" alt="">`,
    );
    writeFileSync(join(FOLDER, 'index.html'), `<!doctype html><title>Pages</title>${rows.join('\n')}`);
  });

  test.each(PAGES.flatMap((name) => VIEWS.map(([kind, view]) => ({ name, kind, view }))))(
    '$name, $kind',
    async ({ name, kind, view }) => {
      const file = `${name}-${kind}.png`;
      const { page } = await openExample(browser, name, view);
      await page.screenshot({ path: join(FOLDER, file), fullPage: true });
      pictured.push(file);
      const design = PROTOTYPE === undefined ? null : resolve(PROTOTYPE, `${name}.html`);
      if (design !== null && existsSync(design)) {
        await page.unroute('**/*');
        await page.goto(pathToFileURL(design).href);
        await page.screenshot({ path: join(FOLDER, `design-${file}`), fullPage: true });
      }
      await page.context().close();
    },
  );
});

test.skipIf(process.env.SCREENSHOTS !== 'readme' || !hasBrowser)(
  hasBrowser ? "the README's picture" : NO_BROWSER,
  async () => {
    const browser = await launchBrowser();
    const { page } = await openExample(browser, 'keys-main', DESK);
    await page.setViewportSize({ width: DESK.width, height: 800 });
    await page
      .getByRole('row')
      .filter({ hasText: HARD_LABELS })
      .evaluateAll((rows) => {
        for (const row of rows) row.remove();
      });
    await page.screenshot({ path: README_PICTURE, quality: 74 });
    await browser.close();
  },
);
