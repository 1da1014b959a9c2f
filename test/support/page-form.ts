/** A form as a browser would send it: names and values in the order of the page, without those of buttons. */
export type FormFields = [name: string, value: string][];

/**
 * Reads the form of a page that is posted to `action`, as it stands before anyone touches it. A disabled field is not sent,
 * a field of one line has no line feeds, and one of several lines sends each as CR LF. Throws when there is no such form.
 */
export async function readPageForm(page: string, action: string): Promise<FormFields> {
  const fields: FormFields = [];
  let isInside = false;
  let isFound = false;
  let hasChoice = false;
  const addToLast = (text: string) => {
    const last = fields.at(-1);
    if (last !== undefined) last[1] += text;
  };
  const rewriter = new HTMLRewriter()
    .on('form', {
      element(form) {
        isInside = form.getAttribute('method') === 'post' && form.getAttribute('action') === action;
        isFound ||= isInside;
        form.onEndTag(() => {
          isInside = false;
        });
      },
    })
    .on('input', {
      element(input) {
        const name = input.getAttribute('name');
        const isBox = ['radio', 'checkbox'].includes(input.getAttribute('type') ?? '');
        if (!isInside || name === null || input.hasAttribute('disabled')) return;
        if (isBox && !input.hasAttribute('checked')) return;
        fields.push([name, (input.getAttribute('value') ?? 'on').replaceAll(/[\r\n]/g, '')]);
      },
    })
    .on('textarea, select', {
      element(field) {
        if (isInside) fields.push([field.getAttribute('name') ?? '', '']);
        hasChoice = false;
      },
    })
    .on('textarea', {
      text(chunk) {
        if (isInside) addToLast(chunk.text);
      },
    })
    .on('option', {
      element(option) {
        const isChosen = option.hasAttribute('selected');
        const last = fields.at(-1);
        if (!isInside || last === undefined || (hasChoice && !isChosen)) return;
        last[1] = option.getAttribute('value') ?? '';
        hasChoice = true;
      },
    });
  await rewriter.transform(new Response(page)).text();
  if (!isFound) throw new Error(`No form of the page is posted to ${action}`);
  return fields.map(([name, value]) => [name, decode(value).replaceAll(/\r?\n/g, '\r\n')]);
}

const ENTITIES: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' };

/** The text that markup stands for. The rewriter gives it as it is written. */
function decode(markup: string): string {
  return markup.replaceAll(/&(?:lt|gt|quot|#39|amp);/g, (entity) => ENTITIES[entity] ?? entity);
}
