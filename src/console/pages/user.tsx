import type { Child } from 'hono/jsx';
import { administersKeys } from '../../domain/permissions/roles.ts';
import { links } from '../links.ts';
import { ErrorSummary, FieldError } from '../parts/field.tsx';
import type { SignedInFrame } from '../parts/frame.ts';
import { StatusWord } from '../parts/key-status.tsx';
import { Crumbs, Form, Layout } from '../parts/layout.tsx';
import { personName, roleName } from '../parts/names.ts';
import { Receipt, type ReceiptProps } from '../parts/receipt.tsx';
import {
  type RoleChoice,
  summariseUser,
  UserFields,
  type UserFormErrors,
  type UserFormValues,
} from '../parts/user-form.tsx';
import { describeUserStatus, type UserView } from '../parts/user-view.ts';
import { counted, day, inWords, minute } from '../words.ts';

export interface UserPageProps {
  frame: SignedInFrame;
  view: UserView;
  values: UserFormValues & { disabled: boolean };
  errors: UserFormErrors;
  roles: readonly RoleChoice[];
  /** What the chosen role would do to the user's keys; null: it was not rehearsed. */
  rehearsal: { heading: Child; detail: Child } | null;
  /** A change that was made a moment ago; null: none. */
  receipt: (ReceiptProps & { detail: Child }) | null;
}

/** A user: its form for those who may change it, else what is known. */
export function UserPage(props: UserPageProps) {
  const { frame, view, errors, receipt } = props;
  const { user, acts, keys, use } = view;
  const name = personName(user);
  const wrong = summariseUser(errors);
  const facts = [
    keys === null ? null : counted(keys, 'key'),
    use === null ? null : `${counted(use.callsIn24h, 'call')} in the last 24 h`,
    user.signedInAt === null ? 'never signed in' : `first signed in ${day(user.signedInAt)}`,
  ].filter((fact) => fact !== null);
  return (
    <Layout frame={frame} title={wrong.length === 0 ? name : `Error: ${name}`} section="users">
      <Crumbs parents={[['Users', links.users()]]} here={name} />
      <div class="head">
        <div>
          <h1>
            <bdi>{name}</bdi>
          </h1>
          <div class="row">
            <StatusWord status={describeUserStatus(view, frame.now)} />
            <span class="fine">{facts.join(', ')}</span>
          </div>
        </div>
        <div class="row">
          {(administersKeys(frame.viewer.role) || frame.viewer.id === user.id) && (
            <a class="btn" href={links.keys({ type: 'user', user_id: user.id })}>
              Keys
            </a>
          )}
          {acts.invite === null && (
            <Form viewer={frame.viewer} action={links.inviteUser(user.id)}>
              <button class="btn" type="submit">
                New sign-in link
              </button>
            </Form>
          )}
          {acts.remove === null && (
            <a class="btn end" href={links.deleteUser(user.id)}>
              Delete…
            </a>
          )}
        </div>
      </div>
      {wrong.length > 0 && (
        <ErrorSummary
          heading={`${inWords(wrong.length)} ${wrong.length === 1 ? 'thing' : 'things'} to mend. Nothing was changed.`}
          errors={wrong}
        />
      )}
      <hr class="soft" />
      {receipt !== null && (
        <Receipt {...receipt}>
          <p class="fine">{receipt.detail}</p>
        </Receipt>
      )}
      {acts.change === null ? <ChangeForm {...props} /> : <UserFacts view={view} reason={acts.change} />}
    </Layout>
  );
}

function ChangeForm({ frame, view, values, errors, roles, rehearsal }: UserPageProps) {
  const { user, keys } = view;
  return (
    <Form viewer={frame.viewer} action={links.user(user.id)} class="form" novalidate>
      <UserFields values={values} errors={errors} roles={roles}>
        {rehearsal !== null && (
          <div class="note warn" role="status">
            <p>
              <strong>{rehearsal.heading}</strong> {rehearsal.detail}
            </p>
          </div>
        )}
      </UserFields>
      <fieldset id="disabled">
        <legend>May sign in and call</legend>
        <div>
          <label class="pick">
            <input type="radio" name="disabled" value="false" checked={!values.disabled} />
            <span>Yes</span>
          </label>
          <label class="pick">
            <input type="radio" name="disabled" value="true" checked={values.disabled} />
            <span>
              No, disabled
              <small>
                {keys === null || keys !== 1 ? `All ${keys === null ? 'its' : keys} keys are` : 'Its key is'} refused
                within {counted(frame.boundSeconds, 's', 's')}, with <code>USER_DISABLED</code>. Enabling the user
                brings {keys === 1 ? 'it' : 'them'} back.
              </small>
            </span>
          </label>
        </div>
        {errors.disabled !== undefined && <FieldError id="disabled-e">{errors.disabled}</FieldError>}
      </fieldset>
      <div class="end-row">
        <button class="btn go" type="submit">
          Save
        </button>
        <button class="btn" type="submit" name="next" value="rehearse">
          See what it would change
        </button>
        <a class="btn bare" href={links.users()}>
          Cancel
        </a>
      </div>
    </Form>
  );
}

function UserFacts({ view: { user }, reason }: { view: UserView; reason: string }) {
  return (
    <div class="narrow stack">
      <dl class="facts">
        <dt>Email</dt>
        <dd>{user.email}</dd>
        <dt>Role</dt>
        <dd>{roleName(user.role)}</dd>
        <dt>Created</dt>
        <dd>{minute(user.createdAt)}</dd>
        <dt>Id</dt>
        <dd>
          <code>{user.id}</code>
        </dd>
      </dl>
      <p class="fine">{reason}.</p>
    </div>
  );
}
