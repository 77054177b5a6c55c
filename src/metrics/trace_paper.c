/*
 * The rules that the text of the paper states (arXiv 2512.13660v3, supplement E.6), in plain double
 * precision. Every sample counts, and whatever cannot be judged by fault of the reply or the scene
 * is a failure with its reason; only a raster that is not there leaves a value unknown.
 */
#include "metrics/trace_internal.h"

#include <math.h>

/* Any of the last three points, or of all where there are fewer. */
static size_t first_end_point(size_t n)
{
    return n > FM_TRACE_END_POINTS ? n - FM_TRACE_END_POINTS : 0;
}

static void reply_pixel(const fm_trace_case *c, size_t i, double uv[2])
{
    uv[0] = c->answer->points[i][0] * c->truth->width;
    uv[1] = c->answer->points[i][1] * c->truth->height;
}

/* First point in the mask, one of the last in the projected box; from a reply in 2D and in 3D. */
static void judge_pixels(const fm_trace_case *c, fm_verdict *start, fm_verdict *end, fm_rect *box,
                         const char **reason)
{
    double uv[2];

    reply_pixel(c, 0, uv);
    if (!fm_all_finite(uv, 2))
        *start = FM_FALSE;
    else if (c->mask)
        *start = fm_verdict_of(fm_mask_hit(c->mask, uv[0], uv[1]));
    else
        fm_reason_add(reason, fm_reason_no_mask);

    if (!c->truth->has_box || !fm_camera_valid(&c->truth->camera)) {
        fm_reason_add(reason, c->truth->has_box ? fm_reason_intrinsics : fm_reason_no_box);
        return;
    }
    fm_box_project(&c->truth->box, &c->truth->camera, box);
    *end = FM_FALSE;
    for (size_t i = first_end_point(c->answer->n); i < c->answer->n; i++) {
        reply_pixel(c, i, uv);
        if (fm_rect_contains(box, uv[0], uv[1]))
            *end = FM_TRUE;
    }
}

/* ---- 2D ---- */

static void path_metrics_2d(const fm_trace_case *c, fm_trace2d_score *out)
{
    fm_trace_grader *g = c->grader;
    double size[2] = {c->truth->width, c->truth->height};
    fm_path_metrics m;

    for (size_t i = 0; i < c->answer->n; i++)
        reply_pixel(c, i, g->path + i * 2);
    fm_polyline_resample(g->path, c->answer->n, 2, g->predicted, FM_PATH_SAMPLES);
    for (size_t i = 0; i < c->truth->n; i++)
        fm_camera_project(&c->truth->camera, c->truth->points[i], g->path + i * 2);
    fm_polyline_resample(g->path, c->truth->n, 2, g->truth, FM_PATH_SAMPLES);
    for (size_t i = 0; i < (size_t)FM_PATH_SAMPLES * 2; i++) {
        g->predicted[i] /= size[i % 2];
        g->truth[i] /= size[i % 2];
    }
    if (!fm_path_compare(g, 2, &m))
        fm_reason_add(&out->reason, fm_reason_path);
    out->dfd = m.dfd;
    out->hd = m.hd;
    out->rmse = m.rmse;
    out->mae = m.mae;
}

fm_status fm_trace_paper_2d(const fm_trace_case *c, fm_trace2d_score *out, fm_err *err)
{
    (void)err;
    if (c->answer->n == 0) {
        out->unparsed = true;
        out->reason = fm_reason_not_parsed;
        out->start_in_mask = out->end_in_bbox = FM_FALSE;
        return FM_OK;
    }
    judge_pixels(c, &out->start_in_mask, &out->end_in_bbox, &out->bbox_2d, &out->reason);
    if (fm_camera_valid(&c->truth->camera))
        path_metrics_2d(c, out);
    return FM_OK;
}

/* ---- 3D ---- */

