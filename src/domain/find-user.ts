import { readUser, type UserRow } from '../storage/users.ts';
import type { Caller } from './caller.ts';
import type { Services } from './services.ts';

/** The caller's own user; null when it was deleted since its key was verified. */
export function findUserOf(services: Services, caller: Caller): Promise<UserRow | null> {
  return readUser(services.db, caller.key.userId);
}
