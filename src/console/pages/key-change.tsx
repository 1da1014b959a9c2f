import type { Key } from '../../domain/keys/key.ts';
import { links } from '../links.ts';
import { ErrorSummary } from '../parts/field.tsx';
import { KeyForm, type KeyFormProps, summarise } from '../parts/key-form.tsx';
import { Crumbs, Layout } from '../parts/layout.tsx';
import { Rehearsal, type RehearsalView } from '../parts/rehearsal.tsx';
import { counted, inWords } from '../words.ts';

export interface KeyChangePageProps extends Omit<KeyFormProps, 'action'> {
  /** The key as it stands. */
  target: Key;
  /** How often each entry of the list let a call in within 30 days; null: not known. */
  callsByEntry: ReadonlyMap<string, number> | null;
  /** Null: nothing was rehearsed yet. */
  rehearsal: RehearsalView | null;
}

/** The form of a key that there is. */
export function KeyChangePage(props: KeyChangePageProps) {
  const { frame, target: key, errors, rehearsal } = props;
  const wrong = summarise(errors);
  const title = `Change ${key.label}`;
  return (
    <Layout frame={frame} title={wrong.length === 0 ? title : `Error: ${title}`} section="keys">
      <Crumbs
        parents={[
          ['API keys', links.keys()],
          [key.label, links.key(key.id)],
        ]}
        here="Change"
      />
      <div class="form-page">
        <div class="head">
          <div>
            <h1>
              Change “<bdi>{key.label}</bdi>”
            </h1>
            <p>The secret stays the same. A change holds everywhere within {counted(frame.boundSeconds, 's', 's')}.</p>
          </div>
        </div>
        {wrong.length > 0 && (
          <ErrorSummary
            heading={`${inWords(wrong.length)} ${wrong.length === 1 ? 'thing' : 'things'} to mend. Nothing was changed.`}
            errors={wrong}
          />
        )}
        <hr class="soft" />
        <KeyForm {...props} action={links.changeKey(key.id)} presentDate={key.expirationDate}>
          {rehearsal !== null && <Rehearsal rehearsal={rehearsal} now={frame.now} />}
          <div class="end-row">
            <button class="btn go" type="submit">
              {rehearsal !== null && rehearsal.refused > 0 ? 'Save, and refuse those calls' : 'Save'}
            </button>
            <button class="btn" type="submit" name="next" value="rehearse">
              {rehearsal === null ? 'See what it would change' : 'Check again'}
            </button>
            <a class="btn bare" href={links.key(key.id)}>
              Cancel
            </a>
          </div>
        </KeyForm>
      </div>
    </Layout>
  );
}
