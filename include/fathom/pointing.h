/**
 * Whether points lie where they should: masks, polygons, boxes, and boxes against boxes.
 *
 * Points come from fm_points_read(); a box among them stands for each of its pixels. Pure, thread-safe.
 * Upstream differs in what a mask's value counts as, in the mean that is taken and in what a reply
 * without points counts as: the first is a parameter, the others are the protocol's, from the counts.
 */
#ifndef FATHOM_POINTING_H
#define FATHOM_POINTING_H

#include "fathom/points.h"
#include "fathom/raster.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a pixel of the mask is worth. */
typedef enum {
    FM_MASK_SET,   /* 1 where over 0: RoboRefer, Embodied-R1, VLMEvalKit, lmms-eval robo_spatial */
    FM_MASK_SHARE, /* value / 255: RoboPoint and FlagEvalMM, whose masks are JPEG files */
    FM_MASK_ROUNDED, /* value / 255 to the nearest: lmms-eval refspatial and where2place */
} fm_mask_worth;

/* Over the points of one reply, pixels of boxes counted one by one. */
typedef struct {
    double n;       /* all of them; those outside of the picture too */
    double inside;  /* the sum of their worth */
    bool any_hit;   /* one has worth */
    bool first_hit; /* the first one has */
    bool all_hit;   /* each has, and there is one */
} fm_hits;

/* Points, which are pixel positions, on `mask` (8 bits, 1 channel). A position is cut towards zero to
 * find its pixel; what is not in the picture is worth nothing. */
FM_API fm_hits fm_hits_on_mask(const fm_points *points, const fm_raster *mask, fm_mask_worth worth);

/* Points in an inclusive box, xyxy, in the points' own space (RoboRefIt, VABench-P: pixels; a box among
 * the points counts as one that is not inside). */
FM_API fm_hits fm_hits_in_box(const fm_points *points, const double box[4]);

/* inside / n, 0 where there is no point: the sample's score of every suite that takes a mean of
 * samples. For a mean over all points of a split, sum `inside` and `n` first. */
FM_API double fm_hits_fraction(const fm_hits *hits);

/* PointBench: counting items want every point inside and as many as there are objects. */
FM_API bool fm_hits_counted(const fm_hits *hits, size_t expected);

/* RoboSpatial-Eval evaluation.py point_in_polygon: even-odd rule over [n][2] vertices in the order
 * listed, which may cross itself; in the vertices' space. */
FM_API bool fm_point_in_polygon(double x, double y, const double *vertices, size_t n);

/* F1 of `matched` points against those predicted and those true, summed over a split for the micro
 * value: 2 TP / (predicted + true); 0 where both are none. */
FM_API double fm_point_f1(double matched, double predicted, double truth);

/* Intersection over union of two boxes, xyxy in one space; corners in any order. 0 where the union has no
 * area, NaN where a corner is not finite. RoboRefIt counts over 0.5. */
FM_API double fm_box_iou(const double a[4], const double b[4]);

#ifdef __cplusplus
}
#endif
#endif
