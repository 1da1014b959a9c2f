import { links } from '../links.ts';
import { ErrorSummary } from '../parts/field.tsx';
import { KeyForm, type KeyFormProps, type Ownership, summarise } from '../parts/key-form.tsx';
import { Crumbs, Layout } from '../parts/layout.tsx';
import { inWords } from '../words.ts';

export interface KeyCreatePageProps extends Omit<KeyFormProps, 'action'> {
  ownership: Ownership;
  /** Keys of the same kind whose settings the form can begin with. */
  startLike: readonly { id: number; label: string }[];
}

/** The form for a new key; with errors, once more, as it was filled in. */
export function KeyCreatePage(props: KeyCreatePageProps) {
  const { frame, errors, clientIp } = props;
  const wrong = summarise(errors);
  return (
    <Layout frame={frame} title={wrong.length === 0 ? 'Create a new key' : 'Error: Create a new key'} section="keys">
      <Crumbs parents={[['API keys', links.keys()]]} here="Create" />
      <div class="split">
        <div>
          <div class="head">
            <div>
              <h1>Create a new key</h1>
              {wrong.length === 0 && (
                <p>Only the label is required. All else can be changed later, except whose it is.</p>
              )}
            </div>
          </div>
          {wrong.length > 0 && (
            <ErrorSummary
              heading={`${inWords(wrong.length)} ${wrong.length === 1 ? 'thing' : 'things'} to mend. Nothing was created.`}
              errors={wrong}
            />
          )}
          <hr class="soft" />
          <KeyForm {...props} action={links.keys()}>
            <div class="end-row">
              <button class="btn go" type="submit">
                Create API key
              </button>
              <a class="btn bare" href={links.keys()}>
                Cancel
              </a>
            </div>
          </KeyForm>
        </div>
        {/* The script fills it in. */}
        <aside class="words" data-words="" data-mine={clientIp ?? ''} hidden aria-label="This key in words">
          <h2>In words</h2>
          <ul />
        </aside>
      </div>
    </Layout>
  );
}
