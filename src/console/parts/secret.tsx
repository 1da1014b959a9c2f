/** A secret, shown this once: one line, selected whole, in focus when the page arrives. */
export function Secret({ name, value }: { name: string; value: string }) {
  return (
    <div class="secret">
      {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: it is read out and selected like a field. */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: `tabindex` makes it so. */}
      <code id="secret" tabindex={0} role="textbox" aria-readonly="true" aria-label={name} data-focus="">
        {value}
      </code>
      <button class="btn" type="button" data-copy="#secret" hidden>
        Copy
      </button>
    </div>
  );
}

/** The way on from a secret. With the script it says "Copy and close" until the secret was copied. */
export function SecretDone({ href }: { href: string }) {
  return (
    <div class="row">
      <a class="btn go" href={href} data-copy-close="#secret">
        Done
      </a>
      <span class="fine" data-nojs="">
        Select the line and copy it.
      </span>
    </div>
  );
}

/** A command to copy. */
export function Command({ name, text }: { name: string; text: string }) {
  return (
    <div class="code">
      <pre tabindex={0} role="region" aria-label={name}>
        <code id="command">{text}</code>
      </pre>
      <button class="btn sm" type="button" data-copy="#command" hidden>
        Copy
      </button>
    </div>
  );
}
