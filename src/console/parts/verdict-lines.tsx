import { counted } from '../words.ts';
import { describeEntry, linesOf } from './describe-entry.ts';
import { MarkIcon } from './icons.tsx';

/** What each line of an address list means. The script writes it anew as one types. */
export function VerdictLines({ text, calls }: { text: string; calls: ReadonlyMap<string, number> | null }) {
  return (
    <ul class="lines" aria-live="polite" aria-label="What each line means" data-verdicts="">
      {linesOf(text).map((line) => {
        const { mark, text: meaning } = describeEntry(line);
        const used = calls?.get(line);
        return (
          <li>
            <MarkIcon mark={mark} />
            <code>{line}</code>
            <span class={mark === 'no' ? 'bad' : undefined}>
              {meaning}
              {used !== undefined && `, ${counted(used, 'call')} in 30 days`}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
