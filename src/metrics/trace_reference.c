/*
 * The rules of the upstream script (RoboTracer Evaluation/summarize_acc.py at 11f09e1), every quirk
 * included, except that it always finishes.
 *
 * float is on purpose wherever it stands: upstream keeps annotations, pixels and resampled paths in
 * NumPy's float32, and that decides verdicts at an edge. What comes from a JSON reply, and every
 * back-projected point, is double.
 */
#include "metrics/trace_internal.h"

#include <math.h>
#include <string.h>

/* Upstream leaves longer ones out of its means. */
#define FRECHET_CAP 100

static const char reason_far[] = "Frechet distance over 100";

typedef struct {
    float fx, fy, cx, cy;
} camera32;

static camera32 camera_of(const fm_trace_truth *truth)
{
    const fm_camera *k = &truth->camera;

    return (camera32){(float)k->fx, (float)k->fy, (float)k->cx, (float)k->cy};
}

/* Only depths around zero are guarded: a point behind the camera is projected through it. */
static void project32(const camera32 *k, const float p[3], float uv[2])
{
    float z = fabsf(p[2]) < 1e-6f ? 1e-6f : p[2];

    uv[0] = p[0] * k->fx / z + k->cx;
    uv[1] = p[1] * k->fy / z + k->cy;
}

static void project64(const camera32 *k, const double p[3], double uv[2])
{
    double z = fabs(p[2]) < 1e-6 ? 1e-6 : p[2];

    uv[0] = (float)(p[0] * k->fx / z + k->cx);
    uv[1] = (float)(p[1] * k->fy / z + k->cy);
}

/**
 * FM_PATH_SAMPLES points, uniform in arc length, in float32 as NumPy and SciPy (interp1d) compute
 * them. path [n][dim], n >= 1; walk: scratch of n * 4; out [FM_PATH_SAMPLES][dim]. A single point
 * is repeated (upstream broadcasts it, which gives the same metrics). Where the first segment has
 * no length the first sample is 0 / 0: NaN, as upstream.
 */
static void resample_reference(const double *path, size_t n, int dim, float *walk, double *out)
{
    size_t d = (size_t)dim, hi = 1;
    float *coordinates = walk, *length = walk + n * d;

    for (size_t i = 0; i < n * d; i++)
        coordinates[i] = (float)path[i];
    length[0] = 0;
    for (size_t i = 1; i < n; i++) {
        float sum = 0;

        for (size_t k = 0; k < d; k++) {
            float step = coordinates[i * d + k] - coordinates[(i - 1) * d + k];

            sum += step * step;
        }
        length[i] = length[i - 1] + sqrtf(sum);
    }
    double total = length[n - 1];
    for (size_t s = 0; s < FM_PATH_SAMPLES; s++) {
        if (n == 1 || total <= 1e-12) {
            for (size_t k = 0; k < d; k++)
                out[s * d + k] = coordinates[k];
            continue;
        }
        if (!isfinite(total)) {
            for (size_t k = 0; k < d; k++)
                out[s * d + k] = NAN;
            continue;
        }
        float target = s == FM_PATH_SAMPLES - 1
                           ? (float)total
                           : (float)((double)s * (total / (FM_PATH_SAMPLES - 1)));

        /* The first knot that is not before the target, but never the one at the start. */
        while (hi < n - 1 && length[hi] < target)
            hi++;
        for (size_t k = 0; k < d; k++) {
            float a = coordinates[(hi - 1) * d + k], b = coordinates[hi * d + k];
            float slope = (b - a) / (length[hi] - length[hi - 1]);

            out[s * d + k] = slope * (target - length[hi - 1]) + a;
        }
    }
}

