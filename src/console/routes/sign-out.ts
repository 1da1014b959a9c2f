import { Hono } from 'hono';
import { signOut, signOutEverywhere } from '../../domain/sessions/sign-out.ts';
import type { SessionEnv } from '../context.ts';
import { links } from '../links.ts';
import { dropSessionCookie } from '../middleware/session-cookie.ts';

/** `/console/sign-out` */
export const signOutRoutes = new Hono<SessionEnv>()

  .post('/', async (c) => {
    await signOut(c.var.services, c.var.caller);
    dropSessionCookie(c);
    return c.redirect(links.signIn, 303);
  })

  .post('/everywhere', async (c) => {
    await signOutEverywhere(c.var.services, c.var.caller);
    dropSessionCookie(c);
    return c.redirect(links.signIn, 303);
  });
