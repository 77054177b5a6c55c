/* The boundaries of a mask as polygons. Pure; one thread an arena. */
#ifndef FM_REPORT_OUTLINE_H
#define FM_REPORT_OUTLINE_H

#include "base/arena.h"
#include "fathom/raster.h"

/* Specks beyond so many boundaries, in the order of the rows, are left out. */
#define FM_OUTLINES_MOST 64

typedef struct {
    double (
        *points)[2]; /* [n][2] pixels of the mask, centres at integers; the last joins the first */
    size_t n;
} fm_outline;

/* Where what is set (> 0) meets what is not, holes included, thinned out until nothing is further
 * than `tolerance` pixels from where it was. out[FM_OUTLINES_MOST]. Fails with FM_E_NOMEM only. */
FM_MUST_CHECK fm_status fm_outlines_of(const fm_raster *mask, double tolerance, fm_arena *arena,
                                       fm_outline *out, size_t *n, fm_err *err);

#endif
