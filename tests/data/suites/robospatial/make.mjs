/* RoboSpatial-Home: a Parquet file a category; the points of `context` are a text that lists pairs. */
import { join } from 'node:path';
import { folder, mask, parquet, png, sql, stripes } from '../lib.mjs';

const columns = ['category', 'question', 'answer', 'img', 'depth_image', 'mask'];
const width = 40, height = 30;
/* Free is the left half of the picture. */
const free = mask(width, height, (x) => x < 20);
const point = 'Your answer should be formatted as a list of tuples, i.e. [(x1, y1)], with values between 0 and 1.';

function row(category, question, answer, seed) {
  return [sql.text(category), sql.text(question), sql.text(answer), sql.image(stripes(width, height, seed)),
    sql.image(png(width, height, (x, y) => 1000 + x + y, 16)), sql.image(category === 'context' ? free : null)];
}

const rows = {
  configuration: [row('configuration', 'Is the mug left of the plate? Answer yes or no.', 'yes', 1),
    row('configuration', 'Is the lamp behind the sofa? Answer yes or no.', 'no', 2),
    row('configuration', 'Is the book on the shelf? Answer yes or no.', 'no', 3)],
  compatibility: [row('compatibility', 'Can the chair be placed left of the table? Answer yes or no.', 'yes', 4),
    row('compatibility', 'Can the sofa be placed in front of the door? Answer yes or no.', 'no', 5)],
  /* The square from .1 to .4, and four points in an order in which the sides cross, at (.28, .28). */
  context: [row('context', `Pinpoint free space left of the plate. ${point}`,
    '[(0.1, 0.1), (0.4, 0.1), (0.4, 0.4), (0.1, 0.4)]', 6),
  row('context', `Pinpoint free space right of the lamp. ${point}`,
    '[(0.1, 0.1), (0.4, 0.4), (0.4, 0.2), (0.1, 0.4)]', 7)],
};
for (const name of Object.keys(rows))
  await parquet(join(folder(import.meta.url), `data/${name}-00000-of-00001.parquet`), columns, rows[name]);
