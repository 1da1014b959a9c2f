import type { Child, PropsWithChildren } from 'hono/jsx';
import { MAX_DESCRIPTION_LENGTH, MAX_LABEL_LENGTH } from '../../domain/keys/key-rules.ts';
import type { PermissionName } from '../../domain/permissions/permissions.ts';
import { expiryMoment } from '../../domain/verification/expiration.ts';
import { links } from '../links.ts';
import { counted, day, dayFrom, expiry, relative } from '../words.ts';
import { Field, FieldError } from './field.tsx';
import type { SignedInFrame } from './frame.ts';
import { Form } from './layout.tsx';
import { PermissionTree } from './permission-tree.tsx';
import { VerdictLines } from './verdict-lines.tsx';

/** The choices of when a key ends: in so many days, on a date, or never. */
export const EXPIRY_CHOICES = ['30', '90', '365', 'date', 'never'] as const;

/** The form of a key as it was filled in. Its names are those of the fields. */
export interface KeyFormValues {
  label: string;
  description: string;
  user_type: 'bot' | 'user';
  /** Whose personal key it is. */
  user_id: string;
  expiry: (typeof EXPIRY_CHOICES)[number];
  /** As written; it counts with the choice `date`. */
  expiration_date: string;
  /** One entry a line, as written. */
  ip_whitelist: string;
  restricted: boolean;
  permissions: readonly string[];
}

/** What is wrong, by field, in the words of the console. */
export type KeyFormErrors = Partial<
  Record<'label' | 'description' | 'user_id' | 'expiration_date' | 'ip_whitelist' | 'permissions', string>
>;

export interface KeyFormProps {
  frame: SignedInFrame;
  /** The address that the form is posted to. */
  action: string;
  values: KeyFormValues;
  errors: KeyFormErrors;
  /** Where the viewer is, to be added to the list; null: not known. */
  clientIp: string | null;
  /** Permissions that cannot be given to this key, each with the reason: `Not for publishers`. */
  unavailable: ReadonlyMap<PermissionName, string>;
  /** How many permissions the key's user has today. */
  heldCount: number;
  /** Why the viewer cannot give all that the user may; null: it can. */
  unrestrictedRefused: string | null;
}

/** Whom a new key can be for; null: the viewer only. */
export type Ownership = {
  mayBeMain: boolean;
  /** The viewer first. */
  users: readonly { id: string; name: string }[];
} | null;

interface OfNew {
  ownership?: Ownership;
  startLike?: readonly { id: number; label: string }[];
}

interface OfExisting {
  /** The date that the key has now. */
  presentDate?: string | null;
  /** How often each entry of the list let a call in within 30 days. */
  callsByEntry?: ReadonlyMap<string, number> | null;
}

