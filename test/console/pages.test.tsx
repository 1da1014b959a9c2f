import { html } from 'hono/html';
import { describe, expect, test } from 'vitest';
import { EXAMPLES } from './examples.tsx';

/*
 * What holds on every page, whatever it shows.
 */

const PAGES = Object.entries(EXAMPLES).map(([name, page]): [string, string] => [name, String(html`${page()}`)]);

function all(page: string, pattern: RegExp): string[] {
  return [...page.matchAll(pattern)].map((match) => match[1] ?? '');
}

describe.each(PAGES)('the page %s', (_name, page) => {
  test('has one heading of the first order, a title, and a place to skip to', () => {
    expect(all(page, /<(h1)[ >]/g)).toHaveLength(1);
    expect(all(page, /<title>([^<]+ · Latchkey)<\/title>/g)).toHaveLength(1);
    expect(page).toContain('<main id="main"');
  });

  test('holds nothing that its policy would forbid: no script or style in it, nothing from elsewhere', () => {
    expect(all(page, /<(script)(?![^>]* src="\/console\/)/g)).toEqual([]);
    expect(page).not.toMatch(/ style="| on[a-z]+="|<style|javascript:/);
    expect(all(page, / (?:src|action|href)="((?!\/console|#|mailto:)[^"]*)"/g)).toEqual([]);
  });

  test('names each element once, and points at elements that there are', () => {
    const ids = all(page, / id="([^"]+)"/g);
    expect(ids).toEqual([...new Set(ids)]);
    const named = all(page, / (?:for|aria-labelledby|aria-describedby)="([^"]+)"/g).flatMap((names) =>
      names.split(' '),
    );
    const linked = all(page, / href="#([^"]+)"/g);
    expect([...named, ...linked].filter((id) => !ids.includes(id))).toEqual([]);
  });

  test('posts with the token of the session, if there is one', () => {
    if (!page.includes('Signed in as')) return;
    for (const form of all(page, /<form method="post"[^>]*>(.{0,80})/g)) {
      expect(form).toMatch(/^<input type="hidden" name="csrf" value="f0e1d2c3"/);
    }
  });

  test('shows no value that is missing', () => {
    expect(page).not.toMatch(/undefined|\[object|NaN|>null</);
  });
});

test('what users write is text, and may run in its own direction', () => {
  const page = String(html`${EXAMPLES['keys-main']()}`);
  expect(page).not.toContain('<script>alert');
  expect(page).toContain('<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>');
});
