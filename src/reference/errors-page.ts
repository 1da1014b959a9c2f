import { html } from 'hono/html';
import { ERROR_CODES } from '../http/answers/errors.ts';
import { type PageFiles, page } from './page.ts';
import { each, inline } from './words.ts';

/** The page that the `type` of problem details is a place on: `/docs/errors#REVOKED`. */
export function errorsPage(files: PageFiles): string {
  return page(files, {
    title: 'Errors',
    here: 'errors',
    content: html`<div class="head"><div>
<h1>Errors</h1>
<p>Every error answer has a <code>code</code> of this list. Write programs against the code and the status; the messages in <code>errors</code> are for people, and may change.</p>
</div></div>
<table class="fields codes">
<caption>Codes, in the order in which a call can be refused</caption>
<thead><tr><th scope="col">Code</th><th scope="col">Status</th><th scope="col">When, and what to do</th></tr></thead>
<tbody>${each(
      Object.entries(ERROR_CODES),
      ([code, { status, when, remedy }]) => html`<tr id="${code}">
<th scope="row"><a href="#${code}"><code>${code}</code></a></th>
<td class="num">${status}</td>
<td>${inline(when)}<br>${inline(remedy)}</td>
</tr>`,
    )}</tbody></table>`,
  });
}
