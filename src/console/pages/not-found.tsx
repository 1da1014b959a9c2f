import { links } from '../links.ts';
import type { Frame } from '../parts/frame.ts';
import { Layout } from '../parts/layout.tsx';

/** What does not exist, and what the viewer may not know of: the two look the same. */
export function NotFoundPage({ frame }: { frame: Frame }) {
  return (
    <Layout frame={frame} title="Not found">
      <div class="narrow stack">
        <h1>There is nothing here for you</h1>
        <p>
          The key or page does not exist, was deleted with its user, or is not yours to see. An id never comes back, so
          an old link stays dead.
        </p>
        <div class="row">
          {frame.viewer === null ? (
            <a class="btn go" href={links.signIn}>
              Sign in
            </a>
          ) : (
            <>
              <a class="btn go" href={links.keys()}>
                All keys
              </a>
              <a class="btn" href={links.audit()}>
                Look in the audit log
              </a>
            </>
          )}
        </div>
      </div>
    </Layout>
  );
}
