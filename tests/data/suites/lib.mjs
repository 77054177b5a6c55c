/* What the makers of this folder share. A suite's own make.mjs writes its data/: files in the true format and under the
 * true names of the suite, with rows and pictures of our own. They are made when a suite is added, and committed.
 *
 *     npm install --no-save @duckdb/node-api@1.5.6-r.1
 *     node tests/data/suites/cv-bench/make.mjs */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32, deflateSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';

/* ---- files ---- */

/* The folder data/ beside a maker: folder(import.meta.url). Everything below writes by paths in it. */
export const folder = (maker) => join(dirname(fileURLToPath(maker)), 'data');

export function write(path, content) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

export const json = (path, value) => write(path, JSON.stringify(value, null, 1) + '\n');
export const jsonl = (path, values) => write(path, values.map((v) => JSON.stringify(v) + '\n').join(''));

/* A table with tabs, as VLMEvalKit's: a cell with a tab, a newline or a quotation mark is quoted as in CSV. */
export function tsv(path, columns, rows) {
  const cell = (v) => (/[\t\r\n"]/.test(v) ? `"${v.replaceAll('"', '""')}"` : v);
  const line = (cells) => cells.map((v) => cell(v === null || v === undefined ? '' : String(v))).join('\t') + '\n';
  write(path, line(columns) + rows.map(line).join(''));
}

/* ---- pictures ---- */

function chunk(name, bytes) {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), bytes]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(bytes.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

/* A PNG with `value(x, y)` as grey level, or as [red, green, blue]; `bits` 16: grey levels to 65535. */
export function png(width, height, value, bits = 8) {
  const colours = Array.isArray(value(0, 0)) ? 3 : 1, size = (bits / 8) * colours;
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, bits, colours === 3 ? 2 : 0, 0, 0, 0]);
  const rows = Buffer.alloc(height * (1 + width * size));
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = y * (1 + width * size) + 1 + x * size;
      [value(x, y)].flat().forEach((v, i) => rows.writeUIntBE(v, at + (i * bits) / 8, bits / 8));
    }
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

/* A picture to tell from others: grey stripes that differ with `seed`. */
export const stripes = (width, height, seed) => png(width, height, (x, y) => (x * 7 + y * 11 + seed * 13) & 255);

/* White on black, where inside(x, y) holds. */
export const mask = (width, height, inside) => png(width, height, (x, y) => (inside(x, y) ? 255 : 0));

/* A grey baseline JPEG, the shortest that decoders take: every block has the bits 00, for no difference and no detail. */
export function jpeg(width, height) {
  const segment = (marker, ...bytes) => Buffer.from([0xff, marker, 0, bytes.length + 2, ...bytes]);
  const blocks = Math.ceil(width / 8) * Math.ceil(height / 8);
  const bits = '00'.repeat(blocks).padEnd(Math.ceil(blocks / 4) * 8, '1').match(/.{8}/g);
  return Buffer.concat([Buffer.from([0xff, 0xd8]), segment(0xdb, 0, ...Array(64).fill(1)),
    segment(0xc0, 8, height >> 8, height & 255, width >> 8, width & 255, 1, 1, 0x11, 0),
    segment(0xc4, 0x00, 1, ...Array(15).fill(0), 0), segment(0xc4, 0x10, 1, ...Array(15).fill(0), 0),
    segment(0xda, 1, 1, 0, 0, 63, 0), Buffer.from(bits.map((b) => parseInt(b, 2))), Buffer.from([0xff, 0xd9])]);
}

/* ---- Parquet ---- */

/* SQL of values, for the cells of parquet(). */
export const sql = {
  text: (v) => (v === null ? 'null::varchar' : `'${v.replaceAll("'", "''")}'`),
  number: (v, type = 'bigint') => (v === null ? `null::${type}` : `${v}::${type}`),
  list: (v) => (v.length ? `[${v.map(sql.text).join(', ')}]` : '[]::varchar[]'),
  /* As the hub stores pictures: struct{bytes, path}. */
  image: (bytes, path = null) => bytes === null ? 'null::struct(bytes blob, path varchar)'
    : `{'bytes': from_hex('${bytes.toString('hex')}'), 'path': ${sql.text(path)}}`,
  images: (list) => `[${list.map((bytes) => sql.image(bytes)).join(', ')}]`,
  bytes: (bytes) => `from_hex('${bytes.toString('hex')}')`,
};

/* rows: arrays of SQL, one cell a column */
export async function parquet(path, columns, rows) {
  const database = await (await DuckDBInstance.create(':memory:')).connect();
  const values = rows.map((row) => `(${row.join(', ')})`).join(', ');
  mkdirSync(dirname(path), { recursive: true });
  await database.run(`copy (select * from (values ${values}) t(${columns.map((c) => `"${c}"`).join(', ')}))
    to '${path.replaceAll("'", "''")}' (format parquet, compression snappy)`);
}
