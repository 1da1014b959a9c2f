import { existsSync } from 'node:fs';
import axe, { type AxeResults } from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Where Debian's package puts Chromium. `CHROMIUM` names another one. */
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Whether there is a browser to drive. A test file without one says so in the name of its skipped tests. */
export const hasBrowser = existsSync(CHROMIUM);

export const NO_BROWSER = `no browser at ${CHROMIUM}: install the package chromium, or set CHROMIUM`;

/** Starts Chromium. It opens no connection of its own. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-background-networking'] });
}

/**
 * What axe-core finds wrong with a page: for each rule its id, and the elements that break it. Its script is put in through the
 * debugger, so that the page's CSP stands as it is.
 */
export async function findAxeViolations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResults>('axe.run()');
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}
