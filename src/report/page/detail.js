// One sample, large: a column a run, side by side, with the reply and what was read in it, then the numbers.

// The text of a reply with what the protocol `r` read in it marked.
function replyText(sample, r) {
  const answer = sample.of[runs[r].group];
  const text = answer.text + (answer.tail || '');
  const pre = el('pre', { tabindex: 0, 'aria-label': 'reply' });
  const cuts = [];
  for (const [from, to] of (sample.of[r] && sample.of[r].read) || []) cuts.push([from, to]);
  let at = 0;
  const put = (to, read) => {
    const split = answer.gap && at <= answer.text.length && to > answer.text.length ? answer.text.length : null;
    const node = (a, b) => (a < b ? pre.append(read ? el('mark', {}, text.slice(a, b)) : visible(text.slice(a, b))) : null);
    node(at, split === null ? to : split);
    if (split !== null) {
      pre.append(el('span', { class: 'gap' }, `\n[${answer.gap} bytes are left out here; the run directory has them]\n`));
      node(split, to);
    }
    at = to;
  };
  for (const [from, to] of cuts) {
    if (from < at || to > text.length) continue;
    put(from, false);
    put(to, true);
  }
  put(text.length, false);
  return pre;
}

function verdicts(sample, r) {
  const chips = data.metrics.filter((m) => m.rate).map((m) => verdictChip(sample, r, m)).filter(Boolean);
  const answer = sample.of[r];
  return [el('div', { class: 'verdicts' }, el('span', { class: 'who' }, '@' + runs[r].protocol),
    answer.s === 'ok' ? null : statusChip(answer.s), answer.answer ? chip('read: ' + answer.answer) : null, chips),
  answer.why ? el('p', { class: 'reason' }, answer.why) : null];
}

// The stages of a trace and the steps of its reasoning, in order; the one that made it fail is framed.
function steps(answer, protocol) {
  if (!answer.steps) return null;
  const tone = { pass: 'good', right: 'good', fail: 'bad', wrong: 'bad' };
  const row = (s) => el('tr', {}, el('th', {}, s.name), el('td', { class: 'dim' }, s.kind),
    el('td', {}, chip(s.verdict, tone[s.verdict] || 'warn', s.kind === 'stage' && s.name === answer.cause ? 'differs main' : '')),
    el('td', {}, s.value === undefined ? '' : number(s.value)), el('td', { class: 'dim' }, s.why || ''));
  return [el('h4', {}, 'step by step' + protocol, answer.cause ? `: fails first at ${answer.cause}` : ''),
    el('div', { class: 'scroll' }, el('table', {}, el('tbody', {}, answer.steps.map(row))))];
}

function side(i, r) {
  const sample = samples[i];
  const answer = sample.of[r];
  const protocols = runs.map((_, k) => k).filter((k) => runs[k].group === r && sample.of[k]);
  const parts = [el('h3', {}, data.several ? runs[r].name : 'Reply')];
  if (!answer) parts.push(el('p', { class: 'dim' }, 'This run has no such sample.'));
  else {
    if (sample.size) parts.push(figure(i, [r], true));
    parts.push(protocols.map((k) => verdicts(sample, k)));
    parts.push(protocols.map((k) => steps(sample.of[k], protocols.length > 1 ? ' @' + runs[k].protocol : '')));
    if (answer.say) parts.push(el('p', { class: 'reason' }, answer.say));
    if (answer.text !== undefined) {
      const marked = protocols.filter((k) => sample.of[k].read);
      const shown = marked.length ? marked : [r];
      const same = shown.every((k) => JSON.stringify(sample.of[k].read) === JSON.stringify(sample.of[shown[0]].read));
      for (const k of same ? shown.slice(0, 1) : shown) {
        const read = sample.of[k].read ? ', marked: what was read' + (same ? '' : ' @' + runs[k].protocol) : '';
        parts.push(el('h4', {}, `reply, ${answer.size} bytes${read}`), replyText(sample, k));
      }
    }
  }
  return el('section', { class: 'side', style: { '--run': data.several ? runs[r].colour : 'var(--line)' },
    'aria-label': data.several ? runs[r].name : 'reply' }, parts);
}