/* The box that upstream tests against: corners and projection in float32. */
static void project_box(const fm_box *box, const camera32 *k, fm_rect *out)
{
    float center[3], half[3], rotation[3][3], uv[2];

    for (int i = 0; i < 3; i++) {
        center[i] = (float)box->center[i];
        half[i] = (float)box->extent[i] / 2;
        for (int j = 0; j < 3; j++)
            rotation[i][j] = (float)box->rotation[i][j];
    }
    *out = (fm_rect){INFINITY, INFINITY, -INFINITY, -INFINITY};
    for (int corner = 0; corner < 8; corner++) {
        float p[3];

        for (int i = 0; i < 3; i++) {
            p[i] = 0;
            for (int axis = 0; axis < 3; axis++)
                p[i] += (corner >> axis & 1 ? half[axis] : -half[axis]) * rotation[i][axis];
            p[i] += center[i];
        }
        project32(k, p, uv);
        /* NumPy's minimum and maximum keep a NaN. */
        if (isnan(uv[0]) || isnan(uv[1])) {
            *out = (fm_rect){NAN, NAN, NAN, NAN};
            return;
        }
        out->x0 = fmin(out->x0, uv[0]);
        out->y0 = fmin(out->y0, uv[1]);
        out->x1 = fmax(out->x1, uv[0]);
        out->y1 = fmax(out->y1, uv[1]);
    }
}

/* Three points may reach the destination; of fewer than three only the last. */
static size_t first_end_point(size_t n)
{
    return n >= FM_TRACE_END_POINTS ? n - FM_TRACE_END_POINTS : n - 1;
}

static void path_metrics(const fm_trace_grader *g, int dim, fm_path_metrics *out,
                         const char **reason)
{
    if (!fm_path_compare(g, dim, out)) {
        fm_reason_add(reason, fm_reason_path);
        return;
    }
    out->dfd = (float)out->dfd;
    if (out->dfd > FRECHET_CAP) {
        *out = (fm_path_metrics){NAN, NAN, NAN, NAN};
        fm_reason_add(reason, reason_far);
    }
}

/* ---- 2D ---- */

/* Pixels of the reply in grader->path; nothing parsed is a path from the origin to the origin, and
 * a single point is one from itself to itself. Returns how many there are. */
static size_t reply_pixels(const fm_trace_case *c)
{
    double *path = c->grader->path;
    size_t n = c->answer->n;

    for (size_t i = 0; i < n; i++) {
        const double *p = c->answer->points[i];
        double u = p[0] * c->truth->width, v = p[1] * c->truth->height;
        bool text = c->family == FM_ANSWERS_TUPLES;

        path[i * 2] = text ? (float)u : u;
        path[i * 2 + 1] = text ? (float)v : v;
    }
    if (n >= 2)
        return n;
    if (n == 0)
        path[0] = path[1] = 0;
    path[2] = path[0];
    path[3] = path[1];
    return 2;
}

/* The exception with which Python's round() refuses a number, or NULL. */
static const char *round_raises(const double uv[2])
{
    for (int i = 0; i < 2; i++)
        if (!isfinite(uv[i]))
            return isnan(uv[i]) ? "ValueError" : "OverflowError";
    return NULL;
}

static void scale_to_picture(double *path, const fm_trace_truth *truth)
{
    float size[2] = {(float)truth->width, (float)truth->height};

    for (size_t i = 0; i < (size_t)FM_PATH_SAMPLES * 2; i++)
        path[i] = (float)path[i] / size[i % 2];
}

static void path_metrics_2d(const fm_trace_case *c, size_t n, const camera32 *k,
                            fm_trace2d_score *out)
{
    fm_trace_grader *g = c->grader;
    fm_path_metrics m;

    resample_reference(g->path, n, 2, g->walk, g->predicted);
    for (size_t i = 0; i < c->truth->n; i++) {
        const double *t = c->truth->points[i];
        float p[3] = {(float)t[0], (float)t[1], (float)t[2]}, uv[2];

        project32(k, p, uv);
        g->path[i * 2] = uv[0];
        g->path[i * 2 + 1] = uv[1];
    }
    resample_reference(g->path, c->truth->n, 2, g->walk, g->truth);
    scale_to_picture(g->predicted, c->truth);
    scale_to_picture(g->truth, c->truth);
    path_metrics(g, 2, &m, &out->reason);
    out->dfd = m.dfd;
    out->hd = m.hd;
    out->rmse = m.rmse;
    out->mae = m.mae;
}

