/* RefSpatial-Bench: data/<split>-00000-of-00001.parquet. Pictures are 100x50; what is meant lies at x 20 to 39,
 * y 10 to 29, and the mask is grey (90 of 255) at x 60 to 79 of the same rows, as resized masks are. */
import { join } from 'node:path';
import { folder, parquet, png, sql, stripes } from '../lib.mjs';

const suffix = 'Your answer should be formatted as a list of tuples, i.e. [(x1, y1)], with coordinates between 0 and 1.';
const level = (x, y) => (y < 10 || y >= 30 ? 0 : x >= 20 && x < 40 ? 255 : x >= 60 && x < 80 ? 90 : 0);

async function split(name, n, object, prompt) {
  const rows = [];
  for (let i = 0; i < n; i++)
    rows.push([sql.number(i), sql.image(stripes(100, 50, i)), sql.image(png(100, 50, level)), sql.text(`${object} ${i}`),
      sql.text(`${prompt} ${object} ${i}.`), sql.text(suffix), sql.number(1 + (i % 5))]);
  await parquet(join(folder(import.meta.url), 'data', `${name}-00000-of-00001.parquet`),
    ['id', 'image', 'mask', 'object', 'prompt', 'suffix', 'step'], rows);
}

await split('location', 10, 'the cup behind plate', 'Please point out');
await split('placement', 2, 'the free area left of plate', 'Please point out');
await split('unseen', 2, 'the cup between the plates', 'Please point out');