/** The form of a key, for creating and for changing one. Its buttons are the children. */
export function KeyForm(props: PropsWithChildren<KeyFormProps & OfNew & OfExisting>) {
  const { frame, action, values, errors, clientIp, callsByEntry = null, ownership, children } = props;
  return (
    <Form viewer={frame.viewer} action={action} class="form" novalidate data-keyform="">
      {/* Enter in a field presses the first button of a form, and that shall not be one that adds an address. */}
      <button class="vh" type="submit" tabindex={-1}>
        Send the form
      </button>
      <section>
        <h2>What it is for</h2>
        <Field
          id="label"
          label="Label"
          error={errors.label ?? null}
          help="So that anyone sees at a glance what the key is for: the program, and the place it runs."
        >
          {(described) => (
            <input
              id="label"
              name="label"
              value={values.label}
              maxlength={MAX_LABEL_LENGTH}
              required
              dir="auto"
              autocomplete="off"
              {...described}
            />
          )}
        </Field>
        <Field id="description" label="Description" aside="optional" error={errors.description ?? null}>
          {(described) => (
            <textarea
              id="description"
              name="description"
              rows={2}
              maxlength={MAX_DESCRIPTION_LENGTH}
              dir="auto"
              autocomplete="off"
              {...described}
            >
              {values.description}
            </textarea>
          )}
        </Field>
      </section>
      {ownership !== undefined && <OwnerFields {...props} ownership={ownership} />}
      <ExpiryFields {...props} />
      <section>
        <h2>From where</h2>
        <Field
          id="ip_whitelist"
          label="Addresses that may use it"
          aside="one per line; none: any address"
          error={errors.ip_whitelist ?? null}
        >
          {(described) => (
            <textarea
              id="ip_whitelist"
              name="ip_whitelist"
              class="mono"
              rows={4}
              spellcheck={false}
              autocapitalize="off"
              placeholder="198.51.100.0/24"
              {...described}
              aria-describedby={[described['aria-describedby'], 'ip-h'].filter(Boolean).join(' ')}
            >
              {values.ip_whitelist}
            </textarea>
          )}
        </Field>
        <VerdictLines text={values.ip_whitelist} calls={callsByEntry} />
        <div class="row">
          {clientIp !== null && (
            <button class="btn sm" type="submit" name="next" value="add-mine" formnovalidate data-add={clientIp}>
              Add my current address, <code>{clientIp}</code>
            </button>
          )}
          <button class="btn sm bare" type="submit" name="next" value="check" formnovalidate data-nojs="">
            Check the lines
          </button>
        </div>
        <p class="help" id="ip-h">
          IPv4 or IPv6 addresses or networks. IPv4 and IPv6 never match each other. Not sure yet? Leave it empty: after
          a few days the key’s page suggests a list from where it was used.
        </p>
      </section>
      <PermissionFields {...props} />
      {children}
    </Form>
  );
}

function OwnerFields({ values, errors, ownership, frame }: KeyFormProps & { ownership: Ownership }) {
  if (ownership === null) return <input type="hidden" name="user_type" value="user" />;
  return (
    <fieldset>
      <legend>Whose it is</legend>
      <div>
        {ownership.mayBeMain && (
          <label class="pick">
            <input type="radio" name="user_type" value="bot" checked={values.user_type === 'bot'} />
            <span>
              Main integration
              <small>For what the organisation depends on. Belongs to no person and outlives every user.</small>
            </span>
          </label>
        )}
        <label class="pick">
          <input type="radio" name="user_type" value="user" checked={values.user_type === 'user'} />
          <span>
            Personal
            <small>Belongs to one user, may do no more than that user, and is deleted with the user.</small>
          </span>
        </label>
      </div>
      <Field id="user_id" label="For" error={errors.user_id ?? null} class="for-user">
        {(described) => (
          <select id="user_id" name="user_id" {...described}>
            {ownership.users.map(({ id, name }) => (
              <option value={id} selected={id === values.user_id}>
                {name}
                {id === frame.viewer.id && ' (you)'}
              </option>
            ))}
          </select>
        )}
      </Field>
    </fieldset>
  );
}

const SPANS = [
  { value: '30', name: '30 days', days: 30, shownWith: 'd30' },
  { value: '90', name: '90 days', days: 90, shownWith: 'd90' },
  { value: '365', name: '1 year', days: 365, shownWith: 'd365' },
] as const;