fm_status fm_trace_reference_2d(const fm_trace_case *c, fm_trace2d_score *out, fm_err *err)
{
    camera32 k = camera_of(c->truth);
    const double *pixels = c->grader->path;

    (void)err;
    if (c->answer->shape == FM_TRACE_RAISES) {
        out->raises = c->answer->raises;
        return FM_OK;
    }
    size_t n = reply_pixels(c);
    out->raises = round_raises(pixels);
    if (out->raises)
        return FM_OK;

    out->unparsed = c->answer->n == 0;
    if (c->mask)
        out->start_in_mask = fm_verdict_of(fm_mask_hit(c->mask, pixels[0], pixels[1]));
    else
        fm_reason_add(&out->reason, fm_reason_no_mask);
    if (!fm_camera_valid(&c->truth->camera)) {
        fm_reason_add(&out->reason, fm_reason_intrinsics);
        return FM_OK;
    }
    out->end_in_bbox = FM_FALSE;
    if (c->truth->has_box) {
        project_box(&c->truth->box, &k, &out->bbox_2d);
        for (size_t i = first_end_point(n); i < n; i++)
            if (fm_rect_contains(&out->bbox_2d, pixels[i * 2], pixels[i * 2 + 1]))
                out->end_in_bbox = FM_TRUE;
    } else {
        fm_reason_add(&out->reason, fm_reason_no_box);
    }
    path_metrics_2d(c, n, &k, out); /* last: it works in the place of the pixels */
    return FM_OK;
}

/* ---- 3D ---- */

static void path_metrics_3d(const fm_trace_case *c, fm_trace3d_score *out)
{
    fm_trace_grader *g = c->grader;
    fm_path_metrics m;

    resample_reference(g->path, c->answer->n, 3, g->walk, g->predicted);
    resample_reference(c->truth->points[0], c->truth->n, 3, g->walk, g->truth);
    path_metrics(g, 3, &m, &out->reason);
    out->dfd = m.dfd;
    out->hd = m.hd;
    out->rmse = m.rmse;
    out->mae = m.mae;
}

/* The 2D verdicts that upstream derives from the 3D points. A start that has no pixel raises in
 * there, after which both count as false. */
static void derived_2d(const fm_trace_case *c, const camera32 *k, fm_trace3d_score *out)
{
    const double *path = c->grader->path;
    double uv[2];

    if (c->truth->has_box)
        project_box(&c->truth->box, k, &out->bbox_2d);
    project64(k, path, uv);
    if (round_raises(uv)) {
        out->start_in_mask = out->end_in_bbox = FM_FALSE;
        return;
    }
    if (c->mask)
        out->start_in_mask = fm_verdict_of(fm_mask_hit(c->mask, uv[0], uv[1]));
    out->end_in_bbox = FM_FALSE;
    for (size_t i = first_end_point(c->answer->n); c->truth->has_box && i < c->answer->n; i++) {
        project64(k, path + i * 3, uv);
        if (fm_rect_contains(&out->bbox_2d, uv[0], uv[1]))
            out->end_in_bbox = FM_TRUE;
    }
}

static double distance_to_true_start(const fm_trace_case *c)
{
    const double *p = c->grader->path, *t = c->truth->points[0];
    double sum = 0;

    for (int i = 0; i < 3; i++)
        sum += (p[i] - (float)t[i]) * (p[i] - (float)t[i]);
    return sqrt(sum);
}

