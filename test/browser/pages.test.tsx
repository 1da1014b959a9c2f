import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findAxeViolations, hasBrowser, launchBrowser, NO_BROWSER } from '../support/chromium.ts';
import { DESK, openExample, PAGES, type View } from './example-pages.tsx';

/** Each page once; by `npm run test:pages` in light and dark, on a desk and on a phone, with and without its script. */
const VIEWS: View[] =
  process.env.EACH_VIEW === undefined
    ? [DESK]
    : [1280, 390].flatMap((width) =>
        (['light', 'dark'] as const).flatMap((colorScheme) =>
          [true, false].map((script) => ({ width, colorScheme, script })),
        ),
      );

describe.skipIf(!hasBrowser)(hasBrowser ? 'in Chromium' : NO_BROWSER, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  describe.each(PAGES)('the page %s', (name) => {
    test.each(VIEWS)(
      'is accessible as far as axe-core can tell, keeps to its policy and its site, and never scrolls sideways: $width px, $colorScheme, script: $script',
      async (view) => {
        const { page, faults } = await openExample(browser, name, view);
        expect(await findAxeViolations(page)).toEqual([]);
        expect(faults).toEqual([]);
        // 320 pixels are also 1280 at a zoom of 400 %.
        for (const width of [view.width, 320]) {
          await page.setViewportSize({ width, height: 900 });
          // In quotes, because it runs in the page, and these tests are compiled without a browser's types.
          const over = await page.evaluate<number>(
            'document.documentElement.scrollWidth - document.documentElement.clientWidth',
          );
          expect(over, `${width} px`).toBeLessThanOrEqual(0);
        }
        await page.context().close();
      },
    );
  });
});
