/*
 * What the permissions and sections of the catalogue are called on pages. A deployer who adds one may add its words
 * here; without them the page shows the name alone.
 */

const MEANINGS: Readonly<Record<string, string>> = {
  business_edit: 'Change businesses',
  business_edit_name: 'Their names',
  business_edit_categories: 'Their categories',
  business_edit_open_hours: 'Their opening hours',
  review_read: 'Read reviews',
  review_reply: 'Reply to them',
  api_key_read: 'Read keys',
  api_key_manage: 'Create, change and revoke keys',
  api_key_verify: 'Verify keys for a backend',
  user_read: 'Read users',
  user_manage: 'Create, change and delete users',
};

export function permissionMeaning(name: string): string | null {
  return MEANINGS[name] ?? null;
}

/** `api_keys` → `API keys`. */
export function sectionTitle(name: string): string {
  const words = name.replaceAll('_', ' ').replace(/\bapi\b/g, 'API');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
