/* VSI-Bench: test-00000-of-00001.parquet, and frames of the videos in frames/<scene>/. */
import { join } from 'node:path';
import { folder, jpeg, parquet, sql, write } from '../lib.mjs';

const options = ['A. front-left', 'B. front-right', 'C. back-left', 'D. back-right'];
const items = [
  ['object_rel_direction_easy', 'Is the sofa to my left or my right?', 'B', ['A. left', 'B. right']],
  ['object_rel_direction_medium', 'Is the sofa to my left, right or back?', 'C', ['A. left', 'B. right', 'C. back']],
  ['object_rel_direction_hard', 'Where is the sofa?', 'D', options],
  ['object_rel_distance', 'Which is closest to the stove?', 'A', ['A. sink', 'B. table', 'C. chair', 'D. door']],
  ['object_rel_distance', 'Which is closest to the door?', 'B', ['A. sink', 'B. table', 'C. chair', 'D. stove']],
  ['route_planning', 'You are at the door. How do you get to the stove?', 'C', ['A. Turn Left', 'B. Turn Back', 'C. Turn Right']],
  ['obj_appearance_order', 'In which order do they appear?', 'D',
    ['A. sink, table', 'B. table, chair', 'C. chair, door', 'D. door, sink']],
  ['object_counting', 'How many table(s) are in this room?', '4', null],
  ['object_counting', 'How many chair(s) are in this room?', '2', null],
  ['object_abs_distance', 'What is the distance between the sofa and the stove (in meters)?', '2.0', null],
  ['object_size_estimation', 'What is the length of the longest side of the sofa, measured in centimeters?', '100', null],
  ['room_size_estimation', 'What is the size of this room (in square meters)?', '20.0', null],
];
const scenes = [['arkitscenes', '41069025'], ['scannet', 'scene0011_00'], ['scannetpp', '09c1414f1b']];
const rows = items.map(([type, question, truth, choices], i) => [i, ...scenes[i % 3].map(sql.text), sql.text(type),
  sql.text(question), sql.text(truth), choices ? sql.list(choices) : 'null::varchar[]', 'false']);

await parquet(join(folder(import.meta.url), 'test-00000-of-00001.parquet'),
  ['id', 'dataset', 'scene_name', 'question_type', 'question', 'ground_truth', 'options', 'pruned'], rows);
scenes.forEach(([, scene], s) => {
  for (let frame = 0; frame < 3 + s; frame++)
    write(join(folder(import.meta.url), `frames/${scene}/${String(frame).padStart(3, '0')}.jpg`), jpeg(16 + 8 * frame, 16));
});
