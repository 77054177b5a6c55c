/**
 * A sample on its picture: object mask, destination box, true and predicted trace.
 *
 * Working memory is kept between calls, one per thread.
 */
#ifndef FM_REPORT_OVERLAY_H
#define FM_REPORT_OVERLAY_H

#include "report/canvas.h"
#include "report/model.h"

/* Okabe and Ito's palette, which colour-blind readers can tell apart. */
#define FM_COLOUR_TRUTH      0x009E73u
#define FM_COLOUR_PREDICTION 0xD55E00u
#define FM_COLOUR_OBJECT     0x56B4E9u
#define FM_COLOUR_BOX        0xF0E442u

typedef struct {
    fm_raster image, mask, picture; /* picture: the result */
    fm_canvas canvas;
} fm_overlay;

/* Draw `sample` into overlay->picture, whose longer side gets `size` pixels. FM_E_INPUT or FM_E_IO
 * where the sample has no picture that can be read; a mask that cannot be read is left out. */
FM_MUST_CHECK fm_status fm_overlay_draw(fm_overlay *overlay, const fm_report_sample *sample,
                                        int size, fm_err *err);
void fm_overlay_release(fm_overlay *overlay); /* accepts NULL and {0} */

#endif