/* Near the object, or near the true start; an object without a cloud fails. */
static fm_status judge_start(const fm_trace_case *c, fm_trace3d_score *out, fm_err *err)
{
    double to_truth = distance_to_true_start(c), to_cloud;

    if (!c->depth || !c->mask) {
        fm_reason_add(&out->reason, c->depth ? fm_reason_no_mask : fm_reason_no_depth_map);
        return FM_OK;
    }
    fm_status st = fm_trace_object(c, c->grader->path, out, &to_cloud, err);
    if (st != FM_OK)
        return st;
    if (out->object_points == 0)
        fm_reason_add(&out->reason, fm_reason_empty_cloud);
    else
        out->start_distance_m = to_truth < to_cloud ? to_truth : to_cloud;
    out->start_ok = fm_verdict_of(out->start_distance_m < FM_TRACE_NEAR_M);
    return FM_OK;
}

/* From the last point backwards, as Python's min(): a NaN in the first place stays, later ones are
 * passed over. */
static void judge_end(const fm_trace_case *c, fm_trace3d_score *out)
{
    size_t n = c->answer->n;
    fm_box box = c->truth->box;

    if (c->truth->has_box) {
        for (int i = 0; i < 3; i++) {
            box.center[i] = (float)box.center[i];
            box.extent[i] = (float)box.extent[i];
            for (int j = 0; j < 3; j++)
                box.rotation[i][j] = (float)box.rotation[i][j];
        }
        out->end_distance_m = fm_box_distance(&box, c->grader->path + (n - 1) * 3);
        for (size_t i = n - 1; i-- > first_end_point(n);) {
            double distance = fm_box_distance(&box, c->grader->path + i * 3);

            if (distance < out->end_distance_m)
                out->end_distance_m = distance;
        }
    } else {
        fm_reason_add(&out->reason, fm_reason_no_box);
    }
    out->end_ok = fm_verdict_of(out->end_distance_m < FM_TRACE_NEAR_M);
}

/* At the way-points alone. Whatever goes wrong means that nothing collides. */
static fm_status judge_collision(const fm_trace_case *c, fm_trace3d_score *out, fm_err *err)
{
    const char *failed = NULL;

    if (!c->depth || !c->mask)
        return FM_OK;
    if (out->object_points > 0) {
        fm_status st = fm_trace_collide(c, c->grader->path, c->answer->n, FM_VOXEL_TRUNCATE, out,
                                        &failed, err);

        if (st != FM_OK)
            return st;
        if (failed)
            fm_reason_add(&out->reason, failed);
    }
    out->collision = fm_verdict_of(out->max_collision_ratio > FM_TRACE_COLLISION_RATIO);
    return FM_OK;
}

fm_status fm_trace_reference_3d(const fm_trace_case *c, fm_trace3d_score *out, fm_err *err)
{
    const fm_trace_answer *answer = c->answer;
    camera32 k = camera_of(c->truth);

    if (answer->shape == FM_TRACE_RAISES) {
        out->raises = answer->raises;
        return FM_OK;
    }
    if (answer->columns < 3) {
        out->no_depth = true;
        out->reason = fm_reason_no_depth;
        return FM_OK;
    }
    if (answer->n == 0) {
        out->unparsed = true;
        out->reason = fm_reason_not_parsed;
        out->start_in_mask = out->end_in_bbox = FM_FALSE;
        out->start_ok = out->end_ok = out->collision = out->success = FM_FALSE;
        return FM_OK;
    }
    if (!fm_camera_valid(&c->truth->camera)) {
        out->reason = fm_reason_intrinsics;
        return FM_OK;
    }
    for (size_t i = 0; i < answer->n; i++) {
        const double *p = answer->points[i];
        double *xyz = c->grader->path + i * 3;

        xyz[0] = (p[0] * c->truth->width - k.cx) * p[2] / k.fx;
        xyz[1] = (p[1] * c->truth->height - k.cy) * p[2] / k.fy;
        xyz[2] = p[2];
    }
    path_metrics_3d(c, out);
    derived_2d(c, &k, out);
    judge_end(c, out);
    fm_status st = judge_start(c, out, err);
    if (st == FM_OK)
        st = judge_collision(c, out, err);
    out->success = fm_trace_success(out->start_ok, out->end_ok, out->collision);
    return st;
}
