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
  const bars = counts.map((count, index) => barOf(count, index * STEP, highest));
  return (
    <svg
      class="strip"
      viewBox={`0 0 ${counts.length * STEP - (STEP - WIDTH)} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
    >
      <title>{note === undefined ? text : `${note} ${text}`}</title>
      {/* One path for each colour: a list has hundreds of bars. */}
      {(['bar-0', 'bar-a', 'bar-r'] as const).map((colour) => {
        const path = bars.map((bar) => bar[colour]).join('');
        return path === '' ? null : <path class={colour} d={path} />;
      })}
    </svg>
  );
}

/** The bars of one count, by colour, as parts of a path. */
function barOf({ allowed, refused }: CallCount, x: number, highest: number) {
  if (allowed + refused === 0) return { 'bar-0': rectangle(x, HEIGHT - 1, 1), 'bar-a': '', 'bar-r': '' };
  const red = refused === 0 ? 0 : Math.max(LEAST_REFUSED, Math.round((refused / highest) * HEIGHT));
  const room = red === 0 ? HEIGHT : HEIGHT - red - 1;
  const blue = allowed === 0 ? 0 : Math.min(room, Math.max(1, Math.round((allowed / highest) * HEIGHT)));
  return {
    'bar-0': '',
    'bar-a': blue > 0 ? rectangle(x, HEIGHT - blue, blue) : '',
    'bar-r': red > 0 ? rectangle(x, HEIGHT - red - (blue > 0 ? blue + 1 : 0), red) : '',
  };
}

function rectangle(x: number, y: number, height: number): string {
  return `M${x} ${y}h${WIDTH}v${height}h-${WIDTH}z`;
}
