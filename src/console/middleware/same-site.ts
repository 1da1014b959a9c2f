import { csrf } from 'hono/csrf';

/**
 * Refuses forms that a page of another site sent, by what the browser says about where they come from. It throws, and the
 * console's error handler answers. Within a session the session's own token is asked for besides.
 */
export const sameSite = csrf();
