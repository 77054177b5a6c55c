/* MSMU-Bench: test.parquet with the picture in base64 and the truth as the second turn of a conversation, in words. */
import { join } from 'node:path';
import { folder, parquet, sql, stripes } from '../lib.mjs';

const items = [
  ['scale_est', 'What is the height of the desk?', 'The height of the desk is 0.75 m.'],
  ['scale_est', 'What is the size of the dark pillow?', 'The dark pillow is with the size of 0.8 m x 0.63 m x 0.55 m'],
  ['refer_obj_est', 'The height of the bed is 0.81 m, what is the height of the table and the nightstand ?',
    'Since the height of the bed is 0.81 m, i think the height of the table is 1.02 meters and the height of the nightstand is 0.93 meters.'],
  ['refer_obj_est', 'If the door is 2 m tall, how tall is the shelf?', 'As the door is 2 m tall, the shelf is 1.6 m tall.'],
  ['absolute_distance', 'How far is the sofa from the lamp?', 'The sofa is 2.5 m from the lamp.'],
  ['absolute_distance', 'How far is the chair from the window?', 'About 1.2 meters.'],
  ['count', "what's the total number of chairs in the image?", 'There are 4 chairs.'],
  ['count', 'How many windows are there?', '2.'],
  ['grounding', 'Where is the lamp?', 'The lamp is at (0.42, 0.31).'],
  ['scale_compare', 'Between the wooden table and the black chair, which one is taller?', 'The wooden table is taller.'],
  ['relative_position', 'Is the blue bed to the left of the curtain?', 'Indeed, the bed is to the left of the curtain.'],
  ['existence', 'Is there a sofa in the room?', 'Yes.'],
];
const turn = (from, value) => `{'from': ${sql.text(from)}, 'value': ${sql.text(value)}}`;
const rows = items.map(([type, question, answer], i) => [
  sql.text(stripes(10, 8, i).toString('base64')), '[10, 8]', sql.text('RGB'),
  `[${turn('human', `<image>\n${question}`)}, ${turn('gpt', answer)}]`, sql.text(type)]);

await parquet(join(folder(import.meta.url), 'test.parquet'),
  ['image_base64', 'image_size', 'image_mode', 'conversations', 'type'], rows);