function ExpiryFields({ frame: { now }, values, errors, presentDate }: KeyFormProps & OfExisting) {
  return (
    <fieldset>
      <legend>When it ends</legend>
      <div class="choices" role="radiogroup" aria-label="When it ends">
        {SPANS.map(({ value, name, days }) => (
          <Choice name="expiry" value={value} chosen={values.expiry} says={dayFrom(now, days)}>
            {name}
          </Choice>
        ))}
        <Choice name="expiry" value="date" chosen={values.expiry} says="you choose">
          A date
        </Choice>
        <Choice name="expiry" value="never" chosen={values.expiry} says="until revoked">
          Never
        </Choice>
      </div>
      <Field id="expiration_date" label="Date" error={errors.expiration_date ?? null} class="other-date">
        {(described) => (
          <input
            id="expiration_date"
            name="expiration_date"
            type="date"
            min={dayFrom(now, 1)}
            value={values.expiration_date}
            {...described}
          />
        )}
      </Field>
      <p class="says">
        {SPANS.map(({ days, shownWith }) => (
          <span class={shownWith}>
            Stops working on{' '}
            <strong>
              <time datetime={`${dayFrom(now, days)}T00:00Z`} data-local="">
                {expiry(dayFrom(now, days))}
              </time>
            </strong>
            , in {counted(days, 'day')}.
          </span>
        ))}
        <span class="date" data-date-says="">
          <DateSays date={values.expiration_date} presentDate={presentDate} now={now} />
        </span>
        <span class="never">
          Goes on working until someone revokes it. <span class="warn">If it leaks, nothing else ends it.</span>
        </span>
      </p>
    </fieldset>
  );
}

function DateSays({ date, presentDate, now }: { date: string; presentDate: string | null | undefined; now: number }) {
  const moment = expiryMoment(date);
  if (!Number.isFinite(moment)) return <>Stops working at 00:00 UTC of that day.</>;
  const isPresent = date === presentDate;
  if (moment <= now && !isPresent) return <>{date === day(now) ? 'That is today.' : 'That day is over.'}</>;
  return (
    <>
      {moment <= now ? 'Stopped' : 'Stops'} working on <strong>{expiry(date)}</strong>, {relative(moment, now)}.
      {isPresent && ' Unchanged.'}
    </>
  );
}

/** A choice in a box, with its consequence inside. */
export function Choice(props: { name: string; value: string; chosen: string; says: string; children: Child }) {
  return (
    <label>
      <input type="radio" name={props.name} value={props.value} checked={props.value === props.chosen} />
      {props.children}
      <small>{props.says}</small>
    </label>
  );
}

function PermissionFields(props: KeyFormProps & OfNew) {
  const { values, errors, unavailable, heldCount, unrestrictedRefused, startLike = [] } = props;
  return (
    <fieldset>
      <legend>What it may do</legend>
      <div>
        <label class="pick">
          <input
            type="radio"
            name="restricted"
            value="false"
            checked={!values.restricted}
            disabled={unrestrictedRefused !== null}
          />
          <span>
            All that its user may
            <small>
              {unrestrictedRefused ??
                `${counted(heldCount, 'permission')} today; follows the user’s role when that changes.`}
            </small>
          </span>
        </label>
        <label class="pick">
          <input type="radio" name="restricted" value="true" checked={values.restricted} />
          <span>Only these</span>
        </label>
      </div>
      {errors.permissions !== undefined && <FieldError id="permissions-e">{errors.permissions}</FieldError>}
      {startLike.length > 0 && (
        <p class="help">
          Start like{' '}
          {startLike.map(({ id, label }, index) => (
            <>
              {index === 0 ? '' : index === startLike.length - 1 ? ' or ' : ', '}
              <a href={links.createKey({ like: id })}>
                <bdi>{label}</bdi>
              </a>
            </>
          ))}
          .
        </p>
      )}
      <PermissionTree ticked={values.permissions} unavailable={unavailable} />
    </fieldset>
  );
}

const FIELD_NAMES: Record<keyof KeyFormErrors, string> = {
  label: 'Label',
  description: 'Description',
  user_id: 'For',
  expiration_date: 'Date',
  ip_whitelist: 'Addresses',
  permissions: 'Permissions',
};

/** The errors of the form for its summary, in the order of its fields. */
export function summarise(errors: KeyFormErrors): { field: string; text: string }[] {
  const fields = ['label', 'description', 'user_id', 'expiration_date', 'ip_whitelist', 'permissions'] as const;
  return fields.flatMap((field) => {
    const text = errors[field];
    return text === undefined ? [] : [{ field, text: `${FIELD_NAMES[field]}: ${text}` }];
  });
}
