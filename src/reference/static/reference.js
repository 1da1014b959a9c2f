// The reference of the API. Without this script everything is there but the search and the trying.

const entries = [...document.querySelectorAll('[data-entry]')].map((element) => ({
  element,
  link: document.querySelector(`[data-for="${element.id}"]`),
  text: element.textContent.toLowerCase(),
}));
const groups = [...document.querySelectorAll('[data-group]')];
const search = document.querySelector('[data-search]');

if (search) {
  const input = search.querySelector('input');
  const found = document.getElementById('found');
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { element, link, text } of entries) {
      const isFound = words.every((word) => text.includes(word));
      if (isFound) count += 1;
      element.hidden = !isFound;
      if (link) link.hidden = !isFound;
    }
    for (const group of groups)
      group.hidden = !group.querySelector('[data-entry]:not([hidden]), [data-for]:not([hidden])');
    found.textContent =
      words.length === 0 ? '' : count === 1 ? '1 entry has all of it.' : `${count} entries have all of it.`;
  };
  const clear = () => {
    if (input.value === '') return;
    input.value = '';
    show();
  };
  search.hidden = false;
  input.addEventListener('input', show);
  search.addEventListener('submit', (event) => {
    event.preventDefault();
    entries
      .find(({ element }) => !element.hidden)
      ?.link?.querySelector('a')
      .click();
  });
  // A link may be to what the search has hidden.
  addEventListener('hashchange', () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target?.closest('[hidden]')) return;
    clear();
    target.scrollIntoView();
  });
  addEventListener('keydown', (event) => {
    if (event.key === '/' && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      input.focus();
    }
    if (event.key === 'Escape' && document.activeElement === input) clear();
  });
}

// A key has no place in a browser, but for those of a service on this machine.
if (/^(localhost|127\.0\.0\.1|\[::1\])$/.test(location.hostname)) {
  const tries = document.querySelectorAll('[data-try]');
  if (tries.length > 0) addKeyField();
  for (const element of tries) {
    element.hidden = false;
    const form = element.querySelector('form');
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      send(form);
    });
  }
}

function addKeyField() {
  const field = document.createElement('div');
  field.className = 'field';
  const label = document.createElement('label');
  label.htmlFor = 'key';
  label.textContent = 'Key to try calls with';
  const input = document.createElement('input');
  input.id = 'key';
  input.type = 'password';
  input.autocomplete = 'off';
  input.className = 'mono';
  const help = document.createElement('p');
  help.className = 'help';
  help.textContent = 'It stays in this page, and goes to this service only.';
  field.append(label, input, help);
  document.querySelector('.reference > aside').prepend(field);
}

async function send(form) {
  const output = form.querySelector('output');
  const query = new URLSearchParams();
  const headers = {};
  let path = form.dataset.path;
  for (const input of form.querySelectorAll('[data-in]')) {
    if (input.value === '') continue;
    if (input.dataset.in === 'path') path = path.replace(`{${input.name}}`, encodeURIComponent(input.value));
    else if (input.dataset.in === 'query') query.set(input.name, input.value);
    else headers[input.name] = input.value;
  }
  const key = document.getElementById('key').value.trim();
  if (key !== '') headers['x-APIKey'] = key;
  const body = form.querySelector('[data-body]')?.value;
  if (body !== undefined) headers['Content-Type'] = form.dataset.type;
  const url = query.size === 0 ? path : `${path}?${query}`;
  output.textContent = 'Waiting for the answer.';
  try {
    const response = await fetch(url, { method: form.dataset.method, headers, body, credentials: 'omit' });
    const text = await response.text();
    show(output, `${response.status} ${response.statusText}\n\n${pretty(text)}`);
  } catch (error) {
    show(output, `No answer: ${error.message}`);
  }
}

function show(output, text) {
  const pre = document.createElement('pre');
  pre.tabIndex = 0;
  pre.textContent = text;
  output.replaceChildren(pre);
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
