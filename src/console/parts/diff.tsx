export interface DiffLine {
  sign: 'add' | 'del' | 'same';
  text: string;
  /** Why, in a few words. */
  reason: string;
}

const SIGNS = { add: '+', del: '−', same: '' } as const;

/** What goes, what comes and what stays. The sign is text, so that colour is not alone. */
export function Diff({ name, lines }: { name: string; lines: readonly DiffLine[] }) {
  return (
    <ul class="diff" aria-label={name}>
      {lines.map(({ sign, text, reason }) => (
        <li class={sign === 'same' ? undefined : sign}>
          <span>{SIGNS[sign]}</span>
          <span>{text}</span>
          <span>{reason}</span>
        </li>
      ))}
    </ul>
  );
}
