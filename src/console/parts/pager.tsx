import { number } from '../words.ts';

interface PagerProps {
  /** From 1. */
  page: number;
  perPage: number;
  count: number;
  /** What is counted: `keys, newest first`. */
  what: string;
  /** Whether there are more than `count`. */
  isMore?: boolean;
  href: (page: number) => string;
}

/** Which rows these are, of how many, and the way to the others. */
export function Pager({ page, perPage, count, what, isMore = false, href }: PagerProps) {
  const pages = Math.max(1, Math.ceil(count / perPage));
  const first = (page - 1) * perPage + 1;
  const last = Math.min(count, page * perPage);
  return (
    <nav class="pager" aria-label="Pages">
      <span>
        <span class="num">{count === 0 || first > count ? 0 : `${number(first)}–${number(last)}`}</span>
        {` of ${isMore ? 'more than ' : ''}${number(count)} ${what}`}
      </span>
      {pages > 1 && (
        <ul>
          {page > 1 && (
            <li>
              <a href={href(page - 1)} rel="prev">
                Previous
              </a>
            </li>
          )}
          {shownPages(page, pages).map((shown) =>
            shown === null ? (
              <li aria-hidden="true">…</li>
            ) : (
              <li>
                <PageLink shown={shown} page={page} href={href} />
              </li>
            ),
          )}
          {page < pages && (
            <li>
              <a href={href(page + 1)} rel="next">
                Next
              </a>
            </li>
          )}
        </ul>
      )}
    </nav>
  );
}

function PageLink({ shown, page, href }: { shown: number; page: number; href: PagerProps['href'] }) {
  const text = (
    <>
      <span class="vh">Page </span>
      {number(shown)}
    </>
  );
  return shown === page ? <span aria-current="page">{text}</span> : <a href={href(shown)}>{text}</a>;
}

/** The first page, the last, and those around the present one; null is a gap. */
function shownPages(page: number, pages: number): (number | null)[] {
  const around = page === 1 ? [1, 2, 3] : [page - 1, page, page + 1];
  const shown = [...new Set([1, ...around, pages])].filter((one) => one >= 1 && one <= pages).sort((a, b) => a - b);
  return shown.flatMap((one, index) => {
    const before = shown[index - 1];
    return before !== undefined && one > before + 1 ? [null, one] : [one];
  });
}
