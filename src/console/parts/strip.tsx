import { counted, number } from '../words.ts';
import type { CallCount } from './key-view.ts';

const HEIGHT = 20;
const STEP = 6;
const WIDTH = 4;
/** So that one refused call among thousands can be seen. */
const LEAST_REFUSED = 2;

/** Calls as small bars, scaled to the highest of them; refused calls on top, after a gap of one. */
export function Strip({ counts, over, note }: { counts: readonly CallCount[]; over: string; note?: string }) {
  const allowed = counts.reduce((sum, count) => sum + count.allowed, 0);
  const refused = counts.reduce((sum, count) => sum + count.refused, 0);
  const highest = Math.max(1, ...counts.map((count) => count.allowed + count.refused));
  const text =
    allowed + refused === 0
      ? `No calls in ${over}`
      : `${counted(allowed, 'call')} allowed in ${over}, ${refused === 0 ? 'none' : number(refused)} refused`;
  const label = note === undefined ? text : `${note} ${text}`;
  return (
    <svg
      class="strip"
      viewBox={`0 0 ${counts.length * STEP - (STEP - WIDTH)} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <title>{text}</title>
      {counts.map((count, index) => (
        <Bar count={count} x={index * STEP} highest={highest} />
      ))}
    </svg>
  );
}

function Bar({ count, x, highest }: { count: CallCount; x: number; highest: number }) {
  if (count.allowed + count.refused === 0) return <rect class="bar-0" x={x} y={HEIGHT - 1} width={WIDTH} height="1" />;
  const red = count.refused === 0 ? 0 : Math.max(LEAST_REFUSED, Math.round((count.refused / highest) * HEIGHT));
  const room = red === 0 ? HEIGHT : HEIGHT - red - 1;
  const blue = count.allowed === 0 ? 0 : Math.min(room, Math.max(1, Math.round((count.allowed / highest) * HEIGHT)));
  return (
    <>
      {blue > 0 && <rect class="bar-a" x={x} y={HEIGHT - blue} width={WIDTH} height={blue} />}
      {red > 0 && <rect class="bar-r" x={x} y={HEIGHT - red - (blue > 0 ? blue + 1 : 0)} width={WIDTH} height={red} />}
    </>
  );
}
