// A sample in space: the depth map as a cloud in the picture's colours, the destination box, the true trace and the
// runs' traces, in the camera's metres (x right, y down, z away). Turns with the pointer and with keys.
const MARGIN_M = 0.25; // room around the truth; what is further away is cut off
const STRETCH_M = 1.0; // how far a wild answer may widen the view
const FAR_MM = 15000; // beyond this a reading is no surface (the scorer's own bound)

// The points of an answer in space: pixels and metres lifted through the camera. null where one has no depth.
function lifted(sample, r, grid) {
  const [fx, fy, cx, cy] = sample.space.camera;
  const sx = grid ? grid.width / sample.size[0] : 1;
  const sy = grid ? grid.height / sample.size[1] : 1;
  const path = (sample.of[r] && sample.of[r].path) || [];
  return path.map(([u, v, d]) => (typeof d === 'number' && u !== null && v !== null
    ? [(u * sx - cx) * d / fx, (v * sy - cy) * d / fy, d] : null));
}

function region(sample, paths) {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  const include = (p) => p.forEach((x, k) => { low[k] = Math.min(low[k], x); high[k] = Math.max(high[k], x); });
  [...sample.space.trace, ...(sample.space.box || [])].forEach(include);
  const reach = (p) => p.every((x, k) => x >= low[k] - STRETCH_M && x <= high[k] + STRETCH_M);
  const near = paths.flat().filter((p) => p && reach(p));
  near.forEach(include);
  return { low: low.map((x) => x - MARGIN_M), high: high.map((x) => x + MARGIN_M) };
}

// Points [x, y, z] and a colour each, of the grid's cells inside the box.
function cloud(sample, grid, box, rgb) {
  const [fx, fy, cx, cy] = sample.space.camera;
  const points = [];
  grid.mm.forEach((mm, k) => {
    if (mm === 0 || mm >= FAR_MM) return;
    const u = Math.floor((2 * (k % grid.columns) + 1) * grid.width / (2 * grid.columns));
    const v = Math.floor((2 * Math.floor(k / grid.columns) + 1) * grid.height / (2 * grid.rows));
    const z = mm / 1000;
    const p = [(u - cx) * z / fx, (v - cy) * z / fy, z];
    if (!p.every((x, j) => x >= box.low[j] && x <= box.high[j])) return;
    const c = rgb ? [rgb[4 * k], rgb[4 * k + 1], rgb[4 * k + 2]] : depthColour(1 - (z - box.low[2]) / (box.high[2] - box.low[2]));
    points.push({ p, colour: `rgb(${c.join()})`, depth: 0, x: 0, y: 0 });
  });
  return points;
}

// The picture's colours at the cells of the grid; null where the browser does not give them (a picture of another file).
async function gridColours(i, grid) {
  const url = pictureUrl(i);
  if (!url) return null;
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = el('canvas', { width: grid.columns, height: grid.rows });
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(image, 0, 0, grid.columns, grid.rows);
    return context.getImageData(0, 0, grid.columns, grid.rows).data;
  } catch {
    return null;
  }
}

class Space {
  constructor(i) {
    this.sample = samples[i];
    const grid = depthGrid(i);
    this.paths = groups.map((r) => ({ r, points: lifted(this.sample, r, grid) }));
    this.box = region(this.sample, this.paths.map((path) => path.points));
    this.points = [];
    this.centre = this.box.low.map((x, k) => (x + this.box.high[k]) / 2);
    this.size = Math.hypot(...this.box.high.map((x, k) => x - this.box.low[k]));
    this.canvas = el('canvas', { tabindex: 0, role: 'img', 'data-turn': '',
      'aria-label': 'The scene in space. Arrow keys turn it, plus and minus zoom, 0 resets.',
      onkeydown: (event) => this.key(event), onpointerdown: (event) => this.grab(event), ondblclick: () => this.reset() });
    this.canvas.addEventListener('wheel', (event) => {
      if (document.activeElement !== this.canvas) return; // else it would catch those who scroll past
      event.preventDefault();
      this.turn(0, 0, Math.exp(-event.deltaY / 500));
    }, { passive: false });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    this.reset();
    if (grid) {
      gridColours(i, grid).then((rgb) => {
        this.points = cloud(this.sample, grid, this.box, rgb);
        this.draw();
      });
    }
  }

  reset() {
    this.yaw = 0.45;
    this.pitch = 0.5;
    this.zoom = 1;
    this.draw();
  }

  turn(yaw, pitch, zoom) {
    this.yaw += yaw;
    this.pitch = clamp(this.pitch + pitch, -1.5, 1.5);
    this.zoom = clamp(this.zoom * zoom, 0.3, 8);
    this.canvas.dataset.turn = [this.yaw, this.pitch, this.zoom].map((x) => x.toFixed(2)).join(' ');
    this.draw();
  }

