/* ERQA, as FlagEval has it: data/test-00000-of-00001.parquet; the options stand in the question. */
import { join } from 'node:path';
import { folder, parquet, sql, stripes } from '../lib.mjs';

const types = ['Trajectory Reasoning', 'Action Reasoning', 'Pointing', 'State Estimation', 'Task Reasoning'];
const rows = [...'BCBDA'].map((answer, i) => [sql.text(`ERQA_${i}`),
  sql.text(`How should the gripper move (${i})? Choices: A. Up. B. Down. C. Left. D. Right. Please answer directly ` +
    'with only the letter of the correct option and nothing else.'),
  sql.text(types[i]), sql.images(Array.from({ length: 1 + (i % 3) }, (_, k) => stripes(10, 10, 3 * i + k))),
  sql.text(answer)]);

await parquet(join(folder(import.meta.url), 'data/test-00000-of-00001.parquet'),
  ['question_id', 'question', 'question_type', 'images', 'answer'], rows);
