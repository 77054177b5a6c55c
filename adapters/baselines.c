/**
 * Baselines: answers that need no model and mark the scale of the numbers.
 *
 *   oracle    the truth, as text: what the text form itself costs
 *   wrong     a well-formed answer that is not the truth: the floor
 *   jitter    the truth with stated noise: what a number means in pixels and metres
 *   straight  a straight line between the true ends: what the route is worth
 *   centre    two points at the middle of the picture: what no vision at all gets
 *
 * All but the last are given the truth and are flagged so; jitter, straight and centre know traces
 * alone. Owns the text of such answers; what they
 * score is the protocols' business.
 */
#include "adapters/adapters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/baseline_answers.h"
#include "base/buffer.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/text.h"
#include "fathom/answers.h"

/* Points on the line of `straight`; as many as a usual reply has. */
#define STRAIGHT_POINTS 8

typedef struct {
    fm_answers_family family; /* of traces */
    char form[32];            /* of answers that are no traces; empty: not stated */
    uint64_t seed;
    double noise_px, noise_m; /* jitter */
    double depth_m;           /* centre */
    fm_buf text;
    bool first; /* no point stands in the text yet */
} baseline;

static fm_status setting_number(const fm_adapter_ops *ops, const fm_adapter_config *config,
                                const char *key, double *out, fm_err *err)
{
    const char *text = fm_adapter_setting(ops, config, key);
    double value;

    if (!fm_text_to_double(text, &value) || value < 0)
        return fm_fail(err, FM_E_USAGE, "setting '%s' wants a number from 0 up, not '%s'", key,
                       text);
    *out = value;
    return FM_OK;
}

static fm_status baseline_open(void **state, const fm_adapter_config *config, fm_err *err)
{
    baseline *b = calloc(1, sizeof(*b));
    if (!b)
        return fm_fail(err, FM_E_NOMEM, "no memory for a baseline");
    if (!config->answers || !fm_answers_family_from_name(config->answers, &b->family))
        b->family = FM_ANSWERS_TUPLES; /* a form of another kind of answer */
    snprintf(b->form, sizeof(b->form), "%s", config->answers ? config->answers : "");
    b->seed = config->seed;
    *state = b;
    return FM_OK;
}

static void baseline_close(void *state)
{
    baseline *b = state;

    fm_buf_release(&b->text);
    free(b);
}

static const char traces_alone[] = "this baseline knows traces alone";

static bool is_trace(fm_answer_kind kind)
{
    return kind == FM_ANSWER_TRACE2D || kind == FM_ANSWER_TRACE3D;
}

/* ---- text ---- */

/* Numbers for the picture: [0, 1] and metres; where the run asks for points in space, what lies there. */
typedef struct {
    const fm_camera *camera; /* NULL: nothing is known of it, and everything lies ahead */
    int width, height;
    bool deep;
} picture;

/* "[(x, y, d), ...]" or the same numbers as JSON in a fence; depth only where the picture is deep. */
static void text_begin(baseline *b)
{
    b->first = true;
    fm_buf_clear(&b->text);
    fm_buf_puts(&b->text, b->family == FM_ANSWERS_JSON ? "```json\n[" : "[");
}

static void text_point_in_space(baseline *b, const picture *p, double x, double y, double d)
{
    double xyz[3] = {0, 0, d};

    if (p->camera)
        fm_camera_back_project(p->camera, x * p->width, y * p->height, d, xyz);
    fm_buf_printf(&b->text, "%s(%.3f, %.3f, %.3f)", b->first ? "" : ", ", xyz[0], xyz[1], xyz[2]);
    b->first = false;
}

static void text_point(baseline *b, const picture *p, double x, double y, double d)
{
    bool json = b->family == FM_ANSWERS_JSON;

    if (b->family == FM_ANSWERS_XYZ) {
        text_point_in_space(b, p, x, y, d);
        return;
    }
    fm_buf_printf(&b->text, "%s%c%.0f, %.0f", b->first ? "" : ", ", json ? '[' : '(', x * 1000,
                  y * 1000);
    b->first = false;
    if (p->deep)
        fm_buf_printf(&b->text, ", %.3f", d);
    fm_buf_putc(&b->text, json ? ']' : ')');
}

static fm_status text_end(baseline *b, fm_reply *reply, fm_err *err)
{
    fm_buf_puts(&b->text, b->family == FM_ANSWERS_JSON ? "]\n```" : "]");
    reply->status = FM_SAMPLE_OK;
    reply->text = b->text.data;
    reply->size = b->text.size;
    return fm_buf_check(&b->text, "an answer", err);
}

