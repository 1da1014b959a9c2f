/**
 * Folds the case of a text, for case-insensitive search and uniqueness beyond ASCII (SQLite folds ASCII only). It
 * lowers, raises and lowers again, because some letters become equal only that way (`ẞ`, `ß` and `SS`). The two small
 * sigmas count as one letter, and composed and decomposed forms (`é`) as one text.
 */
export function foldText(text: string): string {
  return text.normalize('NFC').toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ').normalize('NFC');
}

/**
 * Folds a text that must not look like another, such as an email. Compatibility forms of a letter (`ﬁ` and `fi`, full
 * width and half) count as one text too. It runs twice, because a folded letter may have such a form again.
 */
export function foldCompatible(text: string): string {
  const once = foldText(text.normalize('NFKC'));
  return foldText(once.normalize('NFKC')).normalize('NFKC');
}
