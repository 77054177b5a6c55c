/* VABench: the two test files of IffYuan/Embodied-R1-Dataset, whose truths are members of a JSON object behind a tag, and
 * masks/data/test-00000-of-00001.parquet, as IffYuan/VABench-P has it. Pictures are 128x64. */
import { join } from 'node:path';
import { folder, mask, parquet, sql, stripes } from '../lib.mjs';

const data = folder(import.meta.url), columns = ['id', 'problem', 'answer', 'images'];
const picture = (i) => `[${sql.bytes(stripes(128, 64, i))}]`;
const box = [32, 16, 64, 48];
/* A straight line from 16, 16 to 112, 16 of eight points, and one point more than once. */
const line = Array.from({ length: 7 }, (_, i) => [16 + 16 * i, 16]);
const trace = [...line, line[6]];

await parquet(join(data, 'FSD_visual_trace_rft_fsd_visual_trace_train_32790_test_300_0514/test.parquet'), columns,
  [0, 1, 2, 3].map((i) => [sql.text(`trace_${i}`), sql.text(`Move block ${i} to the right.`),
    sql.text(`<type>fsd_visual_trace</type>${JSON.stringify({ trajectory: trace })}`), picture(i)]));
await parquet(join(data, 'FSD_points_rft_fsd_free_point_train_32790_test_300_0425/test.parquet'), columns,
  [0, 1, 2, 3, 4].map((i) => [sql.text(`point_${i}`), sql.text(`Put block ${i} into the tray.`),
    sql.text(`<type>fsd_free_point</type>${JSON.stringify({ bbox: box, free_points: [[40, 20], [60, 40]] })}`), picture(i)]));
await parquet(join(data, 'masks/data/test-00000-of-00001.parquet'), ['id', 'problem', 'image', 'mask'],
  [0, 1].map((i) => [sql.text(`point_${i}`), sql.text(`Put block ${i} into the tray.`), sql.image(stripes(128, 64, i)),
    sql.image(mask(128, 64, (x, y) => x >= 32 && x < 64 && y >= 16 && y < 48))]));
