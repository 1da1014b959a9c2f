import type { PropsWithChildren } from 'hono/jsx';
import type { Frame } from './frame.ts';
import { Logo } from './icons.tsx';
import { Layout } from './layout.tsx';

/** The page of someone who is not signed in: one narrow column under the name. */
export function Door({ frame, title, children }: PropsWithChildren<{ frame: Frame; title: string }>) {
  return (
    <Layout frame={{ ...frame, viewer: null }} title={title}>
      <div class="door">
        <span class="wordmark">
          <Logo />
          Latchkey
        </span>
        {children}
      </div>
    </Layout>
  );
}
