import type { Child, PropsWithChildren } from 'hono/jsx';
import { Triangle } from './icons.tsx';

/** What ties a control to its help and its error. */
interface Described {
  'aria-describedby'?: string;
  'aria-invalid'?: 'true';
}

interface FieldProps {
  /** The id of the control. */
  id: string;
  label: string;
  /** Beside the label, in small: `optional`. */
  aside?: string;
  help?: Child;
  error: string | null;
  class?: string;
  children: (described: Described) => Child;
}

/** A control with its label; what is wrong stands before the help. */
export function Field({ id, label, aside, help, error, children, class: more }: FieldProps) {
  const ids = [error === null ? null : `${id}-e`, help === undefined ? null : `${id}-h`].filter((one) => one !== null);
  const described: Described = {
    ...(ids.length > 0 ? { 'aria-describedby': ids.join(' ') } : {}),
    ...(error === null ? {} : { 'aria-invalid': 'true' }),
  };
  return (
    <div class={more === undefined ? 'field' : `field ${more}`}>
      <label for={id}>
        {label}
        {aside !== undefined && (
          <>
            {' '}
            <span class="help">{aside}</span>
          </>
        )}
      </label>
      {children(described)}
      {error !== null && <FieldError id={`${id}-e`}>{error}</FieldError>}
      {help !== undefined && (
        <p class="help" id={`${id}-h`}>
          {help}
        </p>
      )}
    </div>
  );
}

export function FieldError({ id, children }: PropsWithChildren<{ id: string }>) {
  return (
    <p class="err" id={id}>
      <Triangle />
      <span>{children}</span>
    </p>
  );
}

/** What is wrong with a form, counted, with a link to each field. It takes the focus when the page arrives. */
export function ErrorSummary({
  heading,
  errors,
}: {
  heading: string;
  errors: readonly { field: string; text: string }[];
}) {
  return (
    <div class="note bad" role="alert" tabindex={-1} id="errors">
      <h2>{heading}</h2>
      <ul>
        {errors.map(({ field, text }) => (
          <li>
            <a href={`#${field}`}>{text}</a>
          </li>
        ))}
      </ul>
    </div>
  );
}
