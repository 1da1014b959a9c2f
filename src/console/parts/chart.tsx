import { counted, day, number } from '../words.ts';
import type { CallCount } from './key-view.ts';

const HEIGHT = 160;
const STEP = 10;
const WIDTH = 7;
const LEAST_REFUSED = 3;

/** The calls of each day as bars, with the same figures as a table. */
export function UsageChart({ counts }: { counts: readonly CallCount[] }) {
  const allowed = counts.reduce((sum, count) => sum + count.allowed, 0);
  const refused = counts.reduce((sum, count) => sum + count.refused, 0);
  const busiest = Math.max(0, ...counts.map((count) => count.allowed + count.refused));
  const top = roundUp(busiest);
  const last = counts.at(-1);
  const span = counted(counts.length, 'day');
  return (
    <>
      <ul class="key-legend">
        <li>
          <svg viewBox="0 0 10 10" aria-hidden="true">
            <rect class="bar-a" width="10" height="10" />
          </svg>
          Allowed {number(allowed)}
        </li>
        <li>
          <svg viewBox="0 0 10 10" aria-hidden="true">
            <rect class="bar-r" width="10" height="10" />
          </svg>
          Refused {number(refused)}
        </li>
      </ul>
      <figure class="chart">
        <span class="y" aria-hidden="true">
          <span>{number(top)}</span>
          <span>{number(top / 2)}</span>
          <span>0</span>
        </span>
        <svg
          viewBox={`0 -4 ${counts.length * STEP} ${HEIGHT + 8}`}
          preserveAspectRatio="none"
          role="img"
          aria-labelledby="chart-t chart-d"
        >
          <title id="chart-t">{`Calls a day, ${span}${last === undefined ? '' : ` to ${day(last.at)}`}`}</title>
          <desc id="chart-d">
            {`${number(allowed)} allowed and ${number(refused)} refused. The busiest day had ${number(busiest)}. The figures are in the table below.`}
          </desc>
          {[0, HEIGHT / 2, HEIGHT].map((y) => (
            <path class="grid" d={`M0 ${y}H${counts.length * STEP}`} />
          ))}
          {counts.map((count, index) => (
            <DayBar count={count} x={index * STEP + 1.5} top={top} />
          ))}
        </svg>
        <span class="x" aria-hidden="true">
          {ticks(counts).map((at) => (
            <span>{at === last?.at ? 'today' : day(at).slice(5)}</span>
          ))}
        </span>
      </figure>
      <details class="more">
        <summary>The same as a table</summary>
        <table>
          <caption class="vh">Calls a day, allowed and refused</caption>
          <thead>
            <tr>
              <th scope="col">Day</th>
              <th scope="col" class="r">
                Allowed
              </th>
              <th scope="col" class="r">
                Refused
              </th>
            </tr>
          </thead>
          <tbody>
            {counts.toReversed().map((count) => (
              <tr>
                <th scope="row">{day(count.at)}</th>
                <td class="r">{number(count.allowed)}</td>
                <td class="r">{number(count.refused)}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">{span}</th>
              <td class="r">{number(allowed)}</td>
              <td class="r">{number(refused)}</td>
            </tr>
          </tfoot>
        </table>
      </details>
    </>
  );
}

function DayBar({ count, x, top }: { count: CallCount; x: number; top: number }) {
  const red = count.refused === 0 ? 0 : Math.max(LEAST_REFUSED, Math.round((count.refused / top) * HEIGHT));
  const room = red === 0 ? HEIGHT : HEIGHT - red - 1;
  const blue = count.allowed === 0 ? 0 : Math.min(room, Math.max(1, Math.round((count.allowed / top) * HEIGHT)));
  return (
    <g>
      <title>{`${day(count.at)}: ${number(count.allowed)} allowed, ${number(count.refused)} refused`}</title>
      {/* The whole column answers the pointer, not the bar alone. */}
      <rect x={x} y="0" width={WIDTH} height={HEIGHT} fill="none" pointer-events="all" />
      {blue > 0 && <rect class="bar-a" x={x} y={HEIGHT - blue} width={WIDTH} height={blue} />}
      {red > 0 && <rect class="bar-r" x={x} y={HEIGHT - red - (blue > 0 ? blue + 1 : 0)} width={WIDTH} height={red} />}
    </g>
  );
}

/** The next of 2, 4, 6, 8, 10, 20, 40 … so that half of it is a whole number. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  const step = [2, 4, 6, 8, 10].find((factor) => factor * power >= value) ?? 20;
  return step * power;
}

/** About five days to name below the bars, today the last. */
function ticks(counts: readonly CallCount[]): number[] {
  const every = Math.max(1, Math.floor(counts.length / 4));
  const shown = [0, 1, 2, 3].map((index) => counts[index * every]?.at).filter((at) => at !== undefined);
  const last = counts.at(-1)?.at;
  return [...new Set(last === undefined ? shown : [...shown, last])];
}
