/* SpatialRGPT-Bench: SpatialRGPT-Bench_v1.json, an array; pictures of Omni3D at the places that file_path names. */
import { join } from 'node:path';
import { folder, json, stripes, write } from '../lib.mjs';

const data = folder(import.meta.url);
const items = [
  ['quantitative', 'width_data', 'What is the width of Region [0]?', 'The width of Region [0] is 1.02 meters.', 1],
  ['quantitative', 'height_data', 'How tall is Region [0]?', 'Region [0] is 77.56 centimeters in height.', 1],
  ['quantitative', 'distance_data', 'How far away is Region [0] from Region [1]?', 'Region [0] and Region [1] are 11.4 meters apart.', 2],
  ['quantitative', 'vertical_distance_data', 'How far above Region [0] is Region [1]?', 'A vertical distance of 10.0 inches exists between Region [0] and Region [1].', 2],
  ['quantitative', 'horizontal_distance_data', 'What is the horizontal distance between Region [0] and Region [1]?', 'Region [0] and Region [1] are 2 meters apart horizontally.', 2],
  ['quantitative', 'direction', 'If you are at Region [0], where will you find Region [1]?', "Region [0] will find Region [1] around the 12 o'clock direction.", 2],
  ['quantitative', 'direction', 'If you are at Region [1], where will you find Region [0]?', "Region [1] will find Region [0] around the 5 o'clock direction.", 2],
  ['qualitative', 'left_predicate', 'Is Region [0] to the left of Region [1]?', 'Yes, Region [0] is to the left of Region [1].', 2],
  ['qualitative', 'tall_choice', 'Who is taller, Region [0] or Region [1]?', 'Region [0] is taller.', 2],
  ['qualitative', 'wide_predicate', 'Is Region [0] wider than Region [1]?', 'No, Region [0] is not wider than Region [1].', 2],
];
const box = (k) => [1 + k, 2, 5.5 + k, 7];
const rows = items.map(([type, category, question, answer, n], i) => ({
  id: `srgpt_${i}`, text_q: question, qa_info: { type, category },
  image_info: { file_path: `omni3d/KITTI_object/${i}.png`, height: 8, width: 12 },
  bbox: Array.from({ length: n }, (_, k) => box(k)),
  rle: Array.from({ length: n }, () => ({ size: [8, 12], counts: '096' })),
  conversations: [{ from: 'human', value: question.replaceAll(/Region \[\d\]/g, '<mask>') },
    { from: 'gpt', value: answer }],
}));

json(join(data, 'SpatialRGPT-Bench_v1.json'), rows);
rows.forEach((row, i) => write(join(data, row.image_info.file_path), stripes(12, 8, i)));
