/* Owns what a score of trace.h means in a run: the status of a reply, which values a protocol
 * counts, and under which names. The judging itself is metrics/trace's. */
#include "suites/tracespatial/tracespatial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "fathom/raster.h"
#include "fathom/reply.h"
#include "fathom/trace.h"

/* ---- metrics ---- */

enum { M2_DFD, M2_HD, M2_RMSE, M2_MAE, M2_START, M2_END, M2_BBOX, M2_COUNT };

#define PATH_METRICS(unit_text)                                                                    \
    {"dfd", unit_text, FM_METRIC_MEAN, FM_OVER_PRESENT, -1, "discrete Frechet distance"},          \
        {"hd", unit_text, FM_METRIC_MEAN, FM_OVER_PRESENT, -1, "Hausdorff distance"},              \
        {"rmse", unit_text, FM_METRIC_MEAN, FM_OVER_PRESENT, -1, "root mean squared distance"},    \
    {                                                                                              \
        "mae", unit_text, FM_METRIC_MEAN, FM_OVER_PRESENT, -1, "mean absolute difference"          \
    }

#define BBOX_2D                                                                                    \
    {                                                                                              \
        "bbox_2d", "px", FM_METRIC_DETAIL, FM_OVER_PRESENT, 0,                                     \
            "projected destination: x0 y0 x1 y1"                                                   \
    }

static const fm_metric metrics_2d[M2_COUNT] = {
    PATH_METRICS(""),
    {"start_in_mask", "", FM_METRIC_RATE, FM_OVER_ALL, 1, "first point on the object"},
    {"end_in_bbox", "", FM_METRIC_RATE, FM_OVER_ALL, 1, "a last point in the destination"},
    BBOX_2D,
};

enum {
    M3_SUCCESS,
    M3_START_OK,
    M3_END_OK,
    M3_COLLISION,
    M3_START_M,
    M3_END_M,
    M3_DFD,
    M3_HD,
    M3_RMSE,
    M3_MAE,
    M3_START_2D,
    M3_END_2D,
    M3_MAX_RATIO,
    M3_OBJECT_POINTS,
    M3_VOXELS,
    M3_ORIGIN,
    M3_RATIOS,
    M3_BBOX,
    M3_COUNT
};

/* `over` differs between the protocols: upstream leaves items out of start and end that the paper
 * counts as failures. */
#define METRICS_3D(over)                                                                           \
    {"success", "", FM_METRIC_RATE, FM_OVER_ALL, 1, "start and end reached without collision"},    \
        {"start_ok", "", FM_METRIC_RATE, over, 1, "start within 0.20 m of the object"},            \
        {"end_ok", "", FM_METRIC_RATE, over, 1, "end within 0.20 m of the destination"},           \
        {"collision", "", FM_METRIC_RATE, FM_OVER_PRESENT, -1, "the moved object hits something"}, \
        {"start_distance_m", "m", FM_METRIC_MEAN, FM_OVER_PRESENT, -1, "start to object"},         \
        {"end_distance_m", "m", FM_METRIC_MEAN, FM_OVER_PRESENT, -1, "end to destination"},        \
        PATH_METRICS("m"),                                                                         \
        {"start_in_mask", "", FM_METRIC_RATE, over, 1, "first point, projected, on the object"},   \
        {"end_in_bbox", "", FM_METRIC_RATE, over, 1, "last point, projected, in the destination"}, \
        {"max_collision_ratio", "", FM_METRIC_MEAN,                                                \
         FM_OVER_PRESENT,       -1, "largest share of the object in occupied space"},              \
        {"object_points", "", FM_METRIC_DETAIL, FM_OVER_PRESENT, 0, "size of the object cloud"},   \
        {"occupied_voxels", "", FM_METRIC_DETAIL, FM_OVER_PRESENT, 0, "obstacle voxels of 2 cm"},  \
        {"grid_origin", "m", FM_METRIC_DETAIL, FM_OVER_PRESENT, 0, "corner of the voxel grid"},    \
        {"collision_ratios", "", FM_METRIC_DETAIL, FM_OVER_PRESENT, 0, "one a tested point"},      \
        BBOX_2D

