// What samples.c wrote.
//   runs[r]     name, protocol, rules (the protocol, with the task where there are several), colour, primary (its ranking metric), group (first run of the same directory)
//   metrics[m]  name, unit, rate, better
//   samples[i]  id, category, source, steps, ask, options + right or truth, trouble, link,
//               size [w, h], trace, region, mask, edges (pixels), space {camera, trace, box} (metres)
//   samples[i].of[r]  null, or: s (status), m (values by metric), why, say (detail), answer (as read, in a word),
//               cause (the first stage that failed), steps [{name, kind, verdict, why, value}], path [[u, v, d?], ...], read [[from, to], ...] (in text and tail together); the first run of a group has the reply: size (bytes), text, gap (bytes left out), tail
const data = JSON.parse(document.getElementById('data').textContent);
const runs = data.runs;
const samples = data.samples;
// The runs that are directories of their own: each stands for a reply; the others are protocols over it.
const groups = runs.map((_, r) => r).filter((r) => runs[r].group === r);

// Lines of base64, one a sample, cut out when they are needed.
function lines(id) {
  const text = document.getElementById(id).textContent;
  const starts = [1];
  for (let at = text.indexOf('\n', 1); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (i) => text.slice(starts[i], starts[i + 1] - 1);
}
const pictureOf = lines('pictures');
const depthOf = lines('depths');

function pictureUrl(i) {
  const text = pictureOf(i);
  return text ? 'data:image/jpeg;base64,' + text : samples[i].link || '';
}

// {columns, rows, width, height, mm: Uint16Array}, or null
function depthGrid(i) {
  const text = depthOf(i);
  if (!text) return null;
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const head = [0, 2, 4, 6].map((at) => view.getUint16(at, true));
  const mm = new Uint16Array(head[0] * head[1]);
  for (let k = 0; k < mm.length; k++) mm[k] = view.getUint16(8 + 2 * k, true);
  return { columns: head[0], rows: head[1], width: head[2], height: head[3], mm };
}

// true, false, null (unknown) or undefined (the protocol has no value)
function verdict(sample, r, metric) {
  const answer = sample.of[r];
  const value = answer ? answer.m[metric] : undefined;
  return typeof value === 'number' ? undefined : value;
}

function outcome(sample, r) {
  const names = ['scored', 'unparsed', 'errored', 'skipped'];
  const answer = sample.of[r];
  return answer ? names[data.outcomes[answer.s]] || 'unparsed' : 'missing';
}

function label(r) {
  return (data.several ? runs[r].name + ' ' : '') + runs[r].rules;
}

// The verdict of a run where no metric is named: what ranks it, or the first rate where that is a mean.
const rates = data.metrics.filter((m) => m.rate);
function ranking(r) {
  const metric = rates.find((m) => m.name === runs[r].primary) || rates[0];
  return metric ? metric.name : '';
}

// Whether the runs disagree about a metric.
function flipped(sample, metric) {
  const seen = new Set(runs.map((_, r) => sample.of[r] ? verdict(sample, r, metric || ranking(r)) : undefined)
    .filter((v) => v === true || v === false));
  return seen.size > 1;
}

function differs(sample, r, metric) {
  const mine = verdict(sample, r, metric);
  return runs.some((_, k) => k !== r && sample.of[k] && verdict(sample, k, metric) !== mine);
}
