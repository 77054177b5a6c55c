/* Q-Spatial Bench: two Parquet files; the pictures of Plus stand in it, those of ScanNet are files that `image_path`
 * names and that the hub does not have. */
import { join } from 'node:path';
import { folder, parquet, sql, stripes, write } from '../lib.mjs';

const data = folder(import.meta.url);
const columns = ['question', 'answer_value', 'answer_unit', 'question_type', 'image_path', 'image'];
const items = [
  ['How wide is the mug?', 10, 'cm', 'object_width'],
  ['How far apart are the two chairs?', 1.2, 'm', 'direct_distance'],
  ['How tall is the lamp?', 5, 'ft', 'object_height'],
  ['How far is the book from the edge of the table?', 4, 'in', 'horizontal_distance'],
];
const row = ([question, value, unit, type], path, image) => [sql.text(question), sql.number(value, 'float'),
  sql.text(unit), sql.text(type), sql.text(path), sql.image(image)];

await parquet(join(data, 'data/QSpatial_plus-00000-of-00001.parquet'), columns,
  items.map((item, i) => row(item, `${i}.png`, stripes(12, 9, i))));
await parquet(join(data, 'data/QSpatial_scannet-00000-of-00001.parquet'), columns,
  items.slice(0, 2).map((item, i) => row(item, `scannet_images/scene000${i}_00/color/0.jpg`, null)));
/* What a user with ScanNet's licence lays there. */
for (const i of [0, 1]) write(join(data, `scannet_images/scene000${i}_00/color/0.jpg`), stripes(8, 6, i));
