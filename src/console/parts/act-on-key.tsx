import type { PropsWithChildren } from 'hono/jsx';
import type { Key } from '../../domain/keys/key.ts';
import { links } from '../links.ts';
import type { SignedInFrame } from './frame.ts';
import { Crumbs, Layout } from './layout.tsx';

/** The page of one act on a key: narrow, under the key in the path. */
export function ActOnKey({
  frame,
  target,
  title,
  here,
  children,
}: PropsWithChildren<{ frame: SignedInFrame; target: Key; title: string; here: string }>) {
  return (
    <Layout frame={frame} title={title} section="keys">
      <Crumbs
        parents={[
          ['API keys', links.keys()],
          [target.label, links.key(target.id)],
        ]}
        here={here}
      />
      <div class="narrow stack">{children}</div>
    </Layout>
  );
}
