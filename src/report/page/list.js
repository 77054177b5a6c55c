// The samples as cards. Only the rows near the window are in the document, however many there are.
function chip(text, tone, more) {
  return el('span', { class: ['chip', tone, more].filter(Boolean).join(' ') }, text);
}

// What a verdict reads as: the mark says whether it is good, so what did not happen, and should not, is a "no".
function verdictChip(sample, r, metric) {
  const value = verdict(sample, r, metric.name);
  if (value === undefined) return null;
  const good = metric.better === 0 ? null : value === null ? null : value === metric.better > 0;
  const tone = value === null ? 'warn' : good === null ? '' : good ? 'good' : 'bad';
  const mark = value === null ? '? ' : good === null ? '' : good ? '\u2713 ' : '\u2717 ';
  const no = value === false && metric.better <= 0 ? 'no ' : '';
  return chip(mark + no + metric.name, tone,
    (metric.name === runs[r].primary ? 'main ' : '') + (differs(sample, r, metric.name) ? 'differs' : ''));
}

function statusChip(status) {
  const tone = { 0: '', 1: 'warn', 2: 'bad', 3: '' }[data.outcomes[status]];
  return chip(status, tone === undefined ? 'warn' : tone);
}

// One line a run: its status where that is not ok, and what ranks its protocol.
function cardRow(sample, r) {
  const answer = sample.of[r];
  const who = [groups.length > 1 ? el('span', { class: 'dot', style: { '--run': answerColour(runs[r].group) } }) : null,
    runs.length > groups.length ? el('span', { class: 'who' }, '@' + runs[r].protocol) : null];
  if (!answer) return el('span', { class: 'row' }, who, chip('not in this run'));
  const primary = data.metrics.find((m) => m.name === runs[r].primary);
  const rest = data.metrics.filter((m) => m.rate && m.name !== runs[r].primary);
  const value = primary && typeof answer.m[primary.name] === 'number'
    ? chip(`${primary.name} ${number(answer.m[primary.name])}`, '', 'main') : null;
  return el('span', { class: 'row' }, who, answer.s === 'ok' ? null : statusChip(answer.s),
    answer.answer ? chip(answer.answer) : null, primary ? verdictChip(sample, r, primary) : null, value, rest.map((m) => verdictChip(sample, r, m)));
}

function spoken(sample) {
  const parts = runs.map((run, r) => {
    const answer = sample.of[r];
    const value = verdict(sample, r, run.primary);
    const word = value === true ? 'yes' : value === false ? 'no' : 'no verdict';
    return `${label(r)}: ${answer ? `${answer.s}, ${run.primary} ${word}` : 'not in this run'}`;
  });
  return `sample ${sample.id}. ${sample.ask || ''} ${parts.join('; ')}`;
}

class List {
  constructor(open) {
    this.open = open;
    this.list = [];
    this.rows = new Map(); // position -> li
    this.current = 0; // the position that the keyboard stands on
    this.staged = samples.some((s) => s.size || s.link);
    this.node = el('ul', { class: 'list', 'aria-label': 'samples', onkeydown: (event) => this.key(event) });
    this.nothing = el('p', { class: 'empty', hidden: true }, 'No sample is like that.');
    window.addEventListener('scroll', () => this.render(), { passive: true });
    new ResizeObserver(() => this.layout()).observe(this.node);
  }

  show(list) {
    this.list = list;
    this.current = clamp(this.current, 0, Math.max(0, list.length - 1));
    this.nothing.hidden = list.length > 0;
    this.clear();
    this.layout();
  }

  clear() {
    for (const node of this.rows.values()) node.remove();
    this.rows.clear();
  }

  layout() {
    const width = this.node.clientWidth;
    if (!width) return;
    const columns = Math.max(1, Math.floor((width + 16) / 300));
    const cell = (width - 16 * (columns - 1)) / columns;
    const stage = this.staged ? cell * 3 / 4 : 0;
    this.height = Math.ceil(stage + 88 + 27 * runs.length + 16);
    if (columns !== this.columns || cell !== this.cell) this.clear();
    [this.columns, this.cell] = [columns, cell];
    this.node.style.height = Math.ceil(this.list.length / columns) * this.height + 'px';
    this.render();
  }

  render() {
    if (!this.columns || this.printing) return;
    const top = this.node.getBoundingClientRect().top;
    const first = clamp(Math.floor((-top - 400) / this.height), 0, Infinity) * this.columns;
    const last = clamp(Math.ceil((window.innerHeight - top + 400) / this.height) * this.columns, 0, this.list.length);
    for (const [at, node] of this.rows) {
      if (at >= first && at < last) continue;
      if (node.contains(document.activeElement)) continue; // the focus is not taken away by scrolling
      node.remove();
      this.rows.delete(at);
    }
    let before = null;
    for (let at = last - 1; at >= first; at--) {
      if (!this.rows.has(at)) {
        this.rows.set(at, this.item(at));
        this.node.insertBefore(this.rows.get(at), before && before.parentNode ? before : null);
      }
      before = this.rows.get(at);
    }
  }

  item(at) {
    const i = this.list[at];
    const sample = samples[i];
    const card = el('button', { class: 'card', type: 'button', 'aria-label': spoken(sample), 'data-sample': i,
      tabindex: at === this.current ? 0 : -1, onclick: () => this.open(at), onfocus: () => this.stand(at) },
      this.staged ? figure(i, groups, false) : null,
      el('span', { class: 'body' },
        el('span', { class: 'title' }, el('span', {}, sample.id), sample.category ? chip(sample.category) : null),
        el('span', { class: 'ask' }, sample.ask || ''), runs.map((_, r) => cardRow(sample, r))));
    return el('li', { 'aria-setsize': this.list.length, 'aria-posinset': at + 1, style: {
      width: this.cell + 'px', height: this.height + 'px',
      transform: `translate(${(at % this.columns) * (this.cell + 16)}px, ${Math.floor(at / this.columns) * this.height}px)` } }, card);
  }

  stand(at) {
    const old = this.rows.get(this.current);
    if (old && at !== this.current) old.firstChild.tabIndex = -1;
    this.current = at;
    if (this.rows.get(at)) this.rows.get(at).firstChild.tabIndex = 0;
  }

  focus(at) {
    if (this.list.length === 0) return;
    at = clamp(at, 0, this.list.length - 1);
    const top = this.node.getBoundingClientRect().top + Math.floor(at / this.columns) * this.height;
    const bar = 70; // the controls stay in view above
    if (top < bar) window.scrollBy({ top: top - bar, behavior: 'instant' });
    else if (top + this.height > window.innerHeight) window.scrollBy({ top: top + this.height - window.innerHeight, behavior: 'instant' });
    this.render();
    this.stand(at);
    this.rows.get(at).firstChild.focus({ preventScroll: true });
  }

  key(event) {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns,
      Home: -this.list.length, End: this.list.length };
    if (!(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.focus(this.current + steps[event.key]);
  }

  // On paper there is no scrolling: as many cards as anybody prints.
  print(on) {
    this.printing = on;
    this.clear();
    if (on) this.list.slice(0, 200).forEach((_, at) => {
      this.rows.set(at, this.item(at));
      this.node.append(this.rows.get(at));
    });
    else this.render();
  }
}
