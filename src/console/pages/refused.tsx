import { links } from '../links.ts';
import type { SignedInFrame } from '../parts/frame.ts';
import { Layout } from '../parts/layout.tsx';
import { roleWithArticle } from '../parts/names.ts';

export interface RefusedPageProps {
  frame: SignedInFrame;
  /** What was refused, as a sentence without a full stop: `Main integration keys are for administrators`. */
  heading: string;
  /** What the viewer lacks (`the role Organisation admin`), or why nobody can do it. */
  reason: { is: 'missing' | 'impossible'; text: string };
  /** Someone of the organisation who has it; null: nobody, or nobody that the viewer may know of. */
  helper: { name: string; email: string } | null;
  /** What the viewer can do instead; null: nothing. */
  instead: { text: string; href: string; link: string } | null;
  requestId: string;
}

/** A refusal says what is missing, who can help, and what one can do oneself. */
export function RefusedPage({ frame, heading, reason, helper, instead, requestId }: RefusedPageProps) {
  return (
    <Layout frame={frame} title="Not for you" section="keys">
      <div class="narrow stack">
        <h1>{heading}</h1>
        <p>
          You are signed in as{' '}
          <strong>
            <bdi>{frame.viewer.name}</bdi>
          </strong>
          , {roleWithArticle(frame.viewer.role)}. Nothing was changed.
        </p>
        <dl class="facts">
          <dt>{reason.is === 'missing' ? 'What is missing' : 'Why'}</dt>
          <dd>{reason.text}</dd>
          {helper !== null && (
            <>
              <dt>Who can help</dt>
              <dd>
                <bdi>{helper.name}</bdi>, <a href={`mailto:${encodeURIComponent(helper.email)}`}>{helper.email}</a>
              </dd>
            </>
          )}
          {instead !== null && (
            <>
              <dt>What you can do</dt>
              <dd>
                {instead.text} <a href={instead.href}>{instead.link}</a>
              </dd>
            </>
          )}
          <dt>Request</dt>
          <dd>
            <code>{requestId}</code>
          </dd>
        </dl>
        <div class="row">
          <a class="btn go" href={links.keys()}>
            Your keys
          </a>
        </div>
      </div>
    </Layout>
  );
}
