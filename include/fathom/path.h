/**
 * How far a predicted 2D trace is from the true one: VABench-V and ShareRobot-Bench.
 *
 * Points are [n][2]; the caller brings both traces to one scale first, fm_path_scale(). Pure,
 * thread-safe. Sources: pickxiguapi/Embodied-R1 eval/hf_inference_vabench_visual_trace.py; RoboTracer
 * Evaluation/summarize_acc.py for the distances over 100 points, which its paper reports for both
 * benchmarks without publishing a script.
 */
#ifndef FATHOM_PATH_H
#define FATHOM_PATH_H

#include <stdbool.h>

#include "fathom/polyline.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fm_arena;

/* How traces of different lengths are made comparable. */
typedef enum {
    FM_PATH_AS_GIVEN, /* not: rmse and mae only where the lengths are equal */
    FM_PATH_BY_INDEX, /* Embodied-R1: both to the longer length, uniform in the index */
    FM_PATH_BY_ARC,   /* RoboTracer: both to FM_PATH_SAMPLES points, uniform in arc length */
} fm_path_resampling;

/* In the unit of the points. NaN: not defined. */
typedef struct {
    double dfd;  /* discrete Frechet distance */
    double hd;   /* Hausdorff distance; never more than dfd */
    double rmse; /* root of the mean squared 2D distance of matched points */
    double mae;  /* mean absolute difference of all coordinates of matched points */
} fm_path_score;

/* (x, y) pixels of a width x height picture to x / width * side, y / height * side, in place. Side 1
 * gives RoboTracer's scale, 999 that of Embodied-R1. */
FM_API void fm_path_scale(double (*path)[2], size_t n, double width, double height, double side);

/* predicted [n][2], truth [m][2]; NULL where there is none. FM_PATH_BY_INDEX wants two points at least in both, as upstream does, and FM_PATH_BY_ARC one; else,
 * or where a coordinate is not finite, all four are NaN. At most FM_PATH_MAX_POINTS points are
 * compared without resampling by arc. `arena` holds the resampled traces. Fails with FM_E_NOMEM only. */
FM_API FM_MUST_CHECK fm_status fm_path_measure(const double *predicted, size_t n,
                                               const double *truth, size_t m,
                                               fm_path_resampling resampling,
                                               struct fm_arena *arena, fm_path_score *out,
                                               fm_err *err);

#ifdef __cplusplus
}
#endif
#endif
