/**
 * What the spatial encoder takes of a picture before anything learnt touches it: pixels of a size
 * that fits the patches, and what is known of the scene's geometry, as fields over these pixels.
 * Pure; one thread a call. Source: MapAnything, arXiv 2509.13414, sections 3.1 and 3.2; what it leaves
 * open is stated in docs/engine.md, "Spatial encoder".
 */
#ifndef RT_ENGINE_SPATIAL_VIEW_H
#define RT_ENGINE_SPATIAL_VIEW_H

#include "base/arena.h"
#include "fathom/status.h"
#include "robotracer.h"

/* FM_E_USAGE says, in one line, what of a picture cannot be used: its sides, its intrinsics, its pose. */
FM_MUST_CHECK fm_status rt_view_check(const rt_picture *picture, fm_err *err);

/* The size, of those that a long side of so many pixels gives, whose aspect ratio is nearest to the
 * picture's. patch divides long_side. */
void rt_view_size(int long_side, int patch, int picture_width, int picture_height, int *width,
                  int *height);

typedef struct {
    int width, height;
    float *pixels; /* [height][width][3], ImageNet's mean and deviation taken out */
    float *rays;   /* [height][width][3] unit vectors; NULL without intrinsics */
    float *depth;  /* [height][width] log(1 + depth along the ray / depth_mean), 0 where unknown;
                          NULL without intrinsics and where it is unknown everywhere */
    double depth_mean; /* metres along the ray, over the known */
} rt_view;

/* The checked picture resized and cut to this size, intrinsics and depth along with it; in the arena.
 * FM_E_NOMEM. */
FM_MUST_CHECK fm_status rt_view_make(rt_view *out, const rt_picture *picture, int width, int height,
                                     fm_arena *arena, fm_err *err);

/* A pose as seen from the first picture. */
typedef struct {
    bool known;
    float rotation[4];    /* quaternion x, y, z, w; w not below 0 */
    float translation[3]; /* over the scale */
} rt_view_pose;

/* poses[n] of checked pictures. None is known where the first picture has no pose. The result is
 * their scale: the mean length in metres of the translations that are not zero, at least 1e-8. */
double rt_view_poses(rt_view_pose *poses, const rt_picture *pictures, size_t n);

#endif
