// The controls, the keys and the start.
function choice(key, title, entries, change) {
  const node = el('select', { 'aria-label': title, 'data-key': key, onchange: () => { state[key] = node.value; change(); } },
    entries.map(([value, text]) => el('option', { value, selected: state[key] === value }, text)));
  return node;
}

function swatch(colour) {
  return el('i', { style: { background: colour } });
}

// What is drawn, and its colours; a click leaves it out.
function legend(change) {
  const has = (key) => samples.some((s) => s[key]);
  const entry = (key, colour, text) => {
    const box = el('input', { type: 'checkbox', checked: layers[key], 'data-layer': key,
      onchange: () => { layers[key] = box.checked; change(key); } });
    return el('label', {}, box, colour ? swatch(colour) : null, text);
  };
  const several = groups.length > 1;
  return el('div', { class: 'legend' },
    has('trace') ? entry('truth', colours.truth, 'true trace') : null,
    samples.some((s) => s.of.some((a) => a && a.path)) ? entry('prediction', several ? null : colours.prediction, 'answer') : null,
    several ? groups.map((r) => el('span', {}, swatch(runs[r].colour), ' ', visible(runs[r].name))) : null,
    has('mask') || has('region') ? entry('object', colours.object, has('trace') ? 'object' : 'target region') : null,
    has('edges') ? entry('box', colours.box, 'destination') : null,
    samples.some((_, i) => depthOf(i)) ? entry('depth', null, 'depth') : null);
}

function verdictOptions() {
  const r = Number(state.run);
  const metric = state.metric || ranking(r);
  const counts = { yes: 0, no: 0, none: 0 };
  for (const s of samples) {
    const value = verdict(s, r, metric);
    counts[value === true ? 'yes' : value === false ? 'no' : 'none']++;
  }
  return [['', `${metric}: any`], ['yes', `${metric}: yes (${counts.yes})`], ['no', `${metric}: no (${counts.no})`],
    ['none', `${metric}: no verdict (${counts.none})`]];
}

function outcomeOptions() {
  const r = Number(state.run);
  const named = (value, text) => [value, text];
  const groupsOf = counted((s) => (s.of[r] ? outcome(s, r) : 'missing'));
  const statuses = counted((s) => (s.of[r] ? s.of[r].s : undefined)).filter(([name]) => !groupsOf.some(([g]) => g === name));
  return [['', 'any outcome'], ...groupsOf.map(([name, n]) => named(name, `${name} (${n})`)),
    ...statuses.map(([name, n]) => named(name, `\u00a0\u00a0${name} (${n})`))];
}

function sortOptions() {
  const fixed = [['', 'order of the data'], ['id', 'id']];
  if (samples.some((s) => s.category)) fixed.push(['category', 'category']);
  if (samples.some((s) => s.steps)) fixed.push(['steps', 'steps']);
  fixed.push(['status', 'status'], ['length', 'length of the reply']);
  return [...fixed, ...data.metrics.map((m) => [m.name, m.name])].map(([value, text]) => [value, 'sort: ' + text]);
}

class Controls {
  constructor(change) {
    this.change = change;
    this.search = el('input', { type: 'search', placeholder: 'search   ( / )', 'aria-label': 'search id, question, reply and reason',
      oninput: () => { state.q = this.search.value; change(); } });
    this.count = el('span', { class: 'count', role: 'status' });
    this.node = el('div', { class: 'controls', role: 'search', 'aria-label': 'filter and sort samples' });
    this.build();
  }

  // All of it again: what the lists offer depends on the run that they speak of.
  build() {
    const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.key : null;
    const again = () => { this.build(); this.change(); };
    const list = (key, title, first, valueOf) => {
      const values = counted(valueOf);
      const tells = values.length > 1 || (values.length === 1 && values[0][1] < samples.length); // else all are alike
      return tells || state[key]
        ? choice(key, title, [['', first], ...values.map(([v, n]) => [v, `${v} (${n})`])], this.change) : null;
    };
    const flips = samples.filter((s) => flipped(s, state.metric)).length;
    const parts = [this.search,
      runs.length > 1 ? choice('run', 'the run that filters and sorting speak of', runs.map((_, r) => [String(r), label(r)]), again) : null,
      choice('outcome', 'outcome', outcomeOptions(), this.change),
      rates.length > 1 ? choice('metric', 'metric of the verdict', [['', 'verdict of: ' + ranking(Number(state.run))], ...rates.filter((m) => m.name !== ranking(Number(state.run))).map((m) => [m.name, 'verdict of: ' + m.name])], again) : null,
      rates.length ? choice('verdict', 'verdict', verdictOptions(), this.change) : null,
      list('category', 'category', 'any category', (s) => s.category),
      list('source', 'source', 'any source', (s) => s.source),
      list('steps', 'steps', 'any number of steps', (s) => s.steps),
      list('cause', 'first stage that failed', 'any cause', (s) => (s.of[Number(state.run)] || {}).cause),
      runs.length > 1 ? this.toggle('flipped', `flipped (${flips})`, 'only samples about which the runs disagree') : null,
      choice('sort', 'sort by', sortOptions(), this.change),
      this.toggle('down', '\u2193', 'descending'),
      el('button', { type: 'button', onclick: () => this.reset() }, 'reset'), this.count];
    this.node.replaceChildren(...parts.filter(Boolean));
    this.search.value = state.q;
    if (focused) this.node.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  toggle(key, text, title) {
    const node = el('button', { type: 'button', 'data-key': key, 'aria-pressed': String(Boolean(state[key])), title, 'aria-label': title,
      onclick: () => {
        state[key] = state[key] ? '' : '1';
        node.setAttribute('aria-pressed', String(Boolean(state[key])));
        this.change();
      } }, text);
    return node;
  }

  reset() {
    for (const key of Object.keys(state)) state[key] = key === 'run' ? '0' : '';
    this.build();
    this.change();
  }
}

function start() {
  readAddress();
  const list = new List((at) => detail.show(at));
  const detail = new Detail(list);
  const update = () => {
    const shown = selection();
    controls.count.replaceChildren(`${shown.length} of ${samples.length}`);
    list.show(shown);
    writeAddress();
  };
  const controls = new Controls(update);
  const open = () => {
    const at = list.list.indexOf(Number(state.sample));
    if (state.sample && at >= 0) detail.show(at);
  };
  document.getElementById('browser').append(controls.node, legend(() => list.show(list.list)), list.node, list.nothing,
    el('p', { class: 'note keys' }, el('kbd', {}, '/'), ' search, ', el('kbd', {}, 'arrows'), ' move, ', el('kbd', {}, 'Enter'),
      ' opens, ', el('kbd', {}, 'Esc'), ' closes'), detail.node);
  update();
  open();
  window.addEventListener('hashchange', () => {
    readAddress();
    controls.build();
    update();
    open();
  });
  window.addEventListener('beforeprint', () => list.print(true));
  window.addEventListener('afterprint', () => list.print(false));
  document.addEventListener('keydown', (event) => {
    if (event.target.matches('input, select') || event.altKey || event.ctrlKey || event.metaKey || detail.node.open) return;
    if (event.key !== '/') return;
    event.preventDefault();
    controls.search.focus();
  });
}

start();
