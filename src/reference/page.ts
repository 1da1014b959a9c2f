import { html } from 'hono/html';
import type { Part } from './words.ts';

/** Where the files are that a page loads. */
export interface PageFiles {
  consoleStyle: string;
  icon: string;
  style: string;
  script: string;
}

/** The page around every content of the reference. */
export function page(
  files: PageFiles,
  { title, here, content }: { title: string; here: 'reference' | 'errors'; content: Part },
): string {
  const current = (name: typeof here) => (name === here ? html` aria-current="page"` : html``);
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Latchkey</title>
<link rel="stylesheet" href="${files.consoleStyle}">
<link rel="stylesheet" href="${files.style}">
<link rel="icon" type="image/svg+xml" href="${files.icon}">
<script src="${files.script}" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="top">
<a class="wordmark" href="/docs"><svg viewBox="0 0 18 18" aria-hidden="true"><g fill="none" stroke="currentColor" stroke-width="2.25"><circle cx="7" cy="4.75" r="3.4"/><path d="M7 8.15V16h7.5M11 16v-3.2"/></g></svg>Latchkey</a>
<nav aria-label="Documentation"><ul>
<li><a href="/docs"${current('reference')}>Reference</a></li>
<li><a href="/docs/errors"${current('errors')}>Errors</a></li>
<li><a href="/openapi.json">OpenAPI document</a></li>
<li><a href="/console">Console</a></li>
</ul></nav>
</header>
<main id="main" tabindex="-1">
${content}
</main>
</body>
</html>
`);
}
