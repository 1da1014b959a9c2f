import { links } from '../links.ts';
import { Door } from '../parts/door.tsx';
import type { Frame } from '../parts/frame.ts';

/** A form that did not come from a page of the console, or from one of another session. */
export function ForeignFormPage({ frame }: { frame: Frame }) {
  return (
    <Door frame={frame} title="Not from here">
      <div class="stack tight">
        <h1>This did not come from the console</h1>
        <p>
          Another site may have sent it in your name, or the page is older than your session. Nothing was changed. Open
          the page again, and do it from there.
        </p>
      </div>
      <a class="btn go" href={links.keys()}>
        Your keys
      </a>
    </Door>
  );
}
