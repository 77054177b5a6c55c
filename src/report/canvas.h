/**
 * Anti-aliased drawing on an 8-bit RGB raster.
 *
 * Shapes are first collected into a coverage plane, then painted in one colour: overlapping parts
 * of one stroke blend once, and joints do not show. Coordinates are pixels with centres at
 * integers; they may lie anywhere, and shapes with one that is not finite are left out. The time
 * that a shape takes is bounded by the pixels that it covers inside the picture. One thread each.
 */
#ifndef FM_REPORT_CANVAS_H
#define FM_REPORT_CANVAS_H

#include <stddef.h>

#include "fathom/raster.h"

typedef struct {
    fm_raster *picture;      /* borrowed: 8 bits, 3 channels */
    unsigned char *coverage; /* [height][width], all zero between paints */
    size_t capacity;
    int left, top, right, bottom; /* what has been collected: left <= x < right */
} fm_canvas;

/* Start drawing on `picture`; a canvas used again keeps its memory. Release it in the end. */
FM_MUST_CHECK fm_status fm_canvas_begin(fm_canvas *canvas, fm_raster *picture, fm_err *err);
void fm_canvas_release(fm_canvas *canvas); /* accepts NULL and {0} */

void fm_canvas_segment(fm_canvas *canvas, const double a[2], const double b[2], double radius);
void fm_canvas_disc(fm_canvas *canvas, const double centre[2], double radius);
/* A convex polygon of n <= 8 corners in either direction, grown by `grow` pixels. */
void fm_canvas_polygon(fm_canvas *canvas, const double (*corners)[2], size_t n, double grow);

/* Blend 0xRRGGBB over what was collected, and forget it. */
void fm_canvas_paint(fm_canvas *canvas, unsigned rgb, double alpha);

#endif
