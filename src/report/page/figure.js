// The picture of a sample and what is drawn over it. Colours are Okabe and Ito's, as in overlay.h.
// Several runs have a colour each, of which the true trace's could be one: there it is white.
const colours = { truth: groups.length > 1 ? '#ffffff' : '#009e73', prediction: '#d55e00', object: '#56b4e9', box: '#f0e442' };
const layers = { truth: true, prediction: true, object: true, box: true, depth: false };

function pathData(points, closed) {
  let text = '';
  let pen = 'M';
  for (const p of points) {
    if (p[0] === null || p[1] === null) { pen = 'M'; continue; }
    text += pen + p[0] + ' ' + p[1];
    pen = 'L';
  }
  return text + (closed && text ? 'Z' : '');
}

// A line with a dark casing, so that it stands out from any picture.
function cased(d, colour, width, unit) {
  const common = { d, fill: 'none', 'stroke-linejoin': 'round', 'stroke-linecap': 'round' };
  return [svg('path', { ...common, stroke: '#1b1b1b', 'stroke-opacity': 0.7, 'stroke-width': (width + 2) * unit }),
    svg('path', { ...common, stroke: colour, 'stroke-width': width * unit })];
}

function disc(p, radius, colour, unit) {
  return svg('circle', { cx: p[0], cy: p[1], r: radius * unit, fill: colour, stroke: '#1b1b1b',
    'stroke-width': 1.2 * unit, 'stroke-opacity': 0.8 });
}

// A ring where a trace starts, an arrow head where it ends, its way-points paler at the start.
function trace(points, colour, unit, dots) {
  const seen = points.filter((p) => p[0] !== null && p[1] !== null);
  if (seen.length === 0) return [];
  const parts = cased(pathData(points), colour, 3, unit);
  const last = seen[seen.length - 1];
  if (dots) seen.slice(1, -1).forEach((p) => parts.push(disc(p, 2.6, colour, unit)));
  const before = [...seen].reverse().find((p) => Math.hypot(last[0] - p[0], last[1] - p[1]) > 3 * unit);
  if (before) {
    const angle = Math.atan2(last[1] - before[1], last[0] - before[0]) * 180 / Math.PI;
    parts.push(svg('path', { d: 'M6 0L-5 5.5L-5 -5.5Z', fill: colour, stroke: '#1b1b1b', 'stroke-width': 1,
      transform: `translate(${last[0]} ${last[1]}) rotate(${angle}) scale(${unit})` }));
  }
  parts.push(disc(seen[0], 5, colour, unit), svg('circle', { cx: seen[0][0], cy: seen[0][1], r: 2.4 * unit, fill: '#fff' }));
  return parts;
}

function boxEdges(edges, unit) {
  const d = (front) => edges.filter((e) => Boolean(e[4]) === front).map((e) => `M${e[0]} ${e[1]}L${e[2]} ${e[3]}`).join('');
  return [...cased(d(false), colours.box, 0.8, unit), ...cased(d(true), colours.box, 1.8, unit)];
}

function answerColour(r) {
  return groups.length > 1 ? runs[r].colour : colours.prediction;
}

// The answers of these runs.
function answers(sample, shown, unit) {
  return shown.flatMap((r) => {
    const answer = sample.of[r];
    const colour = answerColour(r);
    if (!answer || !answer.path) return [];
    return sample.region || (sample.mask && !sample.space && !sample.trace)
      ? answer.path.filter((p) => p[0] !== null).map((p) => disc(p, 4.5, colour, unit))
      : trace(answer.path, colour, unit, true);
  });
}

function overlay(sample, shown) {
  const [w, h] = sample.size;
  const unit = Math.max(w, h) / 512;
  const root = svg('svg', { viewBox: `-0.5 -0.5 ${w} ${h}`, 'aria-hidden': 'true' });
  if (layers.object) {
    for (const outline of sample.mask || []) root.append(...cased(pathData(outline, true), colours.object, 1.8, unit));
    if (sample.region) root.append(...cased(pathData(sample.region, true), colours.object, 1.8, unit));
  }
  if (layers.box && sample.edges) root.append(...boxEdges(sample.edges, unit));
  if (layers.truth && sample.trace) root.append(...trace(sample.trace, colours.truth, unit, false));
  if (layers.prediction) root.append(...answers(sample, shown, unit));
  return root;
}

// Near is yellow, far is blue; what was not measured stays clear.
function depthColour(t) {
  const stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const at = clamp(t, 0, 1) * (stops.length - 1);
  const k = Math.min(stops.length - 2, Math.floor(at));
  return stops[k].map((c, j) => Math.round(c + (stops[k + 1][j] - c) * (at - k)));
}

function depthCanvas(grid) {
  const canvas = el('canvas', { width: grid.columns, height: grid.rows, 'aria-hidden': 'true' });
  const context = canvas.getContext('2d');
  const image = context.createImageData(grid.columns, grid.rows);
  const known = [...grid.mm].filter((d) => d > 0).sort((a, b) => a - b);
  const near = known[Math.floor(known.length * 0.02)] || 1;
  const far = known[Math.floor(known.length * 0.98)] || near + 1;
  grid.mm.forEach((d, k) => {
    if (d === 0) return;
    image.data.set([...depthColour(1 - (d - near) / Math.max(1, far - near)), 255], 4 * k);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

// The stage of sample i with the answers of the runs in `shown`.
function figure(i, shown, large) {
  const sample = samples[i];
  const url = pictureUrl(i);
  const stage = el('span', { class: large ? 'stage large' : 'stage' });
  if (large && sample.size) {
    stage.style.aspectRatio = `${sample.size[0]} / ${sample.size[1]}`;
    stage.style.width = `min(100%, ${62 * sample.size[0] / sample.size[1]}vh)`; // a tall one leaves room for the rest
  }
  if (url) stage.append(el('img', { src: url, alt: '', decoding: 'async', loading: 'lazy' }));
  else if (sample.trouble) stage.append(el('span', { class: 'nopic' }, sample.trouble));
  const grid = layers.depth ? depthGrid(i) : null;
  if (grid) stage.append(depthCanvas(grid));
  if (sample.size) stage.append(overlay(sample, shown));
  return stage;
}
