/* Where2Place: data/test-00000-of-00001.parquet. Pictures are 640x480, as the published ones, but for the fifth, which
 * is 320x240; masks are JPEG files of 8x8 blocks: 255 where there is room, 102 beside it, 5 at the right edge, else 0. */
import { join } from 'node:path';
import { folder, jpeg, parquet, sql } from '../lib.mjs';

/* A baseline JPEG of one grey level a block, level(column, row), exact in every decoder: with a quantizer of 8 the DC
 * coefficient is the level less 128. All nine DC categories have codes of 4 bits, the end of a block that of 1 bit. */
function blocks(columns, rows, level) {
  const segment = (marker, ...bytes) => [0xff, marker, 0, bytes.length + 2, ...bytes];
  const size = (v) => [v >> 8, v & 255];
  let bits = '', before = 0;
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const dc = level(x, y) - 128, step = dc - before, n = Math.abs(step).toString(2).length * (step !== 0);
      const value = step < 0 ? step + (1 << n) - 1 : step;
      bits += n.toString(2).padStart(4, '0') + (n ? value.toString(2).padStart(n, '0') : '') + '0';
      before = dc;
    }
  const scan = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1').match(/.{8}/g).map((b) => parseInt(b, 2));
  return Buffer.from([0xff, 0xd8, ...segment(0xdb, 0, 8, ...Array(63).fill(1)),
    ...segment(0xc0, 8, ...size(rows * 8), ...size(columns * 8), 1, 1, 0x11, 0),
    ...segment(0xc4, 0x00, 0, 0, 0, 9, ...Array(12).fill(0), 0, 1, 2, 3, 4, 5, 6, 7, 8),
    ...segment(0xc4, 0x10, 1, ...Array(15).fill(0), 0), ...segment(0xda, 1, 1, 0, 0, 63, 0),
    ...scan.flatMap((b) => (b === 255 ? [255, 0] : [b])), 0xff, 0xd9]);
}

/* x from 160 to 319 and from 400 to 479, y from 120 to 239 of 640x480 */
const level = (x, y) => (x >= 70 ? 5 : y < 15 || y >= 30 ? 0 : x >= 20 && x < 40 ? 255 : x >= 50 && x < 60 ? 102 : 0);
const rows = [];

for (let i = 0; i < 6; i++) {
  const scale = i === 4 ? 2 : 1;
  rows.push([sql.text(String(i)), sql.text(`Point at free space between cup ${i} and the plate.`),
    sql.text(i < 4 ? 'seen' : 'unseen'), sql.image(jpeg(640 / scale, 480 / scale)),
    sql.image(blocks(80 / scale, 60 / scale, (x, y) => level(x * scale, y * scale)))]);
}
await parquet(join(folder(import.meta.url), 'data/test-00000-of-00001.parquet'),
  ['question_id', 'question', 'question_type', 'image', 'mask'], rows);
