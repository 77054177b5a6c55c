/* CV-Bench: test_2d.parquet and test_3d.parquet, as the configuration `default` has them. */
import { join } from 'node:path';
import { folder, parquet, sql, stripes } from '../lib.mjs';

const columns = ['idx', 'type', 'task', 'image', 'question', 'choices', 'answer', 'prompt', 'filename', 'source',
  'source_dataset', 'source_filename', 'target_class', 'target_size', 'bbox'];
const objects = ['the cup', 'the lamp', 'the book', 'the chair'];
const flat = [], deep = [];

function row(idx, type, task, source, question, choices, answer) {
  const lettered = choices.map((c, i) => `(${String.fromCharCode(65 + i)}) ${c}`);
  const prompt = `${question} Select from the following choices.\n${lettered.join('\n')}`;
  return [idx, sql.text(type), sql.text(task), sql.image(stripes(16 + idx, 12, idx)), sql.text(question),
    sql.list(choices), sql.text(answer), sql.text(prompt), sql.text(`img/${type}/${task.toLowerCase()}/${idx}.png`),
    sql.text(source), sql.text(`${source} demo`), sql.text(`${idx}.jpg`), sql.text(null), sql.number(null),
    '[[1.0, 2.0, 3.0, 4.0]]'];
}

for (let i = 0; i < 4; i++)
  flat.push(row(flat.length, '2D', 'Relation', i % 2 ? 'COCO' : 'ADE20K',
    `Where is ${objects[i]} (annotated by the red box) with respect to the table?`, ['left', 'right'],
    i < 2 ? '(A)' : '(B)'));
for (let i = 0; i < 5; i++)
  flat.push(row(flat.length, '2D', 'Count', i < 2 ? 'COCO' : 'ADE20K', 'How many plates are in the image?',
    ['3', '0', '2', '1', '4', '5'].slice(0, 4 + (i % 3)), `(${'ABFDA'[i]})`));
for (let i = 0; i < 3; i++)
  deep.push(row(flat.length + deep.length, '3D', 'Depth', 'Omni3D',
    `Which object is closer to the camera taking this photo, ${objects[i]} or the door?`,
    [objects[i].slice(4), 'door'], i % 2 ? '(B)' : '(A)'));
for (let i = 0; i < 3; i++)
  deep.push(row(flat.length + deep.length, '3D', 'Distance', 'Omni3D',
    `Which object is closer to the sofa, ${objects[i]} or the door?`, [objects[i].slice(4), 'door'],
    i % 2 ? '(A)' : '(B)'));
await parquet(join(folder(import.meta.url), 'test_2d.parquet'), columns, flat);
await parquet(join(folder(import.meta.url), 'test_3d.parquet'), columns, deep);