static const fm_metric metrics_3d_reference[M3_COUNT] = {METRICS_3D(FM_OVER_PRESENT)};
static const fm_metric metrics_3d_paper[M3_COUNT] = {METRICS_3D(FM_OVER_ALL)};

/* ---- a worker's memory ---- */

typedef struct {
    fm_trace_grader *grader;
    fm_trace_answer answer;
    fm_raster depth, mask;
} scratch;

static void scratch_free(void *state)
{
    scratch *s = state;

    fm_trace_grader_free(s->grader);
    fm_trace_answer_release(&s->answer);
    fm_raster_release(&s->depth);
    fm_raster_release(&s->mask);
    free(s);
}

static void *scratch_new(void)
{
    scratch *s = calloc(1, sizeof(*s));

    if (s && !(s->grader = fm_trace_grader_new())) {
        free(s);
        return NULL;
    }
    return s;
}

/* ---- values ---- */

static void put_number(fm_value *value, double number)
{
    *value = isfinite(number) ? (fm_value){.kind = FM_VALUE_NUMBER, .number = number}
                              : (fm_value){.kind = FM_VALUE_UNKNOWN};
}

static void put_count(fm_value *value, int64_t count)
{
    put_number(value, count < 0 ? NAN : (double)count);
}

static void put_verdict(fm_value *value, fm_verdict verdict)
{
    *value = verdict == FM_UNKNOWN ? (fm_value){.kind = FM_VALUE_UNKNOWN}
                                   : (fm_value){.kind = FM_VALUE_BOOL, .truth = verdict == FM_TRUE};
}

/* numbers NULL: the value is unknown. */
static fm_status put_vector(fm_value *value, const double *numbers, size_t n, fm_arena *arena,
                            fm_err *err)
{
    double *copy;

    *value = (fm_value){.kind = FM_VALUE_UNKNOWN};
    if (!numbers)
        return FM_OK;
    copy = fm_arena_alloc(arena, n, sizeof(*copy));
    if (!copy)
        return fm_fail(err, FM_E_NOMEM, "no memory for a metric");
    if (n)
        memcpy(copy, numbers, n * sizeof(*copy));
    *value = (fm_value){.kind = FM_VALUE_VECTOR, .vector = copy, .n = n};
    return FM_OK;
}

static fm_status put_rect(fm_value *value, const fm_rect *rect, fm_arena *arena, fm_err *err)
{
    double sides[4] = {rect->x0, rect->y0, rect->x1, rect->y1};

    return put_vector(value, isnan(rect->x0) ? NULL : sides, 4, arena, err);
}

/* ---- what both tasks share ---- */

typedef struct {
    scratch *s;
    fm_trace_rules rules;
    const fm_grade_input *input;
    fm_arena *arena;
    fm_grade *out;
    fm_err *err;
    fm_trace_truth truth;
    const char *raster_reason; /* what is wrong with a raster, or NULL */
} grading;

static fm_status keep(grading *g, const char *text, const char **out)
{
    *out = fm_arena_strdup(g->arena, text);
    return *out ? FM_OK : fm_fail(g->err, FM_E_NOMEM, "no memory for a reason");
}

/* Points in space, where the picture has them: from there on they are as those of the other forms. Without
 * intrinsics they are nowhere. */
static fm_status place(grading *g)
{
    const fm_sample *sample = g->input->sample;
    const char *source;
    int width, height;

    if (!sample->has_camera) {
        g->s->answer.n = 0;
        g->s->answer.shape = FM_TRACE_NONE;
        return FM_OK;
    }
    fm_status st = fm_sample_picture_size(sample, &width, &height, &source, g->err);
    if (st == FM_OK)
        fm_trace_answer_place(&g->s->answer, &sample->camera, width, height);
    return st;
}

