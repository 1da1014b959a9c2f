/** The path and query of a one-time sign-in link. The token has letters, digits, dots, dashes and underscores only. */
export function signInPath(token: string): string {
  return `/console/sign-in/link?token=${token}`;
}