/* ---- what the truth looks like in the picture ---- */

/* True where the sample holds what a baseline needs, with the picture that x and y refer to; otherwise the
 * reply says what is missing. */
static bool has_truth(const fm_sample *truth, picture *out, fm_reply *reply)
{
    const char *source, *missing = NULL;

    *out = (picture){.camera = &truth->camera, .deep = truth->kind == FM_ANSWER_TRACE3D};
    if (!is_trace(truth->kind))
        missing = traces_alone;
    else if (!truth->has_camera ||
             fm_sample_picture_size(truth, &out->width, &out->height, &source, NULL) != FM_OK)
        missing = "the sample has no usable camera";
    else if (truth->truth.trace.n == 0)
        missing = "the sample has no true trace";
    if (missing) {
        reply->status = FM_SAMPLE_SKIPPED;
        reply->detail = missing;
    }
    return missing == NULL;
}

static fm_status put_answer(baseline *b, const fm_sample *truth, bool wrong, fm_reply *reply,
                            fm_err *err)
{
    const char *missing;

    fm_buf_clear(&b->text);
    fm_status st =
        fm_baseline_answer(truth, b->form[0] ? b->form : NULL, wrong, &b->text, &missing, err);
    if (st == FM_OK && missing)
        *reply = (fm_reply){.status = FM_SAMPLE_SKIPPED, .detail = missing};
    if (st != FM_OK || missing)
        return st;
    *reply =
        (fm_reply){.status = FM_SAMPLE_OK, .text = fm_buf_text(&b->text), .size = b->text.size};
    return fm_buf_check(&b->text, "an answer", err);
}

/* The same noise for a sample whatever was asked before it, so that order, resuming and sharding do
 * not change a number. */
static void noise_for(const baseline *b, const char *id, fm_rng *rng)
{
    char hex[FM_HASH_TEXT_BYTES], head[17];

    fm_hash_bytes(id, strlen(id), hex);
    memcpy(head, hex, 16);
    head[16] = '\0';
    fm_rng_seed(rng, strtoull(head, NULL, 16) ^ b->seed);
}

static void put_projected(baseline *b, const picture *p, const double xyz[3], fm_rng *noise)
{
    double uv[2], depth = xyz[2];

    fm_camera_project(p->camera, xyz, uv);
    if (noise) {
        uv[0] += b->noise_px * fm_rng_normal(noise);
        uv[1] += b->noise_px * fm_rng_normal(noise);
        depth += b->noise_m * fm_rng_normal(noise);
    }
    text_point(b, p, uv[0] / p->width, uv[1] / p->height, depth);
}

static fm_status put_truth(baseline *b, const fm_sample *truth, fm_rng *noise, fm_reply *reply,
                           fm_err *err)
{
    picture p;

    if (!has_truth(truth, &p, reply))
        return FM_OK;
    text_begin(b);
    for (size_t i = 0; i < truth->truth.trace.n; i++)
        put_projected(b, &p, truth->truth.trace.points[i], noise);
    return text_end(b, reply, err);
}

/* ---- the five ---- */

static fm_status oracle_generate(void *state, const fm_request *request, const fm_sample *truth,
                                 fm_reply *reply, fm_err *err)
{
    (void)request;
    if (is_trace(truth->kind))
        return put_truth(state, truth, NULL, reply, err);
    return put_answer(state, truth, false, reply, err);
}

/* A trace in the corner that lies farthest from where it begins, metres behind it. */
static fm_status wrong_generate(void *state, const fm_request *request, const fm_sample *truth,
                                fm_reply *reply, fm_err *err)
{
    baseline *b = state;
    picture p;
    double uv[2];

    (void)request;
    if (!is_trace(truth->kind))
        return put_answer(b, truth, true, reply, err);
    if (!has_truth(truth, &p, reply))
        return FM_OK;
    const double *from = truth->truth.trace.points[0];
    fm_camera_project(p.camera, from, uv);
    text_begin(b);
    for (int i = 0; i < 2; i++)
        text_point(b, &p, uv[0] * 2 > p.width ? 0 : 1, uv[1] * 2 > p.height ? 0 : 1, from[2] + 5);
    return text_end(b, reply, err);
}

static const fm_adapter_option jitter_options[] = {
    {.name = "noise_px", .summary = "standard deviation added to x and y, pixels", .fallback = "4"},
    {.name = "noise_m",
     .summary = "standard deviation added to the depth, metres",
     .fallback = "0.02"},
    {0},
};

