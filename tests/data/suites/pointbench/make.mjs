/* PointBench: data.json, and the archives selected_images.zip and selected_masks.zip unpacked. Pictures are 128x64, what is
 * meant lies at x 32 to 63, y 16 to 47. The last row has no mask and is no sample. */
import { join } from 'node:path';
import { folder, json, mask, png, write } from '../lib.mjs';

const data = folder(import.meta.url);
const categories = ['spatial', 'counting', 'reasoning', 'affordable', 'steerable', 'counting', 'spatial', 'spatial'];

json(join(data, 'data.json'), categories.map((category, i) => ({
  image_filename: `${category}_${i}.png`, category,
  user_input: category === 'counting' ? 'Point to all the cups.' : `Point to the thing beside cup ${i}.`,
  ...(category === 'counting' ? { count: 2 } : {}),
  ...(i < 7 ? { mask_filename: `${category}_${i}_mask.png` } : {}),
})));
categories.slice(0, 7).forEach((category, i) => {
  write(join(data, 'selected_images', category, `${category}_${i}.png`), png(128, 64, (x) => x + i));
  write(join(data, 'selected_masks', category, `${category}_${i}_mask.png`),
    mask(128, 64, (x, y) => x >= 32 && x < 64 && y >= 16 && y < 48));
});
