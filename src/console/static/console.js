// Latchkey console: what a script adds. Every page does its work without this file.
const $ = (s, at = document) => at.querySelector(s);
const $$ = (s, at = document) => [...at.querySelectorAll(s)];
const say = (text) => {
  const box = $('#say');
  if (box) {
    box.textContent = '';
    requestAnimationFrame(() => (box.textContent = text));
  }
};
const started = performance.now();
const now = () => Date.parse(document.documentElement.dataset.now) + performance.now() - started; // the server's clock, not the visitor's
document.documentElement.classList.add('js');
for (const el of $$('[data-nojs]')) el.hidden = true;

/* Menus: Escape and a click elsewhere close them. One at a time is <details name>. */
const close = (menu, focus) => {
  menu.open = false;
  if (focus) $('summary', menu).focus();
};
addEventListener('click', (e) => {
  for (const menu of $$('.menu[open]')) if (!menu.contains(e.target)) close(menu);
});
addEventListener('keydown', (e) => {
  if (e.key === 'Escape') for (const menu of $$('.menu[open]')) close(menu, true);
  if ((e.key === 'ArrowDown' || e.key === 'ArrowUp') && e.target.closest?.('.menu')) {
    const menu = e.target.closest('.menu');
    menu.open = true;
    e.preventDefault();
    const all = $$('li a, li button', menu),
      at = all.indexOf(document.activeElement);
    all.at((at + (e.key === 'ArrowDown' ? 1 : at < 0 ? 0 : -1)) % all.length)?.focus();
  }
  if (e.key === '/' && !/INPUT|TEXTAREA|SELECT/.test(e.target.tagName)) {
    const q = $('#q');
    if (q) {
      e.preventDefault();
      q.focus();
    }
  }
});

/* Copying. The button of the page says "Copy and close" until the secret has been copied, then "Done". */
const copy = async (selector) => {
  const el = $(selector);
  try {
    await navigator.clipboard.writeText(el.textContent.trim());
    say('Copied.');
    return true;
  } catch {
    getSelection().selectAllChildren(el);
    say('Selected. Press Control or Command and C to copy.');
    return false;
  }
};
const closer = $('[data-copy-close]');
const done = () => {
  if (closer) {
    closer.textContent = 'Done';
    delete closer.dataset.copyClose;
  }
};
if (closer) {
  closer.textContent = 'Copy and close';
  closer.addEventListener('click', async (e) => {
    const what = closer.dataset.copyClose;
    if (!what) return;
    e.preventDefault();
    const ok = await copy(what);
    done();
    if (ok) location.assign(closer.href);
  });
}
for (const b of $$('[data-copy]')) {
  b.hidden = false;
  b.addEventListener('click', async () => {
    if (await copy(b.dataset.copy)) {
      b.textContent = 'Copied';
      setTimeout(() => (b.textContent = 'Copy'), 2000);
      if (closer && b.dataset.copy === closer.dataset.copyClose) done();
    }
  });
}
const shown = $('[data-focus]');
if (shown) {
  shown.focus();
  say(document.title);
}
$('#errors')?.focus();

/* Filtering the rows of this page as one types; Enter searches all of them on the server. */
for (const q of $$('[data-filter]'))
  q.addEventListener('input', () => {
    const want = q.value.trim().toLowerCase();
    let left = 0;
    for (const row of $$(q.dataset.filter)) {
      row.hidden = want !== '' && !$('th', row).textContent.toLowerCase().includes(want);
      left += !row.hidden;
    }
    say(`${left} on this page. Press Enter to search everywhere.`);
  });

