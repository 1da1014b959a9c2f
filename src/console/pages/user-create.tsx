import { links } from '../links.ts';
import { ErrorSummary } from '../parts/field.tsx';
import type { SignedInFrame } from '../parts/frame.ts';
import { Crumbs, Form, Layout } from '../parts/layout.tsx';
import {
  type RoleChoice,
  summariseUser,
  UserFields,
  type UserFormErrors,
  type UserFormValues,
} from '../parts/user-form.tsx';
import { inWords } from '../words.ts';

export interface UserCreatePageProps {
  frame: SignedInFrame;
  values: UserFormValues;
  errors: UserFormErrors;
  roles: readonly RoleChoice[];
  /** Whether the viewer may make the sign-in link too. */
  mayInvite: boolean;
}

/** The form for a new user. */
export function UserCreatePage({ frame, values, errors, roles, mayInvite }: UserCreatePageProps) {
  const wrong = summariseUser(errors);
  return (
    <Layout frame={frame} title={wrong.length === 0 ? 'Create a user' : 'Error: Create a user'} section="users">
      <Crumbs parents={[['Users', links.users()]]} here="Create" />
      <div class="form-page">
        <div class="head">
          <h1>Create a user</h1>
        </div>
        {wrong.length > 0 && (
          <ErrorSummary
            heading={`${inWords(wrong.length)} ${wrong.length === 1 ? 'thing' : 'things'} to mend. Nobody was created.`}
            errors={wrong}
          />
        )}
        <hr class="soft" />
        <Form viewer={frame.viewer} action={links.users()} class="form" novalidate>
          <UserFields values={values} errors={errors} roles={roles} />
          <div class="end-row">
            {mayInvite && (
              <button class="btn go" type="submit" name="next" value="invite">
                Create, and make a sign-in link
              </button>
            )}
            <button class={mayInvite ? 'btn' : 'btn go'} type="submit" name="next" value="none">
              Create only
            </button>
            <a class="btn bare" href={links.users()}>
              Cancel
            </a>
          </div>
        </Form>
      </div>
    </Layout>
  );
}