/* A reply that is not an answer counts as upstream's client leaves it: an empty text. */
static fm_status parse(grading *g)
{
    const fm_grade_input *in = g->input;
    const fm_trace_answer *a = &g->s->answer;
    bool answered = in->reply_status == FM_SAMPLE_OK;
    fm_status st = fm_answers_parse_trace(in->answers, answered ? in->text : "",
                                          answered ? in->size : 0, &g->s->answer, g->err);

    if (st == FM_OK && in->answers == FM_ANSWERS_XYZ)
        st = place(g);
    g->out->status = in->reply_status;
    if (st != FM_OK || !a->n)
        return st;
    g->out->points = fm_arena_alloc(g->arena, a->n, sizeof(*g->out->points));
    if (!g->out->points)
        return fm_fail(g->err, FM_E_NOMEM, "no memory for an answer");
    memcpy(g->out->points, a->points, a->n * sizeof(*a->points));
    g->out->n_points = a->n;
    fm_span *read = fm_arena_alloc(g->arena, a->n, sizeof(*read));
    if (!read)
        return fm_fail(g->err, FM_E_NOMEM, "no memory for an answer");
    memcpy(read, a->read, a->n * sizeof(*read));
    g->out->read = read;
    g->out->n_read = a->n;
    g->out->columns = a->columns;
    return FM_OK;
}

/* The raster, or NULL with the reason kept: a missing file costs only the metrics that need it. */
static fm_status load(grading *g, const char *path, fm_raster *raster,
                      fm_status (*read)(const char *, fm_raster *, fm_err *), const fm_raster **out)
{
    fm_err why = {0};
    fm_status st = path ? read(path, raster, &why) : FM_E_INPUT;

    *out = st == FM_OK ? raster : NULL;
    if (st == FM_E_NOMEM)
        return fm_fail(g->err, st, "%s", why.text);
    if (st == FM_OK || g->raster_reason)
        return FM_OK;
    if (path)
        return keep(g, why.text, &g->raster_reason);
    g->raster_reason = "the data names no raster";
    return FM_OK;
}

/* What the task asks for cannot be read from the reply. */
static bool is_unreadable(const grading *g)
{
    const fm_trace_answer *a = &g->s->answer;

    return a->n == 0 || (g->input->sample->kind == FM_ANSWER_TRACE3D && a->columns < 3);
}

/* *known false where the data does not tell how pixels and metres relate. */
static fm_status describe_truth(grading *g, bool *known)
{
    const fm_sample *sample = g->input->sample;
    const fm_truth_trace *trace = &sample->truth.trace;

    g->truth = (fm_trace_truth){.points = trace->points,
                                .n = trace->n,
                                .camera = sample->camera,
                                .has_box = trace->has_box,
                                .box = trace->box};
    *known = sample->has_camera;
    if (*known)
        return fm_sample_picture_size(sample, &g->truth.width, &g->truth.height,
                                      &g->out->size_source, g->err);
    g->out->reason = "the data has no intrinsics";
    if (is_unreadable(g) && g->out->status == FM_SAMPLE_OK)
        g->out->status = FM_SAMPLE_PARSE_ERROR;
    return FM_OK;
}

static fm_status upstream_raises(grading *g, const char *what)
{
    char text[64];

    snprintf(text, sizeof(text), "upstream raises %s", what);
    if (g->out->status == FM_SAMPLE_OK)
        g->out->status = FM_SAMPLE_PARSE_ERROR;
    return keep(g, text, &g->out->reason);
}

/* No reply stands in the file: the sample is outside what upstream would have counted. */
static fm_status leave_out(grading *g, size_t n_metrics)
{
    g->out->status = FM_SAMPLE_SKIPPED;
    g->out->reason = "no reply";
    for (size_t i = 0; i < n_metrics; i++)
        g->out->values[i] = (fm_value){.kind = FM_VALUE_UNKNOWN};
    return FM_OK;
}

/* Rasters first: what is wrong with them explains the values that are unknown. */
static void conclude(grading *g, bool unparsed, const char *reason)
{
    if (unparsed && g->out->status == FM_SAMPLE_OK)
        g->out->status = FM_SAMPLE_PARSE_ERROR;
    g->out->reason = g->raster_reason ? g->raster_reason : reason;
    g->out->lost = g->raster_reason;
}

/* In which the points stand that are graded. */
static fm_answers_family form_of(const grading *g)
{
    return g->input->answers == FM_ANSWERS_XYZ ? FM_ANSWERS_TUPLES : g->input->answers;
}

/* ---- 2D ---- */