// Every number of the sample, the runs side by side; verdicts stand in the chips already.
function numbers(sample) {
  const names = [];
  for (const answer of sample.of)
    for (const [name, value] of Object.entries(answer ? answer.m : {}))
      if (typeof value !== 'boolean' && !names.includes(name)) names.push(name);
  if (names.length === 0) return null;
  const cell = (value) => {
    if (value === undefined) return el('td', { class: 'dim' }, '\u2013');
    const list = Array.isArray(value) ? value : [value];
    return el('td', {}, list.slice(0, 24).map(number).join(', ') + (list.length > 24 ? ', \u2026' : ''));
  };
  const unit = (name) => (data.metrics.find((m) => m.name === name && !name.endsWith('_' + m.unit)) || {}).unit;
  return [el('h4', {}, 'numbers'), el('div', { class: 'scroll' }, el('table', {},
    runs.length > 1 ? el('thead', {}, el('tr', {}, el('th', {}), runs.map((_, r) => el('th', {}, label(r))))) : null,
    el('tbody', {}, names.map((name) => el('tr', {}, el('th', {}, name, unit(name) ? el('span', { class: 'dim' }, ` ${unit(name)}`) : null),
      sample.of.map((answer) => cell(answer ? answer.m[name] : undefined)))))))];
}

function facts(sample) {
  const list = [['category', sample.category], ['source', sample.source], ['steps', sample.steps], ['true answer', sample.truth]]
    .filter(([, value]) => value !== undefined);
  return list.length ? el('p', { class: 'facts' }, list.map(([name, value]) => el('span', {}, `${name}: ${value}`))) : null;
}

function options(sample) {
  if (!sample.options) return null;
  return el('ol', { class: 'options', type: 'A' }, sample.options.map((text, k) =>
    el('li', { class: k === sample.right ? 'right' : false }, text, k === sample.right ? ' \u2713' : '')));
}

class Detail {
  constructor(list) {
    this.list = list;
    this.title = el('h2', { id: 'detail-title', tabindex: -1, autofocus: true });
    this.place = el('span', { class: 'count' });
    this.previous = el('button', { type: 'button', 'aria-label': 'previous sample', onclick: () => this.step(-1) }, '\u2190');
    this.next = el('button', { type: 'button', 'aria-label': 'next sample', onclick: () => this.step(1) }, '\u2192');
    this.body = el('div', { class: 'inside' });
    this.node = el('dialog', { 'aria-labelledby': 'detail-title', onclose: () => this.closed(), onkeydown: (event) => this.key(event),
      onclick: (event) => { if (event.target === this.node) this.node.close(); } },
    el('div', { class: 'bar' }, this.title, this.place, this.previous, this.next,
      el('button', { type: 'button', onclick: () => this.node.close() }, 'close')), this.body);
  }

  show(at) {
    this.at = clamp(at, 0, this.list.list.length - 1);
    state.sample = String(this.list.list[this.at]);
    writeAddress();
    this.refresh();
    if (!this.node.open) this.node.showModal();
    this.body.scrollTop = 0;
  }

  refresh() {
    const i = this.list.list[this.at];
    const sample = samples[i];
    this.title.replaceChildren(visible(sample.id));
    this.place.replaceChildren(`${this.at + 1} of ${this.list.list.length}`);
    this.previous.disabled = this.at === 0;
    this.next.disabled = this.at + 1 === this.list.list.length;
    const space = sample.space ? new Space(i) : null;
    const parts = [sample.ask ? el('p', { class: 'ask' }, sample.ask) : null, facts(sample), options(sample),
      legend(() => this.refresh()), el('div', { class: 'sides' }, groups.map((r) => side(i, r))),
      space ? [el('h4', {}, 'in space'), el('div', { class: 'space' }, space.canvas),
        el('p', { class: 'note keys' }, 'Drag or use the arrow keys to turn, + and - to zoom, 0 to reset.')] : null,
      numbers(sample)];
    fill(this.body, {}, []).replaceChildren(...parts.flat(9).filter(Boolean));
  }

  step(by) {
    const at = this.at + by;
    if (at >= 0 && at < this.list.list.length) this.show(at);
  }

  key(event) {
    if (event.target.matches('canvas, pre, input') || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'ArrowRight') this.step(1);
    else if (event.key === 'ArrowLeft') this.step(-1);
    else return;
    event.preventDefault();
  }

  closed() {
    state.sample = '';
    writeAddress();
    this.list.focus(this.at);
  }
}
