/* Makes the miniatures of this folder: files in the true format of each suite, with rows and pictures of our own.
 *
 *     npm install @duckdb/node-api@1.5.6-r.1
 *     node make.mjs FOLDER */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';

const folder = process.argv[2] ?? '.';
const database = await (await DuckDBInstance.create(':memory:')).connect();

/* ---- pictures ---- */

function chunk(name, bytes) {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), bytes]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(bytes.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

/* Grey, `value` of x and y. */
function png(width, height, value) {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0]);
  const rows = Buffer.alloc(height * (width + 1));
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = value(x, y);
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/* ---- Parquet ---- */

const text = (v) => (v === null ? 'null' : `'${v.replaceAll("'", "''")}'`);
const list = (v) => `[${v.map(text).join(', ')}]`;
const image = (bytes) => `{'bytes': from_hex('${bytes.toString('hex')}'), 'path': null::varchar}`;

async function parquet(path, columns, rows) {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  const values = rows.map((row) => `(${row.join(', ')})`).join(', ');
  await database.run(`copy (select * from (values ${values}) t(${columns.join(', ')}))
    to '${join(folder, path)}' (format parquet, compression snappy)`);
}

/* ---- CV-Bench: test_2d.parquet and test_3d.parquet, as the configuration `default` has them ---- */

const cv = ['idx', 'type', 'task', 'image', 'question', 'choices', 'answer', 'prompt', 'filename', 'source',
  'source_dataset', 'source_filename', 'target_class', 'target_size', 'bbox'];

function cvRow(idx, type, task, source, question, choices, answer) {
  const lettered = choices.map((c, i) => `(${String.fromCharCode(65 + i)}) ${c}`);
  const prompt = `${question} Select from the following choices.\n${lettered.join('\n')}`;
  const picture = png(16 + idx, 12, (x, y) => (x * 7 + y * 11 + idx * 13) & 255);
  return [idx, text(type), text(task), image(picture), text(question), list(choices), text(answer), text(prompt),
    text(`img/${type}/${task.toLowerCase()}/${idx}.png`), text(source), text(`${source} demo`),
    text(`${idx}.jpg`), 'null::varchar', 'null::bigint', '[[1.0, 2.0, 3.0, 4.0]]'];
}

const objects = ['the cup', 'the lamp', 'the book', 'the chair'];
const flat = [], deep = [];
for (let i = 0; i < 4; i++)
  flat.push(cvRow(flat.length, '2D', 'Relation', i % 2 ? 'COCO' : 'ADE20K',
    `Where is ${objects[i]} (annotated by the red box) with respect to the table?`, ['left', 'right'], i < 2 ? '(A)' : '(B)'));
for (let i = 0; i < 5; i++)
  flat.push(cvRow(flat.length, '2D', 'Count', i < 2 ? 'COCO' : 'ADE20K', `How many plates are in the image?`,
    ['3', '0', '2', '1', '4', '5'].slice(0, 4 + (i % 3)), `(${'ABCDA'[i]})`));
for (let i = 0; i < 3; i++)
  deep.push(cvRow(flat.length + deep.length, '3D', 'Depth', 'Omni3D',
    `Which object is closer to the camera taking this photo, ${objects[i]} or the door?`,
    [objects[i].slice(4), 'door'], i % 2 ? '(B)' : '(A)'));
for (let i = 0; i < 3; i++)
  deep.push(cvRow(flat.length + deep.length, '3D', 'Distance', 'Omni3D',
    `Which object is closer to the sofa, ${objects[i]} or the door?`, [objects[i].slice(4), 'door'],
    i % 2 ? '(A)' : '(B)'));
await parquet('cv-bench/test_2d.parquet', cv, flat);
await parquet('cv-bench/test_3d.parquet', cv, deep);
