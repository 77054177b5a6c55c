/* Pictures on their way into a report: scaled, and as JPEG bytes. 8 bits, 3 channels. */
#ifndef FM_REPORT_PICTURE_H
#define FM_REPORT_PICTURE_H

#include "base/buffer.h"
#include "fathom/raster.h"

/* `in` at another size: Catmull-Rom upwards, Mitchell downwards. Reuses out's memory. */
FM_MUST_CHECK fm_status fm_picture_scale(const fm_raster *in, int width, int height, fm_raster *out,
                                         fm_err *err);

/* Half as wide and half as high, each pixel the mean of four; an odd last row or column is dropped,
 * unless it is the only one. In place. */
void fm_picture_halve(fm_raster *picture);

/* quality 1 .. 100 */
FM_MUST_CHECK fm_status fm_picture_jpeg(const fm_raster *picture, int quality, fm_buf *out,
                                        fm_err *err);

#endif
