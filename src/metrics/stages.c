/* Owns the stages of a trace and their order, the split of its depth error, and the substitutions. */
#include "fathom/stages.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "fathom/measuring.h"
#include "fathom/polyline.h"
#include "fathom/process.h"

static const struct {
    const char *name, *meaning;
} stages[] =
    {
#define STAGE_ROW(code, name, text) {name, text},
        FM_STAGE_MAP(STAGE_ROW)
#undef STAGE_ROW
},
  oracles[] = {
#define ORACLE_ROW(code, name, text) {name, text},
      FM_ORACLE_MAP(ORACLE_ROW)
#undef ORACLE_ROW
};

const char *fm_stage_name(fm_stage_kind stage)
{
    return (size_t)stage < FM_COUNT_OF(stages) ? stages[stage].name : "unknown";
}

const char *fm_stage_meaning(fm_stage_kind stage)
{
    return (size_t)stage < FM_COUNT_OF(stages) ? stages[stage].meaning : "";
}

const char *fm_oracle_name(fm_oracle oracle)
{
    return (size_t)oracle < FM_COUNT_OF(oracles) ? oracles[oracle].name : "unknown";
}

const char *fm_oracle_meaning(fm_oracle oracle)
{
    return (size_t)oracle < FM_COUNT_OF(oracles) ? oracles[oracle].meaning : "";
}

/* ---- depth along the way ---- */

/* Depth weighs next to nothing in the length of the way, so that points are paired by the picture; of a
 * way that stands still there, by depth. */
static const double DEPTH_WEIGHT = 1e-6;

enum { MOST_POINTS = FM_PATH_MAX_POINTS };

/* Depths at FM_PATH_SAMPLES places, uniform along the way in the picture. */
static bool sample_depths(double (*points)[3], size_t n, double out[FM_PATH_SAMPLES])
{
    double flat[MOST_POINTS][3], sampled[FM_PATH_SAMPLES][3];

    if (n == 0 || n > MOST_POINTS)
        return false;
    for (size_t i = 0; i < n; i++) {
        flat[i][0] = points[i][0];
        flat[i][1] = points[i][1];
        flat[i][2] = points[i][2] * DEPTH_WEIGHT;
    }
    fm_polyline_resample(flat[0], n, 3, sampled[0], FM_PATH_SAMPLES);
    for (size_t i = 0; i < FM_PATH_SAMPLES; i++)
        out[i] = sampled[i][2] / DEPTH_WEIGHT;
    return isfinite(out[0]);
}

/* The best g = a p + b, or, without `affine`, g = a p; false where p says nothing. */
static bool fit(const double *p, const double *g, bool affine, double *a, double *b)
{
    double n = FM_PATH_SAMPLES, sp = 0, sg = 0, spp = 0, spg = 0;

    for (size_t i = 0; i < FM_PATH_SAMPLES; i++) {
        sp += p[i];
        sg += g[i];
        spp += p[i] * p[i];
        spg += p[i] * g[i];
    }
    double mp = affine ? sp / n : 0, mg = affine ? sg / n : 0;
    double spread = spp - n * mp * mp;

    *b = 0;
    if (!(spread > 1e-9 * spp)) { /* one depth throughout: the offset is all there is */
        *a = affine ? 0 : 1;
        *b = affine ? mg : 0;
        return affine;
    }
    *a = (spg - n * mp * mg) / spread;
    *b = mg - *a * mp;
    return true;
}

static double rms_after(const double *p, const double *g, double a, double b)
{
    double sum = 0;

    for (size_t i = 0; i < FM_PATH_SAMPLES; i++)
        sum += (a * p[i] + b - g[i]) * (a * p[i] + b - g[i]);
    return sqrt(sum / FM_PATH_SAMPLES);
}

bool fm_depth_error_split(double (*points)[3], size_t n, double (*truth)[3], size_t n_truth,
                          fm_depth_error *out)
{
    double p[FM_PATH_SAMPLES], g[FM_PATH_SAMPLES], a, b;

    if (!sample_depths(points, n, p) || !sample_depths(truth, n_truth, g) ||
        !fit(p, g, false, &a, &b))
        return false;
    out->scale = 1 / a;
    out->rms_m = rms_after(p, g, 1, 0);
    out->after_scale_m = rms_after(p, g, a, 0);
    (void)fit(p, g, true, &a, &b);
    out->after_affine_m = rms_after(p, g, a, b);
    out->offset_m = b;
    return true;
}

