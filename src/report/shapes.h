/**
 * What is drawn over the picture of a sample, as lines in the picture's pixels (centres at integers):
 * the truth, where the data has one that can be drawn, and the answer. Who draws them, on a raster
 * (overlay.c) or in a page (page/samples.c), is left to others. Pure; memory is in the arena.
 */
#ifndef FM_REPORT_SHAPES_H
#define FM_REPORT_SHAPES_H

#include "report/model.h"
#include "report/outline.h"

/* Longer paths are drawn through this many of their points: nobody sees more in a picture. */
#define FM_SHAPES_MOST_POINTS 1024

typedef struct {
    double (*points)[2]; /* [n][2]; NaN where the path has a gap */
    size_t n;
} fm_shape_path;

typedef struct {
    double a[2], b[2];
    bool front; /* of a face that looks at the camera */
} fm_shape_edge;

typedef struct {
    fm_shape_path trace;                   /* the true trace */
    fm_shape_path region;                  /* where points should lie, closed */
    fm_outline outlines[FM_OUTLINES_MOST]; /* of the mask: the object, or where points should lie */
    size_t n_outlines;
    fm_shape_edge edges[12]; /* of the destination box */
    size_t n_edges;
    double faces[6][4][2]; /* those that look at the camera, where all of the box is before it */
    size_t n_faces;
} fm_shapes;

/* The truth of `sample` on a picture of width x height pixels; mask NULL: there is none. Fails with
 * FM_E_NOMEM only. */
FM_MUST_CHECK fm_status fm_shapes_make(const fm_sample *sample, int width, int height,
                                       const fm_raster *mask, fm_arena *arena, fm_shapes *out,
                                       fm_err *err);

/* The points of the parsed answer, [n][3] in the arena: x, y in [0, 1], d in metres; NaN where the
 * line has null or nothing. At most FM_SHAPES_MOST_POINTS of them. Returns n, 0 where there is no
 * answer or no memory. */
size_t fm_shapes_answer(const cJSON *line, fm_arena *arena, double (**points)[3]);

#endif
