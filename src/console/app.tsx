import { Hono } from 'hono';
import type { HttpEnv } from '../http/context.ts';
import { answerPage } from './answer-page.ts';
import { pageHeaders } from './middleware/page-headers.ts';
import { NotFoundPage } from './pages/not-found.tsx';

/** The console, which the site mounts under `/console`. */
export function createConsole() {
  const console = new Hono<HttpEnv>();
  console.use(pageHeaders);

  // hono does not ask a mounted app for its page for what there is not, so a last route has it.
  console.all('*', (c) =>
    answerPage(c, <NotFoundPage frame={{ now: Date.now(), boundSeconds: 0, viewer: null }} />, 404),
  );
  return console;
}