static fm_status grade_2d(grading *g)
{
    fm_trace2d_score score;
    fm_value *v = g->out->values;
    fm_trace_scene2d scene;
    bool known = false;
    fm_status st = parse(g);

    if (st == FM_OK)
        st = describe_truth(g, &known);
    if (st != FM_OK || !known)
        return st;
    st = load(g, g->input->sample->mask_path, &g->s->mask, fm_raster_load_mask, &scene.mask);
    if (st != FM_OK)
        return st;
    st = fm_trace_grade_2d(g->s->grader, g->rules, form_of(g), &g->s->answer, &g->truth, &scene,
                           &score, g->err);
    if (st != FM_OK)
        return st;
    if (score.raises)
        return upstream_raises(g, score.raises);
    conclude(g, score.unparsed, score.reason);
    put_number(&v[M2_DFD], score.dfd);
    put_number(&v[M2_HD], score.hd);
    put_number(&v[M2_RMSE], score.rmse);
    put_number(&v[M2_MAE], score.mae);
    put_verdict(&v[M2_START], score.start_in_mask);
    put_verdict(&v[M2_END], score.end_in_bbox);
    return put_rect(&v[M2_BBOX], &score.bbox_2d, g->arena, g->err);
}

/* ---- 3D ---- */

static void put_verdicts(fm_value *v, const fm_trace3d_score *score)
{
    put_verdict(&v[M3_SUCCESS], score->success);
    put_verdict(&v[M3_START_OK], score->start_ok);
    put_verdict(&v[M3_END_OK], score->end_ok);
    put_verdict(&v[M3_START_2D], score->start_in_mask);
    put_verdict(&v[M3_END_2D], score->end_in_bbox);
    put_verdict(&v[M3_COLLISION], score->collision);
}

static fm_status put_measures(grading *g, const fm_trace3d_score *score)
{
    fm_value *v = g->out->values;
    bool grid = !isnan(score->grid_origin[0]);
    fm_status st = put_rect(&v[M3_BBOX], &score->bbox_2d, g->arena, g->err);

    put_number(&v[M3_START_M], score->start_distance_m);
    put_number(&v[M3_END_M], score->end_distance_m);
    put_number(&v[M3_DFD], score->dfd);
    put_number(&v[M3_HD], score->hd);
    put_number(&v[M3_RMSE], score->rmse);
    put_number(&v[M3_MAE], score->mae);
    put_number(&v[M3_MAX_RATIO], score->max_collision_ratio);
    put_count(&v[M3_OBJECT_POINTS], score->object_points);
    put_count(&v[M3_VOXELS], score->occupied_voxels);
    if (st == FM_OK)
        st = put_vector(&v[M3_ORIGIN], grid ? score->grid_origin : NULL, 3, g->arena, g->err);
    if (st == FM_OK)
        st = put_vector(&v[M3_RATIOS], score->collision_ratios, score->n_ratios, g->arena, g->err);
    return st;
}

static fm_status grade_3d(grading *g)
{
    const fm_sample *sample = g->input->sample;
    fm_trace3d_score score;
    bool paper = g->rules == FM_TRACE_PAPER, known = false;
    fm_trace_scene3d scene;
    fm_status st = parse(g);

    if (st == FM_OK)
        st = describe_truth(g, &known);
    if (st != FM_OK || !known)
        return st;
    st = load(g, sample->depth_path, &g->s->depth, fm_raster_load_depth, &scene.depth);
    if (st == FM_OK)
        st = load(g, sample->mask_path, &g->s->mask, fm_raster_load_mask, &scene.mask);
    if (st != FM_OK)
        return st;
    st = fm_trace_grade_3d(g->s->grader, g->rules, form_of(g), &g->s->answer, &g->truth, &scene,
                           &score, g->err);
    if (st != FM_OK)
        return st;
    if (score.raises)
        return upstream_raises(g, score.raises);
    if (!score.no_depth && !score.unparsed) {
        conclude(g, false, score.reason);
        put_verdicts(g->out->values, &score);
        return put_measures(g, &score);
    }
    g->raster_reason = NULL; /* nothing was measured on them */
    conclude(g, true, score.no_depth ? "no depth" : score.reason);
    if (paper || score.unparsed)
        put_verdicts(g->out->values, &score);
    if (paper) /* without a path nothing was moved */
        g->out->values[M3_COLLISION] = (fm_value){.kind = FM_VALUE_ABSENT};
    return FM_OK;
}

