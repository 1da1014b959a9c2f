/**
 * Text with its case taken away, for searching and for uniqueness whatever the case, beyond ASCII too (SQLite folds
 * ASCII only). Down, up and down again, because some letters meet only that way (`ẞ`, `ß` and `SS`); the two small sigmas
 * are one letter; composed and decomposed forms (`é`) are one text.
 */
export function foldText(text: string): string {
  return text.normalize('NFC').toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ').normalize('NFC');
}

/**
 * The same for what must not look like another, emails say: also letters that are forms of another one (`ﬁ` and `fi`, full
 * width and half) are one text. Twice, because a folded letter may have such a form.
 */
export function foldCompatible(text: string): string {
  const once = foldText(text.normalize('NFKC'));
  return foldText(once.normalize('NFKC')).normalize('NFKC');
}
