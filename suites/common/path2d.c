/* Owns the rules of protocols that compare a 2D trace with the true one: which published rule reads
 * it, how the two are made comparable, and in which unit. */
#include <string.h>

#include "base/arena.h"
#include "base/size.h"
#include "fathom/path.h"
#include "suites/common/common.h"
#include "suites/common/rules.h"

enum { M_DFD, M_HD, M_RMSE, M_MAE, M_POINTS, M_COUNT };

static const fm_metric metrics[M_COUNT] = {
    {"dfd", "", FM_METRIC_MEAN, FM_OVER_PRESENT, -1, "discrete Frechet distance"},
    {"hd", "", FM_METRIC_MEAN, FM_OVER_PRESENT, -1, "Hausdorff distance"},
    {"rmse", "", FM_METRIC_MEAN, FM_OVER_PRESENT, -1, "root mean squared distance"},
    {"mae", "", FM_METRIC_MEAN, FM_OVER_PRESENT, -1, "mean absolute difference"},
    {"points", "", FM_METRIC_DETAIL, FM_OVER_PRESENT, 0, "points of the answer"},
};

/* A distance has no worst value, so that an answer without a trace either does not count or counts
 * as a trace that rests in the picture's corner. */
typedef enum { EMPTY_SKIP, EMPTY_ORIGIN } empty;

typedef struct {
    fm_points_rule read;
    fm_part part;
    int resampling; /* fm_path_resampling */
    double side;
    int empty, primary;
} path_rules;

static fm_status read_rules(const fm_rules *rules, void *kept)
{
    static const char *const resamplings[] = {
        [FM_PATH_AS_GIVEN] = "none", [FM_PATH_BY_INDEX] = "index", [FM_PATH_BY_ARC] = "arc100"};
    static const char *const scales[] = {"n1", "n999"};
    static const char *const empties[] = {[EMPTY_SKIP] = "skip", [EMPTY_ORIGIN] = "origin"};
    const char *names[M_POINTS];
    path_rules *out = kept;
    int scale = 0;
    fm_status st;

    for (size_t i = 0; i < FM_COUNT_OF(names); i++)
        names[i] = metrics[i].name;
    out->resampling = -1;
    out->primary = M_RMSE;
    if ((st = fm_rules_points(rules, &out->read)) != FM_OK ||
        (st = fm_rules_part(rules, &out->part)) != FM_OK ||
        (st = fm_rules_word(rules, "resample", resamplings, FM_COUNT_OF(resamplings),
                            &out->resampling)) != FM_OK ||
        (st = fm_rules_word(rules, "scale", scales, FM_COUNT_OF(scales), &scale)) != FM_OK ||
        (st = fm_rules_word(rules, "empty", empties, FM_COUNT_OF(empties), &out->empty)) != FM_OK ||
        (st = fm_rules_word(rules, "primary", names, FM_COUNT_OF(names), &out->primary)) != FM_OK)
        return st;
    if (out->resampling < 0)
        return fm_fail(rules->err, FM_E_INPUT, "%s: 'resample' is missing", rules->place);
    out->side = scale == 1 ? 999 : 1;
    return FM_OK;
}

/* ---- grading ---- */

typedef struct {
    const path_rules *rules;
    const fm_grade_input *input;
    fm_arena *arena;
    fm_grade *out;
    fm_err *err;
    int width, height;
} grading;

static fm_status no_memory(const grading *g)
{
    return fm_fail(g->err, FM_E_NOMEM, "no memory for a trace");
}

