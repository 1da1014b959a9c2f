import { Hono } from 'hono';
import { apiKeyAuth } from '../../src/client/api-key-auth.ts';

/* A Worker of someone who uses Latchkey. Its reviews are for keys that may read them; what is ours, for our own keys. */

const app = new Hono();

app.get('/reviews', apiKeyAuth({ permissions: ['review_read'] }), (c) => c.json({ readBy: c.var.apiKey.label }));
app.get('/ours', apiKeyAuth({ orgId: 2 }), (c) => c.json({ orgId: c.var.apiKey.orgId }));
app.get('/open', (c) => c.json({ open: true }));

export default app;
