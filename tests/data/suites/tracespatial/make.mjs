/* TraceSpatial-Bench: data/trajectory_dataset.json and data/raw_data/<id>/ as JingkunAn/TraceSpatial-Bench has them, so
 * without the paths that the records of replies carry. Five times one scene: 1 m away a jar, 13 pixels square around the
 * pixel 25, 40 of 100 x 80, before a wall at 1.5 m; the destination is a box around 75, 40 at the jar's distance. With
 * f = 100 pixels every true point is a round number in metres and in thousandths of the picture. */
import { join } from 'node:path';
import { folder, json, png, write } from '../lib.mjs';

const data = folder(import.meta.url), width = 100, height = 80;
const is_jar = (x, y) => Math.abs(x - 25) <= 6 && Math.abs(y - 40) <= 6;
const camera = [[100, 0, 50, 0], [0, 100, 40, 0], [0, 0, 1, 0], [0, 0, 0, 1]];

json(join(data, 'trajectory_dataset.json'), [...Array(5).keys()].map((id) => ({
  id, prompt: 'Pick up the red jar and place it to the right, at the same distance.', target_object: 'the red jar',
  'destination|direction': 'the right', step: 2, category: id % 2 ? 'Push&Pull' : 'Pick&Place', data_source: 'CA-1M',
  trajectory: [[-0.25, 0, 1], [0, -0.2, 1], [0.25, 0, 1]], intrinsics: camera, gt_depth_intrinsics: camera,
  bbox_center: [0.25, 0, 1], bbox_extent: [0.25, 0.25, 0.25], bbox_rotation: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
})));
for (let id = 0; id < 5; id++) {
  const raster = (name, bytes) => write(join(data, 'raw_data', String(id), name), bytes);

  raster('image.png', png(width, height, (x, y) => (is_jar(x, y) ? [200, 30, 30] : [160, 160, 150])));
  raster('depth.png', png(width, height, (x, y) => (is_jar(x, y) ? 1010 : 1490), 16));
  raster('gt_depth.png', png(width, height, (x, y) => (is_jar(x, y) ? 1000 : 1500), 16));
  raster('mask.png', png(width, height, (x, y) => (is_jar(x, y) ? 255 : 0)));
}