/* ---- the tables ---- */

static fm_status grade(void *state, const fm_grade_input *input, fm_arena *arena, fm_grade *out,
                       fm_trace_rules rules, fm_err *err)
{
    grading g = {
        .s = state, .rules = rules, .input = input, .arena = arena, .out = out, .err = err};
    bool flat = input->sample->kind == FM_ANSWER_TRACE2D;

    /* Upstream counts the lines of the file of replies; the paper counts the samples. */
    if (rules == FM_TRACE_REFERENCE && input->reply_status == FM_SAMPLE_SKIPPED)
        return leave_out(&g, flat ? M2_COUNT : M3_COUNT);
    return flat ? grade_2d(&g) : grade_3d(&g);
}

static fm_status grade_reference(void *state, const fm_grade_input *input, fm_arena *arena,
                                 fm_grade *out, fm_err *err)
{
    return grade(state, input, arena, out, FM_TRACE_REFERENCE, err);
}

static fm_status grade_paper(void *state, const fm_grade_input *input, fm_arena *arena,
                             fm_grade *out, fm_err *err)
{
    return grade(state, input, arena, out, FM_TRACE_PAPER, err);
}

/* The rules of `paper`, over what a reply answers alone: points that it thinks of are none. */
static fm_status grade_answer(void *state, const fm_grade_input *input, fm_arena *arena,
                              fm_grade *out, fm_err *err)
{
    fm_grade_input alone = *input;

    if (input->text) {
        fm_span reply = {input->text, input->size};
        fm_reply_parts parts = fm_reply_split(reply);
        fm_span answer = fm_reply_conclusion(reply, &parts);

        alone.text = answer.text;
        alone.size = answer.size;
    }
    return grade(state, &alone, arena, out, FM_TRACE_PAPER, err);
}

#define REFERENCE_SUMMARY "what the upstream scorer computes, every quirk included"
#define PAPER_SUMMARY     "the rules that the paper's text states, over all samples"
#define ANSWER_SUMMARY    "as paper, without what a reply thinks before it answers"

/* What the protocols of a kind share. */
#define OF_A_TRACE .version = 1, .scratch_new = scratch_new, .scratch_free = scratch_free
#define OF_TRACE2D                                                                                 \
    OF_A_TRACE, .kind = FM_ANSWER_TRACE2D, .primary = "end_in_bbox", .metrics = metrics_2d,        \
                .n_metrics = M2_COUNT
#define OF_TRACE3D                                                                                 \
    OF_A_TRACE, .kind = FM_ANSWER_TRACE3D, .primary = "success", .n_metrics = M3_COUNT

const fm_protocol fm_protocol_trace2d_reference = {
    OF_TRACE2D,         .name = "reference",      .summary = REFERENCE_SUMMARY,
    .policy = "origin", .grade = grade_reference,
};

const fm_protocol fm_protocol_trace2d_paper = {
    OF_TRACE2D, .name = "paper", .summary = PAPER_SUMMARY, .policy = "zero", .grade = grade_paper,
};

const fm_protocol fm_protocol_trace2d_answer = {
    OF_TRACE2D,       .name = "answer",      .summary = ANSWER_SUMMARY,
    .policy = "zero", .grade = grade_answer,
};

const fm_protocol fm_protocol_trace3d_reference = {
    OF_TRACE3D,
    .name = "reference",
    .summary = REFERENCE_SUMMARY,
    .policy = "skip",
    .metrics = metrics_3d_reference,
    .grade = grade_reference,
};

const fm_protocol fm_protocol_trace3d_paper = {
    OF_TRACE3D,
    .name = "paper",
    .summary = PAPER_SUMMARY,
    .policy = "zero",
    .metrics = metrics_3d_paper,
    .grade = grade_paper,
};

const fm_protocol fm_protocol_trace3d_answer = {
    OF_TRACE3D,
    .name = "answer",
    .summary = ANSWER_SUMMARY,
    .policy = "zero",
    .metrics = metrics_3d_paper,
    .grade = grade_answer,
};