static fm_status measure(grading *g, double (*path)[2], size_t n)
{
    const fm_truth_path *truth = &g->input->sample->truth.path;
    double(*target)[2] = fm_arena_alloc(g->arena, truth->n, sizeof(*target));
    fm_value *v = g->out->values;
    fm_path_score score;

    if (!target)
        return no_memory(g);
    memcpy(target, truth->points, truth->n * sizeof(*target));
    fm_path_scale(path, n, g->width, g->height, g->rules->side);
    fm_path_scale(target, truth->n, g->width, g->height, g->rules->side);
    fm_status st =
        fm_path_measure(path[0], n, target[0], truth->n, (fm_path_resampling)g->rules->resampling,
                        g->arena, &score, g->err);
    if (st != FM_OK)
        return st;
    v[M_DFD] = fm_value_number(score.dfd);
    v[M_HD] = fm_value_number(score.hd);
    v[M_RMSE] = fm_value_number(score.rmse);
    v[M_MAE] = fm_value_number(score.mae);
    v[M_POINTS] = fm_value_number((double)n);
    if (v[M_DFD].kind == FM_VALUE_UNKNOWN)
        g->out->reason = "too few points to compare, or too many";
    else if (v[M_RMSE].kind == FM_VALUE_UNKNOWN)
        g->out->reason = "traces of different lengths";
    return FM_OK;
}

/* A trace of a single point has a length of nothing; the comparisons take it as two. */
static fm_status measure_origin(grading *g)
{
    double(*path)[2] = fm_arena_alloc(g->arena, 2, sizeof(*path));

    return path ? measure(g, path, 2) : no_memory(g);
}

static fm_status judge(grading *g)
{
    fm_span reply = fm_grade_text(g->input, g->rules->part);
    fm_points points = {.kind = FM_POINTS_NONE};
    double(*path)[2] = NULL;
    fm_status st = FM_OK;

    if (reply.text)
        st = fm_points_read(&g->rules->read, reply, g->width, g->height, g->arena, &points, g->err);
    if (st != FM_OK)
        return st;
    if (points.kind == FM_POINTS_FOUND)
        path = fm_points_path(&points, g->arena);
    if (!path) {
        st = g->rules->empty == EMPTY_ORIGIN ? measure_origin(g) : FM_OK;
        fm_grade_unread(g->input, points.raises ? points.raises : "no trace", g->out);
        return st;
    }
    g->out->status = FM_SAMPLE_OK;
    st = fm_grade_keep_points(&points, &g->rules->read, g->width, g->height, g->arena, g->out,
                              g->err);
    return st == FM_OK ? measure(g, path, points.n) : st;
}

static fm_status grade(void *scratch, const fm_grade_input *input, fm_arena *arena, fm_grade *out,
                       fm_err *err)
{
    grading g = {.rules = input->rules, .input = input, .arena = arena, .out = out, .err = err};
    fm_err why = {0};

    (void)scratch;
    if (fm_grade_picture_size(input->sample, &g.width, &g.height, &why) == FM_OK)
        return judge(&g);
    for (size_t i = 0; i < M_COUNT; i++)
        out->values[i] = (fm_value){.kind = FM_VALUE_UNKNOWN};
    out->status = input->reply_status;
    out->reason = out->lost = fm_arena_strdup(arena, why.text);
    return out->lost ? FM_OK : no_memory(&g);
}

static fm_status configure(const char *text, const char *place, fm_arena *arena, fm_protocol *out,
                           fm_err *err)
{
    static const char *const names[] = {"extract",  "space", "order", "pixel",  "reply",
                                        "resample", "scale", "empty", "primary"};
    path_rules *kept = fm_arena_alloc(arena, 1, sizeof(*kept));

    if (!kept)
        return fm_fail(err, FM_E_NOMEM, "no memory for a protocol");
    fm_status st = fm_rules_read(text, place, names, FM_COUNT_OF(names), read_rules, kept, err);
    if (st != FM_OK)
        return st;
    fm_protocol_fill(out, metrics, M_COUNT, kept->primary, FM_UNPARSED_SKIP, kept);
    if (kept->empty == EMPTY_ORIGIN)
        out->policy = "origin";
    out->grade = grade;
    return FM_OK;
}

const fm_grader_ops fm_grader_path2d = {
    .name = "path2d",
    .summary = "distances of a 2D trace from the true one",
    .kind = FM_ANSWER_PATH2D,
    .configure = configure,
};