static void fail_all(fm_trace3d_score *out, const char *reason)
{
    out->reason = reason;
    out->start_in_mask = out->end_in_bbox = FM_FALSE;
    out->start_ok = out->end_ok = out->success = FM_FALSE;
    out->collision = FM_TRUE;
}

/* Both paths resampled; false where the reply's is not finite. */
static bool path_metrics_3d(const fm_trace_case *c, fm_trace3d_score *out)
{
    fm_trace_grader *g = c->grader;
    fm_path_metrics m;

    fm_polyline_resample(g->path, c->answer->n, 3, g->predicted, FM_PATH_SAMPLES);
    fm_polyline_resample(c->truth->points[0], c->truth->n, 3, g->truth, FM_PATH_SAMPLES);
    if (!fm_path_compare(g, 3, &m))
        fm_reason_add(&out->reason, fm_reason_path);
    out->dfd = m.dfd;
    out->hd = m.hd;
    out->rmse = m.rmse;
    out->mae = m.mae;
    return fm_all_finite(g->predicted, FM_PATH_SAMPLES * 3);
}

static void judge_end(const fm_trace_case *c, fm_trace3d_score *out)
{
    if (!c->truth->has_box)
        return;
    for (size_t i = first_end_point(c->answer->n); i < c->answer->n; i++) {
        double distance = fm_box_distance(&c->truth->box, c->grader->path + i * 3);

        if (!(distance >= out->end_distance_m) && !isnan(distance))
            out->end_distance_m = distance;
    }
    out->end_ok = fm_verdict_of(out->end_distance_m < FM_TRACE_NEAR_M);
}

/* Start and collision: what needs the scene. */
static fm_status judge_scene(const fm_trace_case *c, bool finite, fm_trace3d_score *out,
                             fm_err *err)
{
    const char *failed = finite ? NULL : fm_reason_path;
    fm_status st = FM_OK;

    if (!c->depth || !c->mask) {
        fm_reason_add(&out->reason, c->depth ? fm_reason_no_mask : fm_reason_no_depth_map);
        return FM_OK;
    }
    st = fm_trace_object(c, c->grader->path, out, &out->start_distance_m, err);
    if (st != FM_OK)
        return st;
    out->start_ok = fm_verdict_of(out->start_distance_m < FM_TRACE_NEAR_M);
    if (out->object_points == 0)
        failed = fm_reason_empty_cloud;
    if (!failed)
        st = fm_trace_collide(c, c->grader->predicted, FM_PATH_SAMPLES, FM_VOXEL_FLOOR, out,
                              &failed, err);
    if (st != FM_OK)
        return st;
    if (failed)
        fm_reason_add(&out->reason, failed);
    out->collision = fm_verdict_of(failed || out->max_collision_ratio > FM_TRACE_COLLISION_RATIO);
    return FM_OK;
}

fm_status fm_trace_paper_3d(const fm_trace_case *c, fm_trace3d_score *out, fm_err *err)
{
    const fm_trace_answer *answer = c->answer;

    if (answer->n == 0) {
        out->unparsed = true;
        fail_all(out, fm_reason_not_parsed);
        return FM_OK;
    }
    if (answer->columns < 3) {
        out->no_depth = true;
        fail_all(out, fm_reason_no_depth);
        return FM_OK;
    }
    judge_pixels(c, &out->start_in_mask, &out->end_in_bbox, &out->bbox_2d, &out->reason);
    if (!fm_camera_valid(&c->truth->camera)) {
        fm_reason_add(&out->reason, fm_reason_intrinsics);
        return FM_OK;
    }
    for (size_t i = 0; i < answer->n; i++) {
        double uv[2];

        reply_pixel(c, i, uv);
        fm_camera_back_project(&c->truth->camera, uv[0], uv[1], answer->points[i][2],
                               c->grader->path + i * 3);
    }
    bool finite = path_metrics_3d(c, out);
    judge_end(c, out);
    fm_status st = judge_scene(c, finite, out, err);
    out->success = fm_trace_success(out->start_ok, out->end_ok, out->collision);
    return st;
}
