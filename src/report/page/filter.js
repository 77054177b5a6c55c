// Which samples are shown, and in which order. `state` is what the reader asked for; it also stands in the address,
// so that a view can be kept or sent.
const state = {
  q: '', run: '0', outcome: '', metric: '', verdict: '', category: '', source: '', steps: '', cause: '', flipped: '',
  sort: '', down: '', sample: '',
};

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const key of Object.keys(state)) state[key] = given.get(key) || (key === 'run' ? '0' : '');
  if (!runs[state.run]) state.run = '0';
}

function writeAddress() {
  const kept = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) if (value && !(key === 'run' && value === '0')) kept.set(key, value);
  const text = kept.toString();
  history.replaceState(null, '', text ? '#' + text : location.pathname + location.search);
}

// All the text of a sample, folded, made when it is first searched.
const texts = new Map();
function textOf(i) {
  let text = texts.get(i);
  if (text === undefined) {
    const s = samples[i];
    const parts = [s.id, s.category, s.source, s.ask, s.truth, ...(s.options || [])];
    for (const a of s.of) if (a) parts.push(a.s, a.why, a.say, a.text, a.tail);
    text = parts.filter(Boolean).join('\n').toLowerCase();
    texts.set(i, text);
  }
  return text;
}

function verdictMatches(value) {
  if (state.verdict === 'yes') return value === true;
  if (state.verdict === 'no') return value === false;
  return value === null || value === undefined;
}

function matches(i, words) {
  const s = samples[i];
  const r = Number(state.run);
  if (state.outcome && outcome(s, r) !== state.outcome && !(s.of[r] && s.of[r].s === state.outcome)) return false;
  if (state.category && (s.category || '') !== state.category) return false;
  if (state.source && (s.source || '') !== state.source) return false;
  if (state.steps && String(s.steps || '') !== state.steps) return false;
  if (state.cause && (!s.of[r] || s.of[r].cause !== state.cause)) return false;
  if (state.verdict && !verdictMatches(verdict(s, r, state.metric || ranking(r)))) return false;
  if (state.flipped && !flipped(s, state.metric)) return false;
  return words.every((word) => textOf(i).includes(word));
}

function sortKey(i, r) {
  const s = samples[i];
  if (state.sort === 'id') return s.id;
  if (state.sort === 'category') return s.category || '';
  if (state.sort === 'steps') return s.steps;
  if (state.sort === 'status') return s.of[r] ? s.of[r].s : undefined;
  if (state.sort === 'length') return s.of[runs[r].group] ? s.of[runs[r].group].size : undefined;
  const value = s.of[r] ? s.of[r].m[state.sort] : undefined;
  return typeof value === 'boolean' ? Number(value) : typeof value === 'number' ? value : undefined;
}

const byText = new Intl.Collator('en', { numeric: true });

// Samples without the value stand last, whichever way it is sorted.
function sorted(list) {
  if (!state.sort) return list;
  const r = Number(state.run);
  const way = state.down ? -1 : 1;
  const keys = new Map(list.map((i) => [i, sortKey(i, r)]));
  return list.sort((a, b) => {
    const x = keys.get(a);
    const y = keys.get(b);
    if (x === undefined || y === undefined) return (x === undefined) - (y === undefined) || a - b;
    return way * (typeof x === 'string' ? byText.compare(x, y) : x - y) || a - b;
  });
}

function selection() {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  const list = [];
  for (let i = 0; i < samples.length; i++) if (matches(i, words)) list.push(i);
  return sorted(list);
}

// The values that occur, each with how many samples have it.
function counted(valueOf) {
  const counts = new Map();
  for (const s of samples) {
    const value = valueOf(s);
    if (value !== undefined && value !== '') counts.set(String(value), (counts.get(String(value)) || 0) + 1);
  }
  return [...counts].sort((a, b) => byText.compare(a[0], b[0]));
}
