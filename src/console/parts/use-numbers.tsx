import { counted, number } from '../words.ts';
import type { KeyUse } from './key-view.ts';
import { LastUse } from './times.tsx';

interface UseNumbersProps {
  use: KeyUse | null;
  /** How many networks the key was used from in 30 days, and how often; null: not readable now. */
  month: { networks: number; calls: number } | null;
  now: number;
}

/** What stands above each act that ends or changes something: how much the key is used, and from where. */
export function UseNumbers({ use, month, now }: UseNumbersProps) {
  if (use === null || month === null) {
    return (
      <div class="note warn">
        <p>
          <strong>How the key is used cannot be read now.</strong> That does not mean that it is unused.
        </p>
      </div>
    );
  }
  return (
    <dl class="big">
      <div>
        <dt>Last 24&nbsp;h</dt>
        <dd class="num">{counted(use.allowedIn24h, 'call')}</dd>
      </div>
      <div>
        <dt>Last call</dt>
        <dd>
          <LastUse at={use.lastUsedAt} now={now} />
          {use.lastNetwork !== null && (
            <small>
              from <code>{use.lastNetwork}</code>
            </small>
          )}
        </dd>
      </div>
      <div>
        <dt>Networks, 30&nbsp;days</dt>
        <dd class="num">
          {number(month.networks)}
          <small>{counted(month.calls, 'call')}</small>
        </dd>
      </div>
    </dl>
  );
}