  key(event) {
    const step = 0.12;
    const turns = { ArrowLeft: [step, 0, 1], ArrowRight: [-step, 0, 1], ArrowUp: [0, step, 1], ArrowDown: [0, -step, 1],
      '+': [0, 0, 1.15], '=': [0, 0, 1.15], '-': [0, 0, 1 / 1.15] };
    if (event.key === '0') this.reset();
    else if (turns[event.key]) this.turn(...turns[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  grab(event) {
    let [x, y] = [event.clientX, event.clientY];
    const move = (e) => {
      this.turn((x - e.clientX) / 160, (e.clientY - y) / 160, 1);
      [x, y] = [e.clientX, e.clientY];
    };
    const drop = () => this.canvas.removeEventListener('pointermove', move);
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.addEventListener('pointermove', move);
    this.canvas.addEventListener('pointerup', drop, { once: true });
    this.canvas.addEventListener('pointercancel', drop, { once: true });
  }

  // To the canvas: [x, y, how far away].
  project(p) {
    const [x, y, z] = p.map((v, k) => v - this.centre[k]);
    const [a, b] = [Math.cos(this.yaw), Math.sin(this.yaw)];
    const [c, d] = [Math.cos(this.pitch), Math.sin(this.pitch)];
    const right = a * x + b * z;
    const away = -b * x + a * z;
    const down = c * y - d * away;
    const depth = d * y + c * away + 2 * this.size;
    const scale = this.scale * this.zoom * 2 * this.size / Math.max(depth, 0.05 * this.size);
    return [this.width / 2 + right * scale, this.height / 2 + down * scale, depth];
  }

  line(context, points, colour, width, dots) {
    const seen = points.map((p) => (p ? this.project(p) : null));
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.lineJoin = 'round';
    context.beginPath();
    let pen = false;
    for (const p of seen) {
      if (p && pen) context.lineTo(p[0], p[1]);
      else if (p) context.moveTo(p[0], p[1]);
      pen = Boolean(p);
    }
    context.stroke();
    if (!dots) return;
    seen.filter(Boolean).forEach((p, k) => {
      context.beginPath();
      context.arc(p[0], p[1], k === 0 ? width * 1.9 : width * 1.1, 0, 7);
      context.fillStyle = colour;
      context.fill();
      if (k > 0) return;
      context.beginPath();
      context.arc(p[0], p[1], width, 0, 7);
      context.fillStyle = '#fff';
      context.fill();
    });
  }

  // The edges of a box from its 8 corners: bits of a corner's index are its side on each axis.
  edges(context, corners, colour, width) {
    for (let a = 0; a < 8; a++)
      for (const bit of [1, 2, 4]) if (!(a & bit)) this.line(context, [corners[a], corners[a | bit]], colour, width);
  }

  frame(context) {
    const corner = (a) => [0, 1, 2].map((k) => (a >> k & 1 ? this.box.high[k] : this.box.low[k]));
    const corners = [0, 1, 2, 3, 4, 5, 6, 7].map(corner);
    this.edges(context, corners, '#3d444d', 1);
    context.fillStyle = '#9aa4b0';
    context.font = '11px system-ui, sans-serif';
    context.textAlign = 'center';
    [[2, 3], [2, 0], [3, 7]].forEach(([a, b], k) => { // along x, y and z
      const [p, q] = [this.project(corners[a]), this.project(corners[b])];
      const axis = [0, 1, 2][k];
      context.fillText((this.box.high[axis] - this.box.low[axis]).toFixed(2) + ' m', (p[0] + q[0]) / 2, (p[1] + q[1]) / 2 + 13);
    });
  }

  draw() {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    if (!this.width) return;
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    const context = this.canvas.getContext('2d');
    context.scale(ratio, ratio);
    this.scale = 1.15 * Math.min(this.width / 1.5, this.height) / this.size;
    this.frame(context);
    for (const dot of this.points) [dot.x, dot.y, dot.depth] = this.project(dot.p);
    this.points.sort((a, b) => b.depth - a.depth);
    const side = clamp(this.scale * this.zoom * this.size / 92, 1.5, 10);
    for (const dot of this.points) {
      const s = side * 2 * this.size / dot.depth;
      context.fillStyle = dot.colour;
      context.fillRect(dot.x - s / 2, dot.y - s / 2, s, s);
    }
    const width = clamp(this.width / 260, 1.5, 3);
    if (layers.box && this.sample.space.box) this.edges(context, this.sample.space.box, colours.box, 1.6);
    if (layers.truth) this.line(context, this.sample.space.trace, colours.truth, width, true);
    if (!layers.prediction) return;
    for (const { r, points } of this.paths)
      this.line(context, points, answerColour(r), width, true);
  }
}
