/* ShareRobot-Bench, trajectory: trajectory/test.json and pictures of 128x64 in trajectory/images, in a folder for each of
 * the data sets that they come from. */
import { join } from 'node:path';
import { folder, json, png, write } from '../lib.mjs';

const data = folder(import.meta.url), from = ['57_fmb', 'bridge', 'berkeley_ur5'];

json(join(data, 'trajectory/test.json'), from.map((set, i) => ({
  id: `${set}/episode_${i}/frame_0.png`,
  meta_data: { original_dataset: set, original_width: 128, original_height: 64 },
  instruction: `put cup ${i} on the shelf`,
  points: [[16.0, 16.0], [48.0, 16.0], [112.0, 16.0]],
})));
from.forEach((set, i) => write(join(data, `trajectory/images/${set}/episode_${i}/frame_0.png`), png(128, 64, (x) => x + i)));
