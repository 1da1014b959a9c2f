import { Hono } from 'hono';
import { createMiddleware } from 'hono/factory';

/*
 * A Worker like the one in test/consumer, without the middleware. It shows how large Hono itself is.
 */

const app = new Hono();
const pass = createMiddleware(async (_c, next) => next());

app.get('/reviews', pass, (c) => c.json({ readBy: 'anyone' }));
app.get('/ours', pass, (c) => c.json({ orgId: 2 }));
app.get('/open', (c) => c.json({ open: true }));

export default app;
