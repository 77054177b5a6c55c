/* EmbSpatial-Bench, as FlagEval has it: data/test-00000-of-00001.parquet. */
import { join } from 'node:path';
import { folder, parquet, sql, stripes } from '../lib.mjs';

const relations = ['left', 'right', 'above', 'close'];
const sources = ['mp3d', 'ai2thor', 'scannet', 'mp3d'];
const options = ['left of the chair', 'right of the chair', 'above the chair', 'under the chair'];
const rows = relations.map((relation, i) => [sql.text(`q${i}`), sql.text(`Where is the lamp (${i})?`),
  sql.text(relation), sql.image(stripes(12, 9, i)), sql.list(options), sql.number(i), sql.text(sources[i]),
  `[{'bbox': [1, 2, 5, 6], 'name': 'lamp'}]`]);

await parquet(join(folder(import.meta.url), 'data/test-00000-of-00001.parquet'),
  ['question_id', 'question', 'relation', 'image', 'answer_options', 'answer', 'data_source', 'objects'], rows);