/* Times stay true on a page left open. */
const steps = [
  [86400, 'day'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
];
const relative = (ms) => {
  const s = Math.round(Math.abs(now() - ms) / 1000);
  if (s < 10) return 'just now';
  const [size, unit] = steps.find(([n]) => s >= n),
    n = Math.floor(s / size),
    text = `${n}\u00a0${unit}${unit === 'day' && n !== 1 ? 's' : ''}`;
  return ms <= now() ? `${text} ago` : `in ${text}`;
};
setInterval(() => {
  for (const t of $$('time[data-rel]')) t.textContent = relative(Date.parse(t.dateTime));
}, 30_000);
for (const t of $$('[data-local]')) {
  const at = new Date(t.dateTime.replace(/T00:00Z$/, 'T00:00:00Z')),
    there = at.toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
  if (at.getTimezoneOffset()) t.append(` (${there} for you)`);
}

/* A revocation counts down to the moment from which it holds everywhere. */
for (const box of $$('[data-until]')) {
  const line = $('[data-count]', box),
    end = Date.parse(box.dataset.until),
    base = line.textContent;
  const tick = () => {
    const left = Math.ceil((end - now()) / 1000);
    if (left > 0) {
      line.textContent = `${base.replace(/\.$/, '')}: ${left} s left.`;
      setTimeout(tick, 1000);
    } else {
      line.textContent = box.dataset.then;
      box.classList.replace('warn', 'ok');
    }
  };
  box.removeAttribute('role');
  tick(); // a countdown is not for reading out; its end is
  setTimeout(() => say(box.dataset.then), Math.max(0, end - now()));
}

/* The form of a key: each address judged as it is written, permissions that follow each other, all of it in words. */
const form = $('[data-keyform]');
if (form) {
  const area = $('#ip_whitelist', form),
    list = $('[data-verdicts]', form),
    words = $('[data-words]');
  const v4 = (t) => {
    const p = t.split('.');
    return p.length === 4 && p.every((o) => /^(0|[1-9]\d{0,2})$/.test(o) && o < 256)
      ? p.reduce((a, o) => a * 256 + +o, 0)
      : null;
  };
  /** An IPv6 address as a number, by way of how a URL writes it; null for anything else. */
  const v6 = (t) => {
    if (!/^[0-9a-f:.]+$/i.test(t) || !t.includes(':')) return null;
    try {
      const [head, tail] = new URL(`http://[${t}]`).hostname
        .slice(1, -1)
        .split('::')
        .map((half) => half.split(':').filter(Boolean));
      const parts = tail ? [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail] : head;
      return parts.reduce((a, part) => (a << 16n) | BigInt(`0x${part}`), 0n);
    } catch {
      return null;
    }
  };
  const write4 = (n) => [24, 16, 8, 0].map((s) => Math.floor(n / 2 ** s) % 256).join('.');
  const write6 = (n) =>
    new URL(`http://[${n.toString(16).padStart(32, '0').match(/.{4}/g).join(':')}]`).hostname.slice(1, -1);
  const judge = (line) => {
    const [addr, bits, more] = line.split('/'),
      wide = v6(addr),
      max = wide === null ? 32 : 128;
    if (more !== undefined || (bits !== undefined && !(/^(0|[1-9]\d{0,2})$/.test(bits) && bits <= max)))
      return ['no', `A prefix is a number from 0 to ${max}.`];
    const prefix = +(bits ?? max);
    if (wide !== null) {
      if (wide >> 32n === 0xffffn && prefix >= 96) {
        // An IPv4 client, written the IPv6 way.
        const inner = `${write4(Number(wide & 0xffffffffn))}${prefix < 128 ? `/${prefix - 96}` : ''}`,
          [, said] = judge(inner);
        return ['mind', said.startsWith('means') ? said : `means ${inner}, ${said}`];
      }
      if (prefix === 0) return ['mind', 'every IPv6 address'];
      if (prefix === 128) return ['yes', 'one IPv6 address'];
      const host = BigInt(128 - prefix),
        start = (wide >> host) << host;
      return start === wide
        ? ['yes', 'an IPv6 network']
        : ['mind', `means ${write6(start)}/${prefix}, an IPv6 network`];
    }
    const n = v4(addr);
    if (n === null)
      return [
        'no',
        /%/.test(line)
          ? 'Has a zone. Leave it out.'
          : /^[\d.]+:\d+$/.test(addr)
            ? `Has a port. Write ${addr.split(':')[0]}.`
            : /^[\d.]+$/.test(addr) && /(^|\.)0\d/.test(addr)
              ? 'Leading zero. Write it without.'
              : /[g-z]/i.test(addr)
                ? 'A name. Give its addresses.'
                : 'Not an address.',
      ];
    if (prefix === 0) return ['mind', 'every IPv4 address'];
    if (prefix === 32) return ['yes', 'one address'];
    const size = 2 ** (32 - prefix),
      first = n - (n % size),
      many = `${size.toLocaleString('en')} addresses`;
    return first === n ? ['yes', many] : ['mind', `means ${write4(first)}/${prefix}, ${many}`];
  };
  const holds = (line, ip) => {
    const [a, bits = 32] = line.split('/'),
      n = v4(a),
      size = 2 ** (32 - bits);
    return n !== null && n - (n % size) === v4(ip) - (v4(ip) % size);
  };
  const icon = {
    yes: ['ok', 'M1.5 6.5l3 3 6-7'],
    no: ['bad', 'M2 2l8 8M10 2l-8 8'],
    mind: ['warn', 'M6 1v6.5M6 9.2v1.6'],
  };
  const ns = 'http://www.w3.org/2000/svg';
  const lines = () =>
    area.value
      .split('\n')
      .map((l) => l.trim())
      .filter(Boolean);
  const show = () =>
    list.replaceChildren(
      ...lines().map((l) => {
        const [kind, text] = judge(l),
          li = document.createElement('li'),
          svg = document.createElementNS(ns, 'svg'),
          path = document.createElementNS(ns, 'path'),
          code = document.createElement('code'),
          span = document.createElement('span');
        svg.setAttribute('viewBox', '0 0 12 12');
        svg.setAttribute('class', icon[kind][0]);
        svg.setAttribute('aria-hidden', 'true');
        for (const [k, v] of Object.entries({
          d: icon[kind][1],
          fill: 'none',
          stroke: 'currentColor',
          'stroke-width': '1.8',
        }))
          path.setAttribute(k, v);
        svg.append(path);
        code.textContent = l;
        span.textContent = text;
        if (kind === 'no') span.className = 'bad';
        li.append(svg, code, span);
        return li;
      }),
    );
  area.addEventListener('input', show);
  $('[data-add]', form)?.addEventListener('click', (e) => {
    e.preventDefault();
    const mine = e.currentTarget.dataset.add;
    if (!lines().includes(mine)) {
      area.value = [...lines(), mine].join('\n');
      show();
      tell();
      say(`${mine} added.`);
    } else say(`${mine} is on the list already.`);
  });

  const boxes = $$('[name=permissions]', form);
  for (const b of boxes)
    b.addEventListener('change', () => {
      const above = (box) => boxes.find((x) => x.value === box.dataset.needs);
      if (b.checked) for (let p = above(b); p; p = above(p)) p.checked = true;
      else {
        const drop = (name) => {
          for (const x of boxes.filter((box) => box.dataset.needs === name)) {
            x.checked = false;
            drop(x.value);
          }
        };
        drop(b.value);
      }
    });

  const tell = () => {
    if (!words) return;
    const f = new FormData(form),
      days = f.get('expiry'),
      day =
        days === 'date'
          ? f.get('expiration_date')
          : days === 'never'
            ? null
            : new Date(now() + days * 864e5).toISOString().slice(0, 10);
    const all = lines(),
      n = all.filter((l) => judge(l)[0] !== 'no').length,
      wrong = all.length - n,
      mine = words.dataset.mine,
      may = boxes.filter((b) => b.checked).length,
      rows = [
        [
          f.get('user_type') === 'user' ? 'A personal key for ' : 'A main integration key, ',
          f.get('user_type') === 'user'
            ? ($('#user_id', form)?.selectedOptions[0]?.text ?? 'yourself')
            : f.get('label')
              ? `“${f.get('label')}”`
              : 'without a label yet',
        ],
        day === null
          ? ['Goes on ', 'until revoked']
          : day
            ? ['Stops on ', `${day} at 00:00 UTC`]
            : ['Stops on ', 'a date still to choose'],
        n
          ? ['Works from ', `${n} ${n === 1 ? 'address or network' : 'addresses and networks'}`]
          : wrong
            ? ['Works from ', 'nowhere yet']
            : ['Works from ', 'any address'],
        wrong && ['Not readable: ', `${wrong} ${wrong === 1 ? 'line' : 'lines'}`],
        n && v4(mine) !== null && !all.some((l) => holds(l, mine)) && ['Not from ', `${mine}, where you are`],
        f.get('restricted') === 'true'
          ? ['May do ', `${may} of ${boxes.length} things`]
          : ['May do ', 'all that its user may'],
      ];
    $('ul', words).replaceChildren(
      ...rows.filter(Boolean).map(([a, b]) => {
        const li = document.createElement('li'),
          s = document.createElement('strong');
        s.textContent = b;
        li.append(a, s, '.');
        return li;
      }),
    );
    words.hidden = false;
  };
  const date = $('#expiration_date', form);
  date?.addEventListener('input', () => {
    $('[data-date-says]', form).textContent =
      `Stops working ${date.value ? `on ${date.value} at` : 'at'} 00:00\u00a0UTC${date.value ? '' : ' of that day'}.`;
  });
  form.addEventListener('input', tell);
  form.addEventListener('change', tell);
  tell();
}