static fm_status jitter_open(void **state, const fm_adapter_config *config, fm_err *err)
{
    baseline *b;
    fm_status st = baseline_open(state, config, err);

    if (st != FM_OK)
        return st;
    b = *state;
    st = setting_number(&fm_adapter_jitter, config, "noise_px", &b->noise_px, err);
    if (st == FM_OK)
        st = setting_number(&fm_adapter_jitter, config, "noise_m", &b->noise_m, err);
    if (st != FM_OK)
        baseline_close(b);
    return st;
}

static fm_status jitter_generate(void *state, const fm_request *request, const fm_sample *truth,
                                 fm_reply *reply, fm_err *err)
{
    fm_rng noise;

    noise_for(state, request->id, &noise);
    return put_truth(state, truth, &noise, reply, err);
}

static fm_status straight_generate(void *state, const fm_request *request, const fm_sample *truth,
                                   fm_reply *reply, fm_err *err)
{
    baseline *b = state;
    picture p;

    (void)request;
    if (!has_truth(truth, &p, reply))
        return FM_OK;
    const double *from = truth->truth.trace.points[0];
    const double *to = truth->truth.trace.points[truth->truth.trace.n - 1];
    text_begin(b);
    for (int i = 0; i < STRAIGHT_POINTS; i++) {
        double t = i / (STRAIGHT_POINTS - 1.0), xyz[3];

        for (int k = 0; k < 3; k++)
            xyz[k] = from[k] + t * (to[k] - from[k]);
        put_projected(b, &p, xyz, NULL);
    }
    return text_end(b, reply, err);
}

static const fm_adapter_option centre_options[] = {
    {.name = "depth_m", .summary = "depth that every point is given, metres", .fallback = "1.0"},
    {0},
};

static fm_status centre_open(void **state, const fm_adapter_config *config, fm_err *err)
{
    baseline *b;
    fm_status st = baseline_open(state, config, err);

    if (st != FM_OK)
        return st;
    b = *state;
    st = setting_number(&fm_adapter_centre, config, "depth_m", &b->depth_m, err);
    if (st != FM_OK)
        baseline_close(b);
    return st;
}

static fm_status centre_generate(void *state, const fm_request *request, const fm_sample *truth,
                                 fm_reply *reply, fm_err *err)
{
    baseline *b = state;
    const picture unseen = {.deep = request->kind == FM_ANSWER_TRACE3D};

    (void)truth;
    if (!is_trace(request->kind)) {
        *reply = (fm_reply){.status = FM_SAMPLE_SKIPPED, .detail = traces_alone};
        return FM_OK;
    }
    text_begin(b);
    for (int i = 0; i < 2; i++)
        text_point(b, &unseen, 0.5, 0.5, b->depth_m);
    return text_end(b, reply, err);
}

const fm_adapter_ops fm_adapter_oracle = {
    .name = "oracle",
    .summary = "baseline: the truth, written as a reply",
    .caps = FM_CAP_SEES_TRUTH | FM_CAP_OFFLINE,
    .open = baseline_open,
    .generate = oracle_generate,
    .close = baseline_close,
};

const fm_adapter_ops fm_adapter_wrong = {
    .name = "wrong",
    .summary = "baseline: a well-formed answer that is not the truth",
    .caps = FM_CAP_SEES_TRUTH | FM_CAP_OFFLINE,
    .open = baseline_open,
    .generate = wrong_generate,
    .close = baseline_close,
};

const fm_adapter_ops fm_adapter_jitter = {
    .name = "jitter",
    .summary = "baseline: the truth with stated noise",
    .caps = FM_CAP_SEES_TRUTH | FM_CAP_OFFLINE,
    .options = jitter_options,
    .open = jitter_open,
    .generate = jitter_generate,
    .close = baseline_close,
};

const fm_adapter_ops fm_adapter_straight = {
    .name = "straight",
    .summary = "baseline: a straight line between the true ends",
    .caps = FM_CAP_SEES_TRUTH | FM_CAP_OFFLINE,
    .open = baseline_open,
    .generate = straight_generate,
    .close = baseline_close,
};

const fm_adapter_ops fm_adapter_centre = {
    .name = "centre",
    .summary = "baseline: no vision at all, the middle of the picture",
    .caps = FM_CAP_OFFLINE,
    .options = centre_options,
    .open = centre_open,
    .generate = centre_generate,
    .close = baseline_close,
};
