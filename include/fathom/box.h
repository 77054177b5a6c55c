/**
 * Oriented box in the camera frame, and the axis-aligned rectangle that its projection fills.
 * Pure functions, thread-safe.
 */
#ifndef FATHOM_BOX_H
#define FATHOM_BOX_H

#include "fathom/camera.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    double center[3];      /* metres */
    double extent[3];      /* full side lengths, metres */
    double rotation[3][3]; /* columns are the box axes in the camera frame (Open3D's
                              OrientedBoundingBox.R) */
} fm_box;

typedef struct {
    double x0, y0, x1, y1; /* pixels, inclusive */
} fm_rect;

/* The eight corners, in the order of the bits of the index: bit 0 = +x, bit 1 = +y, bit 2 = +z half
 * axis. */
FM_API void fm_box_corners(const fm_box *box, double corners[8][3]);

/* Distance from a point to the box in metres, 0 inside: |max(|R^-1 (p - c)| - e/2, 0)|. NaN in, NaN
 * out. */
FM_API double fm_box_distance(const fm_box *box, const double point[3]);

/* Smallest rectangle around the eight projected corners (not clipped to the picture). */
FM_API void fm_box_project(const fm_box *box, const fm_camera *camera, fm_rect *out);

/* Bounds are inclusive; false for NaN. */
FM_API bool fm_rect_contains(const fm_rect *rect, double x, double y);

#ifdef __cplusplus
}
#endif
#endif
