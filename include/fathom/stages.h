/**
 * What went wrong with a trace, where the data annotates no steps: stages that follow from geometry
 * and from the verdicts of grading, how a depth error splits, and the trace with one thing put right.
 *
 * Traces are [n][3]: x and y in [0, 1] of the picture, d in metres (NaN: none), as replies are parsed.
 * Nothing here grades: whether a start, a path or an end counts is what the protocol said. Pure
 * functions, thread-safe.
 */
#ifndef FATHOM_STAGES_H
#define FATHOM_STAGES_H

#include "fathom/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

/* In this order; the first that fails is the cause of a failure. */
#define FM_STAGE_MAP(X)                                                                            \
    X(COMPLETE, "complete", "two points or more, with depth where it is asked for")                \
    X(FRAME, "frame", "coordinates in the picture, depths of a room")                              \
    X(START, "start", "the first point is on the object, in the picture")                          \
    X(DEPTH, "depth", "depths within 30 % of the true scale, and right at the object")             \
    X(PATH, "path", "the way is free")                                                             \
    X(END, "end", "the last points are at the destination")

typedef enum {
#define FM_STAGE_ENUM(code, name, text) FM_STAGE_##code,
    FM_STAGE_MAP(FM_STAGE_ENUM)
#undef FM_STAGE_ENUM
        FM_STAGES
} fm_stage_kind;

FM_API const char *fm_stage_name(fm_stage_kind stage);
FM_API const char *fm_stage_meaning(fm_stage_kind stage);

typedef struct {
    fm_verdict verdict; /* FM_UNKNOWN: it cannot be told */
    double value;    /* FRAME: share of points in the picture; START: distance in the picture from
                           the true start, share of its longer side; DEPTH: predicted over true scale;
                           END: metres to the destination; else, or not known, NaN */
    const char *why; /* what is wrong, static; NULL */
} fm_stage;

/* Depths of a predicted trace against the true one, paired by where they are along the way in the
 * picture. g is true, p predicted. */
typedef struct {
    double scale;          /* predicted over true: 1 / a of the best g = a p */
    double rms_m;          /* as it is */
    double after_scale_m;  /* with the best scale put right */
    double after_affine_m; /* with the best scale and offset put right, g = a p + b: the residual */
    double offset_m;       /* b */
} fm_depth_error;

/* False where either trace has no depth, or a coordinate is not finite. */
FM_API bool fm_depth_error_split(double (*points)[3], size_t n, double (*truth)[3], size_t n_truth,
                                 fm_depth_error *out);

typedef struct {
    bool answered;       /* the reply's status is ok */
    double (*points)[3]; /* of the reply; may be none */
    size_t n;
    bool deep;          /* the task asks for depth */
    double (*truth)[3]; /* NULL: not known */
    size_t n_truth;
    int width, height; /* of the picture; 0: square */
    /* what grading said */
    fm_verdict start_in_mask, start_ok, end_in_bbox, end_ok, collision;
    double end_distance_m; /* NaN: not said */
} fm_staging;

FM_API void fm_stages_judge(const fm_staging *staging, fm_stage out[FM_STAGES]);

/* ---- one thing put right ---- */

#define FM_ORACLE_MAP(X)                                                                           \
    X(START, "start", "the true first point")                                                      \
    X(DEPTH, "depth", "the true depth at every point")                                             \
    X(SCALE, "scale", "all depths times the best factor")                                          \
    X(END, "end", "the true last point")

typedef enum {
#define FM_ORACLE_ENUM(code, name, text) FM_ORACLE_##code,
    FM_ORACLE_MAP(FM_ORACLE_ENUM)
#undef FM_ORACLE_ENUM
        FM_ORACLES
} fm_oracle;

FM_API const char *fm_oracle_name(fm_oracle oracle);
FM_API const char *fm_oracle_meaning(fm_oracle oracle);

/* The trace with one thing taken from the truth, out[n][3]. False where it cannot be: no points, no
 * truth, or no depth where it is about depth. */
FM_API bool fm_oracle_apply(fm_oracle oracle, double (*points)[3], size_t n, double (*truth)[3],
                            size_t n_truth, double (*out)[3]);

#ifdef __cplusplus
}
#endif
#endif
