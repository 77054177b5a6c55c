/* BLINK: a folder for each task with val-00000-of-00001.parquet; one to four pictures. */
import { join } from 'node:path';
import { folder, parquet, sql, stripes } from '../lib.mjs';

const columns = ['idx', 'question', 'sub_task', 'image_1', 'image_2', 'image_3', 'image_4', 'choices', 'answer',
  'prompt', 'explanation'];
const pictures = {
  Art_Style: 3, Counting: 1, Forensic_Detection: 4, Functional_Correspondence: 2, IQ_Test: 1, Jigsaw: 3,
  'Multi-view_Reasoning': 2, Object_Localization: 1, Relative_Depth: 1, Relative_Reflectance: 1,
  Semantic_Correspondence: 2, Spatial_Relation: 1, Visual_Correspondence: 2, Visual_Similarity: 3 };

function row(task, n, choices, letter) {
  const question = `What do you see (${task.replaceAll('_', ' ').toLowerCase()}, ${n})?`;
  const lettered = choices.map((c, i) => `(${'ABCD'[i]}) ${c}`).join('\n');
  const shown = [0, 1, 2, 3].map((k) => sql.image(k < pictures[task] ? stripes(8 + k, 8, n) : null));
  return [sql.text(`val_${task}_${n}`), sql.text(question), sql.text(task), ...shown, sql.list(choices),
    sql.text(`(${letter})`), sql.text(`${question}\nSelect from the following choices.\n${lettered}`), sql.text('')];
}

const tasks = Object.keys(pictures);
for (const task of tasks) {
  const rows = task === 'Counting'
    ? [...'ABCDA'].map((letter, i) => row(task, i + 1, ['3', '4', '5', '6'], letter))
    : [row(task, 1, ['yes', 'no'], tasks.indexOf(task) % 2 ? 'B' : 'A')];
  await parquet(join(folder(import.meta.url), task, 'val-00000-of-00001.parquet'), columns, rows);
}
