import type { PermissionName } from '../../domain/permissions/permissions.ts';
import type { AccessExplanation, CheckExplanation } from '../../domain/verification/explain-access.ts';
import { describeDenial } from '../../wire/denial.ts';
import { links } from '../links.ts';
import { inWords } from '../words.ts';
import { Field } from './field.tsx';
import { MarkIcon } from './icons.tsx';

/** A call to ask about, as the form was filled in. */
export interface Question {
  ip: string;
  permission: string;
  /** As `2026-11-25T14:02`, in UTC. */
  at: string;
}

export interface AskProps {
  id: number;
  question: Question;
  /** What is wrong with the question, by field. */
  errors: Partial<Record<keyof Question, string>>;
  /** Null: nothing was asked yet. */
  answer: AccessExplanation | null;
  /** Permissions to choose from. */
  permissions: readonly PermissionName[];
  /** Addresses to choose from. */
  addresses: readonly string[];
  /** Networks that were refused lately, with how long ago: to be asked about by one click. */
  lately: readonly { network: string; ago: string }[];
}

/** "Would this call be allowed?": a question by GET, and its answer with every check. */
export function Ask({ id, question, errors, answer, permissions, addresses, lately }: AskProps) {
  return (
    <section class="sect" id="ask">
      <h2>Would this call be allowed?</h2>
      <p>
        Ask before you call, or find out why a call was refused. Nothing is called.
        {lately.length > 0 && ' Lately refused: '}
        {lately.map(({ network, ago }, index) => (
          <>
            {index > 0 && '; '}
            <a href={`${links.key(id)}?${new URLSearchParams({ ip: network.replace(/\/\d+$/, '') })}#ask`}>
              <code>{network}</code>, {ago}
            </a>
          </>
        ))}
        {lately.length > 0 && '.'}
      </p>
      <form class="ask" method="get" action={`${links.key(id)}#ask`}>
        <Field id="ip" label="From address" error={errors.ip ?? null}>
          {(described) => (
            <input
              id="ip"
              name="ip"
              class="mono"
              value={question.ip}
              inputmode="text"
              spellcheck={false}
              autocomplete="off"
              list="seen"
              {...described}
            />
          )}
        </Field>
        <datalist id="seen">
          {addresses.map((address) => (
            <option value={address} />
          ))}
        </datalist>
        <Field id="permission" label="Needs permission" error={errors.permission ?? null}>
          {(described) => (
            <select id="permission" name="permission" {...described}>
              <option value="">none in particular</option>
              {permissions.map((name) => (
                <option value={name} selected={name === question.permission}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field id="at" label="At" aside="UTC" error={errors.at ?? null}>
          {(described) => <input id="at" name="at" type="datetime-local" value={question.at} {...described} />}
        </Field>
        <button class="btn" type="submit">
          Ask
        </button>
      </form>
      {answer !== null && <Answer id={id} answer={answer} />}
    </section>
  );
}

function Answer({ id, answer: { decision, checks } }: { id: number; answer: AccessExplanation }) {
  const failed = checks.filter(({ passed }) => !passed);
  return (
    <>
      {decision.allowed ? (
        <div class="note ok" role="status">
          <p>
            <strong>Allowed.</strong> All {checks.length} checks pass.
          </p>
        </div>
      ) : (
        <div class="note bad" role="status">
          <p>
            <strong>
              Refused: {describeDenial(decision).status} <code>{decision.code}</code>
            </strong>
          </p>
          <p class="fine">
            {inWords(failed.length)} of {inWords(checks.length).toLowerCase()} checks{' '}
            {failed.length === 1 ? 'fails' : 'fail'}.{' '}
            {failed
              .map(({ remedy }) => remedy)
              .filter(Boolean)
              .join(' ')}{' '}
            <a href={links.changeKey(id)}>Change the key</a>
          </p>
        </div>
      )}
      <ol class="checks">
        {checks.map((check) => (
          <li>
            <MarkIcon mark={check.passed ? 'yes' : 'no'} />
            <strong>{CHECK_NAMES[check.check]}</strong>
            <span>{check.detail}</span>
          </li>
        ))}
      </ol>
    </>
  );
}

const CHECK_NAMES: Record<CheckExplanation['check'], string> = {
  revocation: 'Revocation',
  pause: 'Pause',
  user: 'User',
  expiry: 'Expiry',
  address: 'Address',
  permissions: 'Permission',
};
