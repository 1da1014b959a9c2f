/*
 * The shapes of the console. Each stands beside a word or in a control that is named otherwise, so none is read out.
 */

const HIDDEN = { viewBox: '0 0 12 12', 'aria-hidden': 'true' } as const;
const LINE = { fill: 'none', stroke: 'currentColor', 'stroke-width': '1.5' } as const;

export function Logo() {
  return (
    <svg viewBox="0 0 18 18" aria-hidden="true">
      <g fill="none" stroke="currentColor" stroke-width="2.25">
        <circle cx="7" cy="4.75" r="3.4" />
        <path d="M7 8.15V16h7.5M11 16v-3.2" />
      </g>
    </svg>
  );
}

export function Dots() {
  return (
    <svg viewBox="0 0 16 16" aria-hidden="true">
      <g fill="currentColor">
        <circle cx="8" cy="3" r="1.4" />
        <circle cx="8" cy="8" r="1.4" />
        <circle cx="8" cy="13" r="1.4" />
      </g>
    </svg>
  );
}

export function FullDot() {
  return (
    <svg {...HIDDEN}>
      <circle cx="6" cy="6" r="4.5" fill="currentColor" />
    </svg>
  );
}

export function Ring() {
  return (
    <svg {...HIDDEN}>
      <circle cx="6" cy="6" r="4.5" {...LINE} />
    </svg>
  );
}

export function StruckRing() {
  return (
    <svg {...HIDDEN}>
      <circle cx="6" cy="6" r="4.5" {...LINE} />
      <path d="M2.8 9.2l6.4-6.4" {...LINE} />
    </svg>
  );
}

export function Bars() {
  return (
    <svg {...HIDDEN}>
      <path d="M2.5 1.5h2.4v9H2.5zM7.1 1.5h2.4v9H7.1z" fill="currentColor" />
    </svg>
  );
}

export function Clock() {
  return (
    <svg {...HIDDEN}>
      <circle cx="6" cy="6" r="5" {...LINE} />
      <path d="M6 3v3.2l2 1.3" {...LINE} />
    </svg>
  );
}

export function Triangle() {
  return (
    <svg {...HIDDEN}>
      <path d="M6 .8l5.6 10.2H.4z" fill="currentColor" />
      <path class="gap" d="M6 4.2v3.4M6 8.4v1.2" stroke-width="1.2" />
    </svg>
  );
}

export function Turning() {
  return (
    <svg {...HIDDEN}>
      <path d="M1.2 6a4.8 4.8 0 0 1 8.4-3.2M10.8 6a4.8 4.8 0 0 1-8.4 3.2" {...LINE} />
      <path d="M10.3.6v2.7H7.6M1.7 11.4V8.7h2.7" {...LINE} />
    </svg>
  );
}

export function OpenPadlock() {
  return (
    <svg {...HIDDEN}>
      <path d="M2 5.5h8v5H2zM4 5.5V3.4a2.1 2.1 0 0 1 4-1" {...LINE} />
    </svg>
  );
}

/** Fine, to be minded, or not possible: the three marks of a judged line. */
export type Mark = 'yes' | 'mind' | 'no';

export function MarkIcon({ mark }: { mark: Mark }) {
  switch (mark) {
    case 'yes':
      return (
        <svg {...HIDDEN} class="ok">
          <path d="M1.5 6.5l3 3 6-7" fill="none" stroke="currentColor" stroke-width="1.8" />
        </svg>
      );
    case 'mind':
      return (
        <svg {...HIDDEN} class="warn">
          <path d="M6 .8l5.6 10.2H.4z" fill="none" stroke="currentColor" stroke-width="1.3" />
          <path d="M6 4.4v3M6 8.4v1.1" stroke="currentColor" stroke-width="1.3" />
        </svg>
      );
    case 'no':
      return (
        <svg {...HIDDEN} class="bad">
          <path d="M2 2l8 8M10 2l-8 8" fill="none" stroke="currentColor" stroke-width="1.8" />
        </svg>
      );
  }
}
