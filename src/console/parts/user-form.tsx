import type { PropsWithChildren } from 'hono/jsx';
import type { Role } from '../../domain/permissions/roles.ts';
import { MAX_EMAIL_LENGTH, MAX_NAME_LENGTH } from '../../domain/users/user-rules.ts';
import { Field, FieldError } from './field.tsx';
import { roleMeaning, roleName } from './names.ts';

/** The form of a user as it was filled in. */
export interface UserFormValues {
  first_name: string;
  last_name: string;
  email: string;
  role: Role;
}

export type UserFormErrors = Partial<Record<keyof UserFormValues | 'disabled', string>>;

/** A role to choose; `refused`: why it cannot be given, in a few words. */
export interface RoleChoice {
  role: Role;
  refused: string | null;
}

interface UserFieldsProps {
  values: UserFormValues;
  errors: UserFormErrors;
  roles: readonly RoleChoice[];
}

/** Who a user is, and which role it has. What stands under the roles are the children. */
export function UserFields({ values, errors, roles, children }: PropsWithChildren<UserFieldsProps>) {
  return (
    <>
      <section>
        <h2>Who</h2>
        <NameField id="first_name" label="First name" value={values.first_name} error={errors.first_name} />
        <NameField id="last_name" label="Last name" value={values.last_name} error={errors.last_name} />
        <Field
          id="email"
          label="Email"
          error={errors.email ?? null}
          help="One user for each address, in the whole deployment."
        >
          {(described) => (
            <input
              id="email"
              name="email"
              type="email"
              value={values.email}
              maxlength={MAX_EMAIL_LENGTH}
              required
              autocomplete="off"
              {...described}
            />
          )}
        </Field>
      </section>
      <fieldset id="role">
        <legend>Role</legend>
        <div>
          {roles.map(({ role, refused }) => (
            <label class="pick">
              <input
                type="radio"
                name="role"
                value={role}
                checked={role === values.role}
                disabled={refused !== null && role !== values.role}
              />
              <span>
                {roleName(role)}
                <small>{roleMeaning(role)}</small>
                {refused !== null && <small class="lack">{refused}</small>}
              </span>
            </label>
          ))}
        </div>
        {errors.role !== undefined && <FieldError id="role-e">{errors.role}</FieldError>}
        {children}
      </fieldset>
    </>
  );
}

function NameField(props: { id: 'first_name' | 'last_name'; label: string; value: string; error: string | undefined }) {
  const { id, label, value, error } = props;
  return (
    <Field id={id} label={label} error={error ?? null}>
      {(described) => (
        <input
          id={id}
          name={id}
          value={value}
          maxlength={MAX_NAME_LENGTH}
          required
          dir="auto"
          autocomplete="off"
          {...described}
        />
      )}
    </Field>
  );
}

const FIELD_NAMES: Record<keyof UserFormErrors, string> = {
  first_name: 'First name',
  last_name: 'Last name',
  email: 'Email',
  role: 'Role',
  disabled: 'May sign in and call',
};

/** The errors of the form for its summary, in the order of its fields. */
export function summariseUser(errors: UserFormErrors): { field: string; text: string }[] {
  const fields = ['first_name', 'last_name', 'email', 'role', 'disabled'] as const;
  return fields.flatMap((field) => {
    const text = errors[field];
    return text === undefined ? [] : [{ field, text: `${FIELD_NAMES[field]}: ${text}` }];
  });
}
