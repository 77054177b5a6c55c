/* RoboRefIt, pointing: data/test-0000N-of-00002.parquet as IffYuan/Roborefit has them, and roborefit_test.json as it lies
 * beside Embodied-R1's scripts, whose pictures are files. Boxes are 100, 100 to 200, 180 of 640x480. */
import { join } from 'node:path';
import { folder, jpeg, json, parquet, png, sql, write } from '../lib.mjs';

const data = folder(import.meta.url), things = ['glue stick', 'umbrella', 'marker', 'wire cutter', 'tape'];
const rows = things.map((thing, i) => [sql.number(i * 3), sql.text(`would you pass me the ${thing}`),
  sql.image(jpeg(640, 480), `image_${i * 3}.png`), '[100, 100, 200, 180]::integer[]']);
const columns = ['question_id', 'question', 'image', 'bbox'];

await parquet(join(data, 'data/test-00000-of-00002.parquet'), columns, rows.slice(0, 3));
await parquet(join(data, 'data/test-00001-of-00002.parquet'), columns, rows.slice(3));
json(join(data, 'roborefit_test.json'), things.slice(0, 2).map((thing, i) => ({
  id: i * 3, problem: `would you pass me the ${thing}`, image: `image_${i * 3}.png`,
  instruction: `Your task instruction: would you pass me the ${thing}. Use 2D points to mark the target object.`,
  instruction_2: `You are currently a robot. Your task instruction: would you pass me the ${thing}.`,
  bbox: [100.0, 100.0, 200.0, 180.0],
})));
for (let i = 0; i < 2; i++) write(join(data, `test_images/image_${i * 3}.png`), png(640, 480, () => 128));
