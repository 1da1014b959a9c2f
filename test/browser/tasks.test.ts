import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyCheckout, freePort, npmStart, type Running } from '../support/checkout.ts';
import { findAxeViolations, hasBrowser, launchBrowser, NO_BROWSER } from '../support/chromium.ts';

/*
 * The tasks of the help article on keys, done by a real browser in the console that `npm start` serves: with the script,
 * without JavaScript, and with the keyboard alone.
 */

const WHOLE_KEY = /lk_[0-9A-Za-z]{49}/;

describe.skipIf(!hasBrowser)(hasBrowser ? 'in Chromium' : NO_BROWSER, () => {
  let browser: Browser;
  let service: Running;
  let site: string;
  let keys: Record<string, string>;
  const checkout = copyCheckout();
  const state = mkdtempSync(join(tmpdir(), 'latchkey-console-'));

  beforeAll(async () => {
    const port = await freePort();
    service = await npmStart(checkout.folder, port, ['--persist-to', state]);
    site = `http://localhost:${port}`;
    keys = JSON.parse(readFileSync(join(state, 'dev-keys.json'), 'utf8'));
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await service.stop('SIGKILL');
    checkout.remove();
    rmSync(state, { recursive: true, force: true });
  });

  interface Opened {
    page: Page;
    context: BrowserContext;
    /** What the browser complained about, and what it asked of other sites. */
    faults: string[];
  }

  async function open(javaScriptEnabled = true): Promise<Opened> {
    const context = await browser.newContext({ javaScriptEnabled, reducedMotion: 'reduce' });
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('console', (message) => {
      // A refused form answers 400 or 403, and the browser says so.
      if (message.type() === 'error' && !message.text().includes('the server responded with'))
        faults.push(message.text());
    });
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== site) faults.push(`a request to ${request.url()}`);
    });
    page.on('response', (response) => {
      // A page may be a refusal; what it loads must be there.
      const isMissing = response.status() >= 400 && response.request().resourceType() !== 'document';
      if (response.status() >= 500 || isMissing) faults.push(`${response.status()} ${response.url()}`);
      if (WHOLE_KEY.test(response.url())) faults.push('a key in an address');
    });
    return { page, context, faults };
  }

  async function signIn({ page }: Opened, role: string): Promise<void> {
    await page.goto(`${site}/console`);
    await page.getByLabel('API key').fill(keys[role] ?? '');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.waitForURL('**/console/keys**');
  }

  /** Creates a key by its form, and gives the address of its page. */
  async function createKey({ page }: Opened, label: string): Promise<string> {
    await page.goto(`${site}/console/keys?type=user`);
    await page.getByRole('link', { name: 'Create a new key' }).first().click();
    await page.getByLabel('Label').fill(label);
    await page.getByRole('button', { name: 'Create API key' }).click();
    await page.getByRole('heading', { level: 1, name: /is ready/ }).waitFor();
    expect(await page.content()).toMatch(WHOLE_KEY);
    const [path = ''] = /\/console\/keys\/\d+/.exec(await page.content()) ?? [];
    return `${site}${path}`;
  }

  describe.each([
    ['an administrator', 'ORG_ADMIN', true],
    ['an administrator without JavaScript', 'ORG_ADMIN', false],
    ['a business manager', 'BUSINESS_MANAGER', true],
    ['a business manager without JavaScript', 'BUSINESS_MANAGER', false],
  ] as const)('%s', (_, role, script) => {
    test('finds the keys, creates one, sees it, changes it and revokes it', async () => {
      const opened = await open(script);
      const { page } = opened;
      await signIn(opened, role);
      const address = await createKey(opened, `Task of ${role} ${script}`);

      await page.goto(`${site}/console/keys?type=user`);
      for (const column of ['Label', 'Creator', 'Creation date', 'Last used', 'Expiry date']) {
        expect(await page.getByRole('columnheader', { name: column }).count(), column).toBe(1);
      }
      await page
        .getByRole('row', { name: `Task of ${role} ${script}` })
        .getByRole('link', { name: 'See key' })
        .click();
      await page.getByRole('button', { name: /show the key/ }).click();
      // A page that is still arriving has no content yet.
      await page.getByRole('textbox', { name: 'The secret' }).waitFor();
      expect(await page.content()).toMatch(WHOLE_KEY);

      await page.goto(`${address}/change`);
      await page.getByLabel('Addresses that may use it').fill('198.51.100.0/24');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('The new list is in force everywhere').waitFor();

      await page.goto(`${address}/revoke`);
      await page.getByRole('button', { name: 'Revoke this key' }).click();
      await page.getByText('In force everywhere').waitFor();
      await page.goto(address);
      expect(await page.content()).toContain('Revoked');
      expect(await page.content()).not.toMatch(WHOLE_KEY);
      expect(opened.faults).toEqual([]);
      await opened.context.close();
    });
  });

  test('the keyboard alone signs in, creates a key, opens and closes a menu, and revokes', async () => {
    const opened = await open();
    const { page } = opened;
    const focus = async (name: RegExp) => {
      for (let steps = 0; steps < 60; steps++) {
        await page.keyboard.press('Tab');
        const said = await page.evaluate<string>(
          "((e) => (e.getAttribute('aria-label') ?? (e.labels?.[0]?.textContent || e.textContent || e.value || '')).trim())(document.activeElement)",
        );
        if (name.test(said)) return;
      }
      throw new Error(`Nothing called ${name} takes the focus`);
    };
    await page.goto(`${site}/console/sign-in`);
    await focus(/API key/);
    await page.keyboard.type(keys.ORG_ADMIN ?? '');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/console/keys**');
    await focus(/Create a new key/);
    await page.keyboard.press('Enter');
    await page.waitForURL('**/create**');
    await focus(/^Label/);
    await page.keyboard.type('By keyboard');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: /is ready/ }).waitFor();
    const focused = await page.evaluate<string>('document.activeElement.value ?? document.activeElement.textContent');
    expect(focused).toMatch(WHOLE_KEY);

    await page.goto(`${site}/console/keys?type=user`);
    await focus(/Actions for By keyboard/);
    await page.keyboard.press('Enter');
    expect(await page.locator('details.menu[open]').count()).toBe(1);
    await page.keyboard.press('Escape');
    expect(await page.locator('details.menu[open]').count()).toBe(0);
    await page.keyboard.press('Enter');
    await focus(/^Revoke/);
    await page.keyboard.press('Enter');
    await page.waitForURL('**/revoke');
    await focus(/Revoke this key/);
    await page.keyboard.press('Enter');
    await page.getByText('In force everywhere').waitFor();
    expect(opened.faults).toEqual([]);
    await opened.context.close();
  });

  test('every real page is accessible as far as axe-core can tell', async () => {
    const opened = await open();
    const { page } = opened;
    await signIn(opened, 'ORG_ADMIN');
    const address = await createKey(opened, 'Looked at by axe');
    expect(await findAxeViolations(page), 'created').toEqual([]);
    await page.goto(`${site}/console/users`);
    const user = await page.locator('tbody th a').first().getAttribute('href');
    for (const path of [
      '/console/keys?type=bot',
      '/console/keys?type=user',
      '/console/keys?type=user&status=paused',
      '/console/keys/create',
      ...['', '/change', '/rotate', '/see', '/pause', '/revoke'].map((act) => address.slice(site.length) + act),
      '/console/users',
      '/console/users/create',
      `${user}`,
      `${user}/delete`,
      '/console/audit',
      '/console/nowhere',
    ]) {
      await page.goto(`${site}${path}`);
      expect(await findAxeViolations(page), path).toEqual([]);
    }
    expect(opened.faults).toEqual([]);
    await opened.context.close();
  });

  test('the link that `npm start` printed signs in once', async () => {
    const [link = ''] = /http:\/\/\S+\/console\/sign-in\/link\?token=\S+/.exec(service.printed()) ?? [];
    const opened = await open();
    await opened.page.goto(link);
    // Opening it signs nobody in: a mail scanner opens links too.
    expect(await opened.context.cookies()).toEqual([]);
    await opened.page.getByRole('button', { name: /Sign in/ }).click();
    await opened.page.waitForURL('**/console/keys**');
    const again = await open();
    await again.page.goto(link);
    expect(await again.page.content()).toMatch(/no longer|used/);
    expect([...opened.faults, ...again.faults]).toEqual([]);
    await Promise.all([opened.context.close(), again.context.close()]);
  });

  test('a secret is gone once its page is left, with the Back button too', async () => {
    const opened = await open();
    const { page } = opened;
    await signIn(opened, 'ORG_ADMIN');
    await createKey(opened, 'Gone');
    await page.goto(`${site}/console/keys`);
    await page.goBack().catch(() => null);
    // Chromium asks for a form to be sent again, or shows what it has: either way a page is there.
    await page.waitForLoadState();
    expect((await page.content()).length).toBeGreaterThan(100);
    expect(await page.content()).not.toMatch(WHOLE_KEY);
    await opened.context.close();
  });
});