/* ---- stages ---- */

/* Beyond these nothing in a room lies, and a hand's width is as near as a camera sees. */
#define NEAREST_M  0.05
#define FARTHEST_M 20.0
#define MARGIN     0.05 /* of the picture: a point just outside is a slip, not another frame */

static fm_stage pass(double value)
{
    return (fm_stage){FM_TRUE, value, NULL};
}

static fm_stage fail(double value, const char *why)
{
    return (fm_stage){FM_FALSE, value, why};
}

static fm_stage unknown(const char *why)
{
    return (fm_stage){FM_UNKNOWN, NAN, why};
}

static fm_stage judge_complete(const fm_staging *s)
{
    if (!s->answered)
        return fail(NAN, "no readable answer");
    if (s->n < 2)
        return fail((double)s->n, s->n ? "a single point" : "no points");
    for (size_t i = 0; s->deep && i < s->n; i++)
        if (isnan(s->points[i][2]))
            return fail((double)s->n, "a point without depth");
    return pass((double)s->n);
}

/* |du| + |dv| over the longer side, as for steps (process.h). */
static double apart(const fm_staging *s, const double p[3], double x, double y)
{
    double w = s->width > 0 ? s->width : 1, h = s->height > 0 ? s->height : 1;

    return (fabs(p[0] - x) * w + fabs(p[1] - y) * h) / (w > h ? w : h);
}

/* Both ends are far off as they stand, and near with x and y exchanged. */
static bool is_swapped(const fm_staging *s)
{
    const double *first = s->points[0], *last = s->points[s->n - 1];
    double there[2][3] = {{first[1], first[0], 0}, {last[1], last[0], 0}};

    if (!s->truth)
        return false;
    const double *g = s->truth[0], *h = s->truth[s->n_truth - 1];
    return apart(s, first, g[0], g[1]) > 0.2 && apart(s, last, h[0], h[1]) > 0.2 &&
           apart(s, there[0], g[0], g[1]) < 0.1 && apart(s, there[1], h[0], h[1]) < 0.1;
}

static fm_stage judge_frame(const fm_staging *s)
{
    size_t inside = 0, room = 0;
    double largest = 0;

    for (size_t i = 0; i < s->n; i++) {
        const double *p = s->points[i];

        inside += p[0] >= -MARGIN && p[0] <= 1 + MARGIN && p[1] >= -MARGIN && p[1] <= 1 + MARGIN;
        room += !s->deep || (p[2] >= NEAREST_M && p[2] <= FARTHEST_M);
        largest = fmax(largest, fmax(fabs(p[0]), fabs(p[1])));
    }
    double share = (double)inside / (double)s->n;
    if (inside < s->n)
        return fail(share, "points outside the picture");
    if (largest < 0.002)
        return fail(share, "all in the corner: x and y count from 0 to 1");
    if (is_swapped(s))
        return fail(share, "x and y are exchanged");
    if (room < s->n)
        return fail(share, "depths that are none of a room");
    return pass(share);
}

static fm_stage judge_start(const fm_staging *s)
{
    double error = s->truth ? apart(s, s->points[0], s->truth[0][0], s->truth[0][1]) : NAN;

    if (s->start_in_mask == FM_TRUE || s->start_ok == FM_TRUE ||
        error <= fm_process_robotracer.place)
        return pass(error);
    if (s->start_in_mask == FM_UNKNOWN && isnan(error))
        return unknown("neither mask nor true trace");
    return fail(error, "elsewhere in the picture");
}

static fm_stage judge_depth(const fm_staging *s, const fm_stage *start)
{
    fm_depth_error error;

    if (!s->deep)
        return unknown("the task has no depth");
    if (!s->truth || !fm_depth_error_split(s->points, s->n, s->truth, s->n_truth, &error))
        return unknown("no true trace");
    if (!fm_within_band(error.scale, 1, fm_process_robotracer.scale_band))
        return fail(error.scale, error.scale > 1 ? "all too far away" : "all too near");
    if (start->verdict == FM_TRUE && s->start_ok == FM_FALSE)
        return fail(error.scale, "off at the object");
    return pass(error.scale);
}

