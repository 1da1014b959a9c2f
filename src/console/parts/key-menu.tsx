import type { PropsWithChildren } from 'hono/jsx';
import { links } from '../links.ts';
import type { SignedInFrame } from './frame.ts';
import { Dots } from './icons.tsx';
import type { KeyView } from './key-view.ts';
import { Form } from './layout.tsx';

/** A menu behind three dots. One of a page is open at a time, without a script. */
export function DotsMenu({ name, button = false, children }: PropsWithChildren<{ name: string; button?: boolean }>) {
  return (
    <details class="menu" name="menu">
      <summary class={button ? 'btn dots' : 'dots'} aria-label={name}>
        <Dots />
      </summary>
      <ul>{children}</ul>
    </details>
  );
}

/** An entry of a menu. What the viewer may not do is there, cannot be clicked, and says why. */
export function MenuEntry({
  href,
  refused,
  ends = false,
  children,
}: PropsWithChildren<{ href: string; refused: string | null; ends?: boolean }>) {
  return (
    <li class={ends ? 'cut' : undefined}>
      {refused === null ? (
        <a class={ends ? 'end' : undefined} href={href}>
          {children}
        </a>
      ) : (
        <span class="off">
          {children}
          <small>{refused}</small>
        </span>
      )}
    </li>
  );
}

/** The menu of a row: change or revoke, and what else can be done with the key. */
export function KeyMenu({ view, frame }: { view: KeyView; frame: SignedInFrame }) {
  const { key, acts } = view;
  const { change, rotate, see } = acts;
  // One reason for all three is said once.
  const isClosed = change !== null && change === rotate && change === see;
  return (
    <DotsMenu name={`Actions for ${key.label}`}>
      {isClosed ? (
        <>
          <li>
            <a href={links.key(key.id)}>Open</a>
          </li>
          <MenuEntry href="" refused={change}>
            Change, rotate, see key
          </MenuEntry>
        </>
      ) : (
        <>
          <MenuEntry href={links.changeKey(key.id)} refused={change}>
            Change
          </MenuEntry>
          <MenuEntry href={links.rotateKey(key.id)} refused={rotate}>
            Rotate
          </MenuEntry>
          <MenuEntry href={links.seeKey(key.id)} refused={see}>
            See key
          </MenuEntry>
        </>
      )}
      {key.revokedAt === null && (
        <>
          <PauseEntry view={view} frame={frame} />
          <MenuEntry href={links.revokeKey(key.id)} refused={acts.revoke} ends>
            {acts.revoke === null ? 'Revoke…' : 'Revoke'}
          </MenuEntry>
        </>
      )}
    </DotsMenu>
  );
}

/** Pausing has a page of its own, and resuming is done at once. */
export function PauseEntry({ view, frame }: { view: KeyView; frame: SignedInFrame }) {
  const { key, acts } = view;
  if (key.pausedAt === null || acts.pause !== null) {
    return (
      <MenuEntry href={links.pauseKey(key.id)} refused={acts.pause}>
        {key.pausedAt === null ? 'Pause' : 'Resume'}
      </MenuEntry>
    );
  }
  return (
    <li>
      <Form viewer={frame.viewer} action={links.resumeKey(key.id)}>
        <button type="submit">Resume</button>
      </Form>
    </li>
  );
}
