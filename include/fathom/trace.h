/**
 * Judging a trace: TraceSpatial's 2D and 3D tasks, as the upstream scorer computes them and as the
 * paper states them.
 *
 * Input is what the parser returned and the truth of one item; output is plain numbers. Nothing
 * here reads files or knows a suite. Values that a protocol does not define for an item are NaN
 * (numbers) or FM_UNKNOWN (verdicts). Sources: RoboTracer Evaluation/summarize_acc.py (reference),
 * arXiv 2512.13660v3 supplement E.6 (paper).
 */
#ifndef FATHOM_TRACE_H
#define FATHOM_TRACE_H

#include <stdint.h>

#include "fathom/answers.h"
#include "fathom/box.h"
#include "fathom/obstacles.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FM_TRACE_NEAR_M 0.20 /* start and end count when strictly nearer than this */
#define FM_TRACE_COLLISION_RATIO                                                                   \
    0.20 /* a step collides when strictly more of the object than this is in occupied space */

/* Upstream's script (every quirk) or the paper's sentences. */
typedef enum { FM_TRACE_REFERENCE, FM_TRACE_PAPER } fm_trace_rules;

typedef enum { FM_FALSE = 0, FM_TRUE = 1, FM_UNKNOWN = -1 } fm_verdict;

typedef struct {
    double (*points)[3]; /* [n][3] camera frame, metres; borrowed */
    size_t n;            /* >= 1 */
    fm_camera camera;
    bool has_box;
    fm_box box;
    int width, height; /* pixels: the RGB picture in 2D, the depth map in 3D */
} fm_trace_truth;

/* Bounds of what a 2D judgement needs besides the truth. */
typedef struct {
    const fm_raster
        *mask; /* 8 bits, 1 channel; NULL: not available, the metrics that need it stay unknown */
} fm_trace_scene2d;

typedef struct {
    const fm_raster *depth; /* 16 bits, 1 channel, mm; NULL: not available */
    const fm_raster *mask;
} fm_trace_scene3d;

typedef struct {
    double dfd, hd, rmse, mae; /* divided by width and height */
    fm_verdict start_in_mask, end_in_bbox;
    fm_rect bbox_2d; /* NaN without a box */
    /* Nothing was parsed. Reference: the values are those of upstream's path at the origin. Paper:
     * both verdicts are FM_FALSE, the path metrics NaN. */
    bool unparsed;
    const char *raises; /* reference: the exception at which upstream stops (static); nothing else
                           is filled then. NULL otherwise */
    const char *reason; /* why a value is unknown, NaN or a failure; static, else NULL */
} fm_trace2d_score;

/* At most one of unparsed, no_depth and raises is set. Then reference leaves no_depth and raises
 * without any value (upstream skips the item) and gives unparsed FM_FALSE throughout; paper counts
 * each of them as a failure. */
typedef struct {
    double dfd, hd, rmse, mae;             /* metres */
    double start_distance_m;               /* reference: to the object cloud or to the first true
                                              point; paper: to the cloud */
    double end_distance_m;                 /* to the destination box, the nearest end point's */
    fm_verdict start_in_mask, end_in_bbox; /* derived from the 3D points */
    fm_rect bbox_2d;
    /* `collision` under paper rules: FM_TRUE also where the path could not be shown to be free (no
     * path, no surface, no object cloud), because any failure counts as failure there. */
    fm_verdict start_ok, end_ok, collision, success;
    int64_t object_points, occupied_voxels; /* -1: not computed */
    double grid_origin[3];                  /* NaN: none */
    double max_collision_ratio;
    const double *collision_ratios; /* [n_ratios], one a way-point (reference) or a resampled point
                                       (paper); owned by the grader, valid until its next call */
    size_t n_ratios;
    bool unparsed;
    bool no_depth; /* no third number, or readable JSON without any point */
    const char *raises;
    const char *reason;
} fm_trace3d_score;

/* Working memory of a worker thread: clouds, TSDF, resampled paths. */
typedef struct fm_trace_grader fm_trace_grader;
FM_API fm_trace_grader *fm_trace_grader_new(void); /* NULL: out of memory */
FM_API void fm_trace_grader_free(fm_trace_grader *grader);

/* Judge one answer. A raster that is missing (NULL) leaves the values that need it unknown, and
 * `reason` says so; the same holds for singular intrinsics. `success` is unknown where one of its
 * parts is, even where another part fails. Fails with FM_E_NOMEM only; *out is untouched then. */
FM_API FM_MUST_CHECK fm_status fm_trace_grade_2d(fm_trace_grader *grader, fm_trace_rules rules,
                                                 fm_answers_family family,
                                                 const fm_trace_answer *answer,
                                                 const fm_trace_truth *truth,
                                                 const fm_trace_scene2d *scene,
                                                 fm_trace2d_score *out, fm_err *err);

FM_API FM_MUST_CHECK fm_status fm_trace_grade_3d(fm_trace_grader *grader, fm_trace_rules rules,
                                                 fm_answers_family family,
                                                 const fm_trace_answer *answer,
                                                 const fm_trace_truth *truth,
                                                 const fm_trace_scene3d *scene,
                                                 fm_trace3d_score *out, fm_err *err);

#ifdef __cplusplus
}
#endif
#endif
