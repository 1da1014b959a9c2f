import type { Child } from 'hono/jsx';

/** Codes in a sentence: `a, b, c`. */
export function Codes({ values, none }: { values: readonly string[]; none: Child }) {
  if (values.length === 0) return <>{none}</>;
  return (
    <>
      {values.map((value, index) => (
        <>
          {index > 0 && ', '}
          <code>{value}</code>
        </>
      ))}
    </>
  );
}

/** Codes below each other. */
export function CodeLines({ values, none }: { values: readonly string[]; none: Child }) {
  if (values.length === 0) return <>{none}</>;
  return (
    <>
      {values.map((value, index) => (
        <>
          {index > 0 && <br />}
          <code>{value}</code>
        </>
      ))}
    </>
  );
}
