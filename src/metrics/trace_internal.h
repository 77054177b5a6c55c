/* Shared by the two sets of rules for traces. */
#ifndef FM_METRICS_TRACE_INTERNAL_H
#define FM_METRICS_TRACE_INTERNAL_H

#include "fathom/polyline.h"
#include "fathom/trace.h"

/* How many of the last points may reach the destination. */
#define FM_TRACE_END_POINTS 3

struct fm_trace_grader {
    fm_cloud cloud;
    fm_cloud_scratch *cloud_scratch;
    fm_obstacles *obstacles;

    /* For the longer of both paths, and for FM_PATH_SAMPLES at least. */
    size_t capacity;
    double *path;   /* [capacity][3] the path that is worked on */
    float *walk;    /* [capacity][4] its coordinates and arc length in float32 */
    double *ratios; /* [capacity] */

    double predicted[FM_PATH_SAMPLES * 3], truth[FM_PATH_SAMPLES * 3]; /* resampled */
};

typedef struct {
    double dfd, hd, rmse, mae;
} fm_path_metrics;

typedef struct {
    fm_trace_grader *grader;
    fm_answers_family family;
    const fm_trace_answer *answer;
    const fm_trace_truth *truth;
    const fm_raster *depth, *mask;
} fm_trace_case;

extern const char fm_reason_no_mask[], fm_reason_no_depth_map[], fm_reason_intrinsics[],
    fm_reason_not_parsed[], fm_reason_no_depth[], fm_reason_path[], fm_reason_no_box[],
    fm_reason_empty_cloud[], fm_reason_sizes[], fm_reason_no_surface[];

/* Keep the first reason: the later ones follow from it or weigh less. */
void fm_reason_add(const char **reason, const char *text);

static inline fm_verdict fm_verdict_of(bool value)
{
    return value ? FM_TRUE : FM_FALSE;
}

bool fm_all_finite(const double *values, size_t n);

/* The pixel nearest to (u, v), halves to even, lies in the picture and is set. u and v are
 * finite. */
bool fm_mask_hit(const fm_raster *mask, double u, double v);

/* The metrics between grader->predicted and grader->truth; all NaN, and false, where one is. */
bool fm_path_compare(const fm_trace_grader *grader, int dim, fm_path_metrics *out);

/* Start and end reached, no collision. Unknown where one of them is, even where another fails: were
 * such items counted, a rate over items without rasters would be made of their failures alone. */
fm_verdict fm_trace_success(fm_verdict start, fm_verdict end, fm_verdict collision);

/* Make the object cloud: `object_points` and, where the cloud has points, the distance to `start`
 * (NaN where that is not finite). */
FM_MUST_CHECK fm_status fm_trace_object(const fm_trace_case *c, const double start[3],
                                        fm_trace3d_score *out, double *distance, fm_err *err);

/* Move the cloud along path [n][3], at most grader->capacity points; fills grid, ratios, their
 * maximum. *reason is set where there is no answer: sizes that differ, or no surface. */
FM_MUST_CHECK fm_status fm_trace_collide(const fm_trace_case *c, const double *path, size_t n,
                                         fm_voxel_rounding rounding, fm_trace3d_score *out,
                                         const char **reason, fm_err *err);

FM_MUST_CHECK fm_status fm_trace_reference_2d(const fm_trace_case *c, fm_trace2d_score *out,
                                              fm_err *err);
FM_MUST_CHECK fm_status fm_trace_reference_3d(const fm_trace_case *c, fm_trace3d_score *out,
                                              fm_err *err);
FM_MUST_CHECK fm_status fm_trace_paper_2d(const fm_trace_case *c, fm_trace2d_score *out,
                                          fm_err *err);
FM_MUST_CHECK fm_status fm_trace_paper_3d(const fm_trace_case *c, fm_trace3d_score *out,
                                          fm_err *err);

#endif
