/* Owns the grader's memory and what both sets of rules do alike. What they do differently stands in
 * trace_reference.c and trace_paper.c. */
#include "metrics/trace_internal.h"

#include <math.h>
#include <stdlib.h>

#include "base/size.h"

const char fm_reason_no_mask[] = "no mask";
const char fm_reason_no_depth_map[] = "no depth map";
const char fm_reason_intrinsics[] = "singular intrinsics";
const char fm_reason_not_parsed[] = "no points";
const char fm_reason_no_depth[] = "no depth";
const char fm_reason_path[] = "path is not finite";
const char fm_reason_no_box[] = "no destination box";
const char fm_reason_empty_cloud[] = "empty object cloud";
const char fm_reason_sizes[] = "mask and depth map differ in size";
const char fm_reason_no_surface[] = "no surface";

void fm_reason_add(const char **reason, const char *text)
{
    if (!*reason)
        *reason = text;
}

bool fm_all_finite(const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

bool fm_mask_hit(const fm_raster *mask, double u, double v)
{
    double column = rint(u), row = rint(v);

    if (!(column >= 0 && column < mask->width && row >= 0 && row < mask->height))
        return false;
    return ((const unsigned char *)mask->data)[(size_t)row * (size_t)mask->width + (size_t)column] >
           0;
}

bool fm_path_compare(const fm_trace_grader *grader, int dim, fm_path_metrics *out)
{
    const double *p = grader->predicted, *q = grader->truth;
    size_t values = FM_PATH_SAMPLES * (size_t)dim;

    if (!fm_all_finite(p, values) || !fm_all_finite(q, values)) {
        *out = (fm_path_metrics){NAN, NAN, NAN, NAN};
        return false;
    }
    out->dfd = fm_polyline_frechet(p, FM_PATH_SAMPLES, q, FM_PATH_SAMPLES, dim);
    out->hd = fm_polyline_hausdorff(p, FM_PATH_SAMPLES, q, FM_PATH_SAMPLES, dim);
    out->rmse = fm_polyline_rmse(p, q, FM_PATH_SAMPLES, dim);
    out->mae = fm_polyline_mae(p, q, FM_PATH_SAMPLES, dim);
    return true;
}

fm_verdict fm_trace_success(fm_verdict start, fm_verdict end, fm_verdict collision)
{
    if (start == FM_UNKNOWN || end == FM_UNKNOWN || collision == FM_UNKNOWN)
        return FM_UNKNOWN;
    return fm_verdict_of(start == FM_TRUE && end == FM_TRUE && collision == FM_FALSE);
}

fm_status fm_trace_object(const fm_trace_case *c, const double start[3], fm_trace3d_score *out,
                          double *distance, fm_err *err)
{
    fm_trace_grader *g = c->grader;
    fm_status st =
        fm_cloud_object(&g->cloud, c->depth, c->mask, &c->truth->camera, g->cloud_scratch, err);

    if (st != FM_OK)
        return st;
    out->object_points = (int64_t)g->cloud.n;
    *distance = fm_all_finite(start, 3) ? fm_cloud_distance(&g->cloud, start) : NAN;
    return FM_OK;
}

fm_status fm_trace_collide(const fm_trace_case *c, const double *path, size_t n,
                           fm_voxel_rounding rounding, fm_trace3d_score *out, const char **reason,
                           fm_err *err)
{
    fm_trace_grader *g = c->grader;

    if (c->depth->width != c->mask->width || c->depth->height != c->mask->height) {
        *reason = fm_reason_sizes;
        return FM_OK;
    }
    fm_status st = fm_obstacles_build(g->obstacles, c->depth, c->mask, &c->truth->camera, err);
    if (st != FM_OK)
        return st;
    out->occupied_voxels = (int64_t)fm_obstacles_count(g->obstacles);
    if (out->occupied_voxels == 0) {
        *reason = fm_reason_no_surface;
        return FM_OK;
    }
    fm_obstacles_origin(g->obstacles, out->grid_origin);
    out->max_collision_ratio = 0;
    for (size_t i = 0; i < n; i++) {
        const double *p = path + i * 3;
        double offset[3] = {p[0] - path[0], p[1] - path[1], p[2] - path[2]};

        g->ratios[i] = fm_obstacles_hit_ratio(g->obstacles, &g->cloud, offset, rounding);
        if (g->ratios[i] > out->max_collision_ratio)
            out->max_collision_ratio = g->ratios[i];
    }
    out->collision_ratios = g->ratios;
    out->n_ratios = n;
    return FM_OK;
}

fm_trace_grader *fm_trace_grader_new(void)
{
    fm_trace_grader *g = calloc(1, sizeof(*g));

    if (!g)
        return NULL;
    g->cloud_scratch = fm_cloud_scratch_new();
    g->obstacles = fm_obstacles_new();
    if (!g->cloud_scratch || !g->obstacles) {
        fm_trace_grader_free(g);
        return NULL;
    }
    return g;
}

void fm_trace_grader_free(fm_trace_grader *g)
{
    if (!g)
        return;
    fm_cloud_release(&g->cloud);
    fm_cloud_scratch_free(g->cloud_scratch);
    fm_obstacles_free(g->obstacles);
    free(g->path);
    free(g->walk);
    free(g->ratios);
    free(g);
}

static fm_status reserve(fm_trace_grader *g, size_t n, fm_err *err)
{
    size_t bytes;

    if (n < FM_PATH_SAMPLES)
        n = FM_PATH_SAMPLES;
    if (n <= g->capacity)
        return FM_OK;
    if (!fm_size_mul(n, 4 * sizeof(double), &bytes))
        return fm_fail(err, FM_E_NOMEM, "out of memory for a path of %zu points", n);
    free(g->path);
    free(g->walk);
    free(g->ratios);
    g->capacity = 0;
    g->path = malloc(n * 3 * sizeof(*g->path));
    g->walk = malloc(n * 4 * sizeof(*g->walk));
    g->ratios = malloc(n * sizeof(*g->ratios));
    if (!g->path || !g->walk || !g->ratios)
        return fm_fail(err, FM_E_NOMEM, "out of memory for a path of %zu points", n);
    g->capacity = n;
    return FM_OK;
}

/* A single point is worked on as two (reference, 2D). */
static size_t longest(const fm_trace_answer *answer, const fm_trace_truth *truth)
{
    size_t n = answer->n > truth->n ? answer->n : truth->n;

    return n < 2 ? 2 : n;
}

fm_status fm_trace_grade_2d(fm_trace_grader *grader, fm_trace_rules rules, fm_answers_family family,
                            const fm_trace_answer *answer, const fm_trace_truth *truth,
                            const fm_trace_scene2d *scene, fm_trace2d_score *out, fm_err *err)
{
    fm_trace_case c = {grader, family, answer, truth, NULL, scene->mask};
    fm_trace2d_score score = {
        .dfd = NAN,
        .hd = NAN,
        .rmse = NAN,
        .mae = NAN,
        .start_in_mask = FM_UNKNOWN,
        .end_in_bbox = FM_UNKNOWN,
        .bbox_2d = {NAN, NAN, NAN, NAN},
    };
    fm_status st = reserve(grader, longest(answer, truth), err);

    if (st == FM_OK)
        st = rules == FM_TRACE_PAPER ? fm_trace_paper_2d(&c, &score, err)
                                     : fm_trace_reference_2d(&c, &score, err);
    if (st == FM_OK)
        *out = score;
    return st;
}

fm_status fm_trace_grade_3d(fm_trace_grader *grader, fm_trace_rules rules, fm_answers_family family,
                            const fm_trace_answer *answer, const fm_trace_truth *truth,
                            const fm_trace_scene3d *scene, fm_trace3d_score *out, fm_err *err)
{
    fm_trace_case c = {grader, family, answer, truth, scene->depth, scene->mask};
    fm_trace3d_score score = {
        .dfd = NAN,
        .hd = NAN,
        .rmse = NAN,
        .mae = NAN,
        .start_distance_m = NAN,
        .end_distance_m = NAN,
        .start_in_mask = FM_UNKNOWN,
        .end_in_bbox = FM_UNKNOWN,
        .bbox_2d = {NAN, NAN, NAN, NAN},
        .start_ok = FM_UNKNOWN,
        .end_ok = FM_UNKNOWN,
        .collision = FM_UNKNOWN,
        .success = FM_UNKNOWN,
        .object_points = -1,
        .occupied_voxels = -1,
        .grid_origin = {NAN, NAN, NAN},
        .max_collision_ratio = NAN,
    };
    fm_status st = reserve(grader, longest(answer, truth), err);

    if (st == FM_OK)
        st = rules == FM_TRACE_PAPER ? fm_trace_paper_3d(&c, &score, err)
                                     : fm_trace_reference_3d(&c, &score, err);
    if (st == FM_OK)
        *out = score;
    return st;
}
