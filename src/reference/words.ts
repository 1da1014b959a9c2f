import { html, raw } from 'hono/html';

/*
 * Parts of pages that are text: what html`…` returns is escaped already.
 */

export type Part = ReturnType<typeof html>;

/** Puts parts one after the other. */
export function each<Item>(items: readonly Item[], render: (item: Item, index: number) => Part): Part {
  return html`${items.map(render)}`;
}

/** A description of the document: paragraphs, in which backticks are around code. */
export function prose(text: string): Part {
  return each(text.split('\n\n'), (paragraph) => html`<p>${inline(paragraph)}</p>`);
}

/** A text in which backticks are around code. */
export function inline(text: string): Part {
  return each(text.split('`'), (piece, index) => (index % 2 === 0 ? html`${piece}` : html`<code>${piece}</code>`));
}

/** Whatever JSON is, as one would write it. */
export function json(value: unknown): Part {
  return html`<pre tabindex="0"><code>${JSON.stringify(value, null, 2)}</code></pre>`;
}

/** Nothing. */
export const NOTHING: Part = raw('');
