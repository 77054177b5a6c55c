/* 3DSRBench: the TSV for VLMEvalKit. Options stand in every order, "-flip" is the mirrored picture; a picture that
 * is shown again is the index of its row. */
import { join } from 'node:path';
import { folder, stripes, tsv } from '../lib.mjs';

const columns = ['index', 'qid', 'question', 'A', 'B', 'C', 'D', 'answer', 'category', 'image', 'image_source', 'image_url'];
const rows = [];

/* `right` is the place of the true option among `options`. */
function question(qid, category, text, options, right, image) {
  options.forEach((_, turn) => {
    const turned = options.map((_, i) => options[(i + turn) % options.length]);
    const answer = 'ABCD'[turned.indexOf(options[right])];
    rows.push([rows.length, turn ? `${qid}-${turn}` : qid, text, ...[0, 1, 2, 3].map((i) => turned[i]), answer, category,
      image, 'COCO', `http://images.example/${qid}.jpg`]);
  });
}

const picture = (seed) => stripes(14, 10, seed).toString('base64');
question('AAAAAAAA', 'height_higher', 'Which is higher in the room?', ['the lamp', 'the chair'], 0, picture(1));
question('AAAAAAAA-flip', 'height_higher', 'Which is higher in the room?', ['the lamp', 'the chair'], 0, picture(2));
question('BBBBBBBB', 'orientation_viewpoint', 'Which side of the "car" faces the camera?',
  ['front', 'left', 'back', 'right'], 0, picture(3));
question('CCCCCCCC', 'multi_object_parallel', 'Are the car and the bus parallel?', ['yes', 'no'], 1, '4');
tsv(join(folder(import.meta.url), '3dsrbench_v1_vlmevalkit_circular.tsv'), columns, rows);
