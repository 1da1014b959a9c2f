import type { PropsWithChildren } from 'hono/jsx';
import { ASSET_PATHS } from '../asset-paths.ts';
import { links } from '../links.ts';
import { counted, machineMoment, minute } from '../words.ts';
import type { Frame, Section, Viewer } from './frame.ts';
import { Logo } from './icons.tsx';
import { roleName } from './names.ts';

interface LayoutProps {
  frame: Frame;
  /** What the browser's tab says, before the name of the product. */
  title: string;
  /** The section that the page belongs to. */
  section?: Section;
}

/** The page around every content: head, top bar, footer. */
export function Layout({ frame, title, section, children }: PropsWithChildren<LayoutProps>) {
  return (
    <html lang="en" data-now={machineMoment(frame.now)}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>{`${title} · Latchkey`}</title>
        <link rel="stylesheet" href={ASSET_PATHS['console.css']} />
        <link rel="icon" type="image/svg+xml" href={ASSET_PATHS['icon.svg']} />
        <script src={ASSET_PATHS['console.js']} defer />
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to content
        </a>
        {frame.viewer !== null && <TopBar viewer={frame.viewer} section={section} />}
        <main id="main" tabindex={-1}>
          {children}
        </main>
        {frame.viewer !== null && (
          <footer class="foot">
            <span>Times are UTC. “Last used” is at most 60&nbsp;s behind.</span>
            <span>Changes hold everywhere within {counted(frame.boundSeconds, 's', 's')}.</span>
          </footer>
        )}
        <p id="say" class="vh" role="status" />
      </body>
    </html>
  );
}

const SECTIONS: readonly { section: Section; name: string; href: string }[] = [
  { section: 'keys', name: 'API keys', href: links.keys() },
  { section: 'users', name: 'Users', href: links.users() },
  { section: 'audit', name: 'Audit log', href: links.audit() },
  { section: 'organisations', name: 'Organisations', href: links.organisations() },
];

function TopBar({ viewer, section }: { viewer: Viewer; section: Section | undefined }) {
  return (
    <header class="top">
      <a class="wordmark" href={links.keys()}>
        <Logo />
        Latchkey
      </a>
      <nav aria-label="Settings">
        <ul>
          {SECTIONS.filter((entry) => viewer.sections.includes(entry.section)).map((entry) => (
            <li>
              <a href={entry.href} aria-current={entry.section === section ? 'page' : undefined}>
                {entry.name}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <UserMenu viewer={viewer} />
    </header>
  );
}

const SIGNED_IN_BY = { link: 'a sign-in link', access: 'your organisation’s account' } as const;

function UserMenu({ viewer }: { viewer: Viewer }) {
  const { signedInBy } = viewer;
  return (
    <details class="menu who" name="menu">
      <summary>
        <span class="vh">Signed in as </span>
        <bdi>{viewer.name}</bdi>
      </summary>
      <div>
        <dl class="facts">
          <dt>Name</dt>
          <dd>
            <bdi>{viewer.name}</bdi>
          </dd>
          <dt>Organisation</dt>
          <dd>
            <bdi>{viewer.organisation}</bdi>
          </dd>
          <dt>Role</dt>
          <dd>{roleName(viewer.role)}</dd>
          <dt>Signed in with</dt>
          <dd>{signedInBy.by === 'key' ? <code>{signedInBy.hint}</code> : SIGNED_IN_BY[signedInBy.by]}</dd>
          <dt>Session ends</dt>
          <dd>{minute(viewer.sessionEndsAt)}</dd>
        </dl>
        <ul class="cut">
          <li>
            <Form viewer={viewer} action={links.signOut}>
              <button type="submit">Sign out</button>
            </Form>
          </li>
          <li>
            <Form viewer={viewer} action={links.signOutEverywhere}>
              <button type="submit">Sign out everywhere</button>
            </Form>
          </li>
        </ul>
      </div>
    </details>
  );
}

/** A form that acts: it is posted, with the token of the session. */
export function Form({
  viewer,
  children,
  ...attributes
}: PropsWithChildren<{
  viewer: Viewer;
  action: string;
  class?: string;
  role?: 'search';
  novalidate?: boolean;
  'data-keyform'?: string;
}>) {
  return (
    <form method="post" {...attributes}>
      <input type="hidden" name="csrf" value={viewer.csrfToken} />
      {children}
    </form>
  );
}

/** Where a page lies: its parents with their addresses, then itself. */
export function Crumbs({
  parents,
  here,
}: {
  parents: readonly (readonly [name: string, href: string])[];
  here: string;
}) {
  return (
    <nav class="crumb" aria-label="Breadcrumb">
      <ol>
        {parents.map(([name, href]) => (
          <li>
            <a href={href}>
              <bdi>{name}</bdi>
            </a>
          </li>
        ))}
        <li>
          <span aria-current="page">
            <bdi>{here}</bdi>
          </span>
        </li>
      </ol>
    </nav>
  );
}
