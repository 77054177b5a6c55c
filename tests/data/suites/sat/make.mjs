/* SAT, real images: SAT_test.parquet; one or two pictures as a list of bytes, two answers. */
import { join } from 'node:path';
import { folder, parquet, sql, stripes } from '../lib.mjs';

const items = [
  ['ego_movement', 'Did the camera turn left or right?', ['left', 'right'], 'left', 2],
  ['obj_movement', 'Did the mug move?', ['It moved away.', 'It stayed where it was.'], 'It moved away.', 2],
  ['perspective', 'Is the lamp on your left when you stand at the door?', ['yes', 'no'], 'no', 1],
  ['goal_aim', 'Which way to the sofa?', ['Turn left.', 'Turn right.'], 'Turn right.', 1],
];
const rows = items.map(([type, question, answers, correct, n], i) => [
  `[${Array.from({ length: n }, (_, k) => sql.bytes(stripes(9, 9, 2 * i + k))).join(', ')}]`, sql.text(question),
  sql.list(answers), sql.text(type), sql.text(correct)]);

await parquet(join(folder(import.meta.url), 'SAT_test.parquet'),
  ['image_bytes', 'question', 'answers', 'question_type', 'correct_answer'], rows);