static fm_stage judge_path(const fm_staging *s)
{
    if (!s->deep)
        return unknown("the task has no depth");
    if (s->collision == FM_UNKNOWN)
        return unknown("no depth map or mask");
    return s->collision == FM_TRUE ? fail(NAN, "the object hits something") : pass(NAN);
}

static fm_stage judge_end(const fm_staging *s)
{
    fm_verdict verdict = s->deep ? s->end_ok : s->end_in_bbox;

    if (verdict == FM_UNKNOWN)
        return unknown("no destination");
    if (verdict == FM_TRUE)
        return pass(s->end_distance_m);
    return fail(s->end_distance_m, s->deep && s->end_in_bbox == FM_TRUE
                                       ? "at the place in the picture, at another depth"
                                       : "elsewhere");
}

void fm_stages_judge(const fm_staging *s, fm_stage out[FM_STAGES])
{
    out[FM_STAGE_COMPLETE] = judge_complete(s);
    if (out[FM_STAGE_COMPLETE].verdict == FM_FALSE) {
        for (int i = FM_STAGE_COMPLETE + 1; i < FM_STAGES; i++)
            out[i] = unknown("nothing to look at");
        return;
    }
    out[FM_STAGE_FRAME] = judge_frame(s);
    out[FM_STAGE_START] = judge_start(s);
    out[FM_STAGE_DEPTH] = judge_depth(s, &out[FM_STAGE_START]);
    out[FM_STAGE_PATH] = judge_path(s);
    out[FM_STAGE_END] = judge_end(s);
}

/* ---- substitutions ---- */

static double length_in_picture(double (*points)[3], size_t n)
{
    double sum = 0;

    for (size_t i = 1; i < n; i++)
        sum += hypot(points[i][0] - points[i - 1][0], points[i][1] - points[i - 1][1]);
    return sum;
}

/* The true depth at the same share of the way in the picture, or, of a way that stands still, of the
 * points. */
static void put_true_depths(double (*points)[3], size_t n, const double depths[FM_PATH_SAMPLES],
                            double (*out)[3])
{
    double total = length_in_picture(points, n), at = 0;

    for (size_t i = 0; i < n; i++) {
        if (i)
            at += hypot(points[i][0] - points[i - 1][0], points[i][1] - points[i - 1][1]);
        double share = total > DEPTH_WEIGHT ? at / total : n > 1 ? (double)i / (double)(n - 1) : 0;
        double place = fmin(share, 1) * (FM_PATH_SAMPLES - 1);
        size_t low = (size_t)place < FM_PATH_SAMPLES - 2 ? (size_t)place : FM_PATH_SAMPLES - 2;

        out[i][2] = depths[low] + (depths[low + 1] - depths[low]) * (place - (double)low);
    }
}

bool fm_oracle_apply(fm_oracle oracle, double (*points)[3], size_t n, double (*truth)[3],
                     size_t n_truth, double (*out)[3])
{
    double depths[FM_PATH_SAMPLES];
    fm_depth_error error;

    if (n == 0 || n_truth == 0)
        return false;
    memcpy(out, points, n * sizeof(*out));
    switch (oracle) {
    case FM_ORACLE_START:
        memcpy(out[0], truth[0], sizeof(*out));
        return true;
    case FM_ORACLE_END:
        memcpy(out[n - 1], truth[n_truth - 1], sizeof(*out));
        return true;
    case FM_ORACLE_DEPTH:
        if (!isfinite(length_in_picture(points, n)) || !sample_depths(truth, n_truth, depths))
            return false;
        put_true_depths(points, n, depths, out);
        return true;
    case FM_ORACLE_SCALE:
        if (!fm_depth_error_split(points, n, truth, n_truth, &error))
            return false;
        for (size_t i = 0; i < n; i++)
            out[i][2] /= error.scale;
        return true;
    case FM_ORACLES:
        break;
    }
    return false;
}
