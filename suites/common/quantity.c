/* Owns the rules of protocols that judge measured numbers: which published rule reads them, in which
 * unit they are compared, and what is near enough. */
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/size.h"
#include "fathom/measuring.h"
#include "fathom/quantity.h"
#include "suites/common/common.h"
#include "suites/common/rules.h"

enum { M_SUCCESS, M_MRA, M_RELATIVE, M_PREDICTED, M_COUNT };

static const fm_metric metrics[M_COUNT] = {
    {"success", "", FM_METRIC_RATE, FM_OVER_PRESENT, 1, "near enough to the true number"},
    {"mra", "", FM_METRIC_MEAN, FM_OVER_PRESENT, 1, "mean relative accuracy over ten thresholds"},
    {"relative_error", "", FM_METRIC_MEAN, FM_OVER_PRESENT, -1, "of the numbers that were read"},
    {"predicted", "", FM_METRIC_DETAIL, FM_OVER_PRESENT, 0, "in the unit of the comparison"},
};

typedef enum {
    BY_QSPATIAL,
    BY_QSPATIAL_VLMEVALKIT,
    BY_FIRST,
    BY_LAST,
    BY_LIST,
    BY_NUMBER_WORD,
    BY_NUMBER_FIRST,
    BY_NUMBER_LAST,
    BY_CLOCK,
    BY_JUDGED,
    WAYS
} way;

typedef enum { TEST_RATIO, TEST_BAND, TEST_OFFSET, TEST_CLOCK } test;

typedef struct {
    int way, test;
    fm_part part;
    double factor, share;
    bool closed;
    int primary; /* index into primaries */
    fm_unparsed unparsed;
} quantity_rules;

static fm_status read_rules(const fm_rules *rules, void *kept)
{
    static const char *const ways[WAYS] = {
        [BY_QSPATIAL] = "qspatial",
        [BY_QSPATIAL_VLMEVALKIT] = "qspatial_vlmevalkit",
        [BY_FIRST] = "length_first",
        [BY_LAST] = "length_last",
        [BY_LIST] = "length_list",
        [BY_NUMBER_WORD] = "number_word",
        [BY_NUMBER_FIRST] = "number_first",
        [BY_NUMBER_LAST] = "number_last",
        [BY_CLOCK] = "clock",
        [BY_JUDGED] = "judged",
    };
    static const char *const tests[] = {[TEST_RATIO] = "ratio",
                                        [TEST_BAND] = "band",
                                        [TEST_OFFSET] = "offset",
                                        [TEST_CLOCK] = "clock"};
    const char *const primaries[] = {metrics[M_SUCCESS].name, metrics[M_MRA].name};
    quantity_rules *out = kept;
    fm_status st;

    *out = (quantity_rules){.way = -1, .test = TEST_RATIO, .factor = 2, .share = 0.25};
    if ((st = fm_rules_word(rules, "extract", ways, WAYS, &out->way)) != FM_OK ||
        (st = fm_rules_part(rules, &out->part)) != FM_OK ||
        (st = fm_rules_word(rules, "test", tests, FM_COUNT_OF(tests), &out->test)) != FM_OK ||
        (st = fm_rules_number(rules, "factor", 1, 100, &out->factor)) != FM_OK ||
        (st = fm_rules_number(rules, "share", 0, 1, &out->share)) != FM_OK ||
        (st = fm_rules_flag(rules, "closed", &out->closed)) != FM_OK ||
        (st = fm_rules_word(rules, "primary", primaries, FM_COUNT_OF(primaries), &out->primary)) !=
            FM_OK)
        return st;
    if (out->way < 0)
        return fm_fail(rules->err, FM_E_INPUT, "%s: 'extract' is missing", rules->place);
    return fm_rules_unparsed(rules, "unparsed", &out->unparsed);
}

/* ---- grading ---- */

typedef struct {
    const quantity_rules *rules;
    const fm_grade_input *input;
    fm_arena *arena;
    fm_grade *out;
    fm_err *err;
    double predicted[FM_MAX_QUANTITIES], truth[FM_MAX_QUANTITIES];
    size_t n;
    bool found, unjudged;
    const char *reason;
    fm_span part, read; /* of the reply: what was looked at, and what said it */
} grading;

/* The truth in `metres` each; a plain number where the reply is one too. */
static bool take_truth(grading *g, double metres)
{
    const fm_truth_quantity *truth = &g->input->sample->truth.quantity;
    double unit = 1;
    bool known = metres == 0 || (truth->unit && fm_unit_metres(fm_span_of(truth->unit), &unit));

    g->n = truth->n;
    for (size_t i = 0; i < g->n; i++)
        g->truth[i] = metres > 0 ? truth->values[i] * unit / metres : truth->values[i];
    return known && g->n > 0;
}

static void take_quantity(grading *g, fm_quantity quantity)
{
    g->found = isfinite(quantity.value);
    g->read = quantity.read;
    g->predicted[0] = quantity.value;
    if (quantity.outcome == FM_QUANTITY_UNKNOWN_UNIT)
        g->reason = "unknown unit";
    else if (quantity.outcome == FM_QUANTITY_NO_TAG)
        g->reason = "a tag is missing";
}

/* Metres in the unit that the reader of lengths gives; 0: numbers are taken as they are. */
static double unit_of(way read_by)
{
    switch (read_by) {
    case BY_QSPATIAL:
    case BY_QSPATIAL_VLMEVALKIT:
        return 0.01;
    case BY_FIRST:
    case BY_LAST:
    case BY_LIST:
        return 1;
    default:
        return 0;
    }
}

/* The judge turns both the true answer and the reply into numbers; upstream compares the two. */
static fm_status read_judged(grading *g)
{
    const fm_sample *sample = g->input->sample;
    bool clock = strcmp(sample->truth.quantity.unit, "clock") == 0;

    if (g->input->reply_status != FM_SAMPLE_OK)
        return FM_OK;
    if (!sample->judgement) {
        g->unjudged = true;
        return FM_OK;
    }
    return fm_quantity_judged(fm_span_of(sample->judgement),
                              clock ? FM_JUDGED_CLOCK : FM_JUDGED_METRES, g->arena, g->truth,
                              g->predicted, FM_MAX_QUANTITIES, &g->n, &g->found, g->err);
}

static void read_reply(grading *g, fm_span reply)
{
    fm_span question = fm_span_of(g->input->sample->instruction);

    switch ((way)g->rules->way) {
    case BY_QSPATIAL:
        take_quantity(g, fm_quantity_qspatial(FM_QSPATIAL_OFFICIAL, reply));
        break;
    case BY_QSPATIAL_VLMEVALKIT:
        take_quantity(g, fm_quantity_qspatial(FM_QSPATIAL_VLMEVALKIT, reply));
        break;
    case BY_FIRST:
        take_quantity(g, fm_quantity_first(reply));
        break;
    case BY_LAST:
        take_quantity(g, fm_quantity_last(reply));
        break;
    case BY_LIST:
        g->found =
            fm_quantity_list_beyond(reply, question, g->n, g->predicted, FM_MAX_QUANTITIES) >= g->n;
        break;
    case BY_NUMBER_WORD:
        g->found = fm_number_word(reply, &g->predicted[0]);
        break;
    case BY_NUMBER_FIRST:
        g->found = fm_number_first(reply, &g->predicted[0]);
        break;
    case BY_NUMBER_LAST:
        g->found = fm_number_last(reply, &g->predicted[0]);
        break;
    case BY_CLOCK:
        g->found = fm_number_clock(reply, &g->predicted[0]);
        break;
    case BY_JUDGED:
    case WAYS:
        break;
    }
}

static bool is_near(const grading *g)
{
    const quantity_rules *rules = g->rules;
    double p = g->predicted[0], t = g->truth[0];

    switch ((test)rules->test) {
    case TEST_RATIO:
        if (g->n > 1) {
            double ratio = fm_mean_ratio(g->predicted, g->truth, g->n);

            return rules->closed ? ratio <= rules->factor : ratio < rules->factor;
        }
        return fm_within_ratio(p, t, rules->factor, rules->closed);
    case TEST_BAND:
        return fm_within_band(p, t, rules->share);
    case TEST_OFFSET:
        return fm_mean_offset(g->predicted, g->truth, g->n) <= rules->share;
    case TEST_CLOCK:
        return fm_within_clock(p, t);
    }
    return false;
}

/* The numbers as they are compared, with their unit. */
static fm_status keep_answer(grading *g)
{
    double metres = unit_of((way)g->rules->way);
    const char *unit = metres == 0.01 ? " cm" : metres == 1 ? " m" : "";
    fm_buf text = {0};

    for (size_t i = 0; i < g->n; i++)
        fm_buf_printf(&text, "%s%.4g", i ? ", " : "", g->predicted[i]);
    fm_buf_puts(&text, unit);
    fm_status st = fm_buf_check(&text, "an answer", g->err);
    if (st == FM_OK && !(g->out->answer = fm_arena_strdup(g->arena, fm_buf_text(&text))))
        st = fm_fail(g->err, FM_E_NOMEM, "no memory for an answer");
    fm_buf_release(&text);
    return st;
}

static fm_status conclude(grading *g)
{
    fm_value *v = g->out->values;

    if (g->unjudged) {
        fm_grade_unjudged(M_COUNT, g->out);
        return FM_OK;
    }
    if (!g->found) {
        fm_grade_unread(g->input, g->reason ? g->reason : "no number", g->out);
        if (g->rules->unparsed == FM_UNPARSED_ZERO) {
            v[M_SUCCESS] = fm_value_truth(false);
            v[M_MRA] = fm_value_number(0);
        }
        return FM_OK;
    }
    g->out->status = FM_SAMPLE_OK;
    g->out->reason = g->reason;
    v[M_SUCCESS] = fm_value_truth(is_near(g));
    if (g->n == 1) {
        v[M_MRA] = fm_value_number(fm_mean_relative_accuracy(g->predicted[0], g->truth[0]));
        v[M_RELATIVE] = fm_value_number(fm_relative_error(g->predicted[0], g->truth[0]));
        v[M_PREDICTED] = fm_value_number(g->predicted[0]);
    }
    fm_status st = g->part.text
                       ? fm_grade_keep_read(g->input, g->part, g->read, g->arena, g->out, g->err)
                       : FM_OK;
    return st == FM_OK ? keep_answer(g) : st;
}

static fm_status grade(void *scratch, const fm_grade_input *input, fm_arena *arena, fm_grade *out,
                       fm_err *err)
{
    const quantity_rules *rules = input->rules;
    grading g = {.rules = rules, .input = input, .arena = arena, .out = out, .err = err};
    fm_span reply = fm_grade_text(input, rules->part);
    fm_status st = FM_OK;

    (void)scratch;
    if (!take_truth(&g, unit_of((way)rules->way)) && rules->way != BY_JUDGED) {
        for (size_t i = 0; i < M_COUNT; i++)
            out->values[i] = (fm_value){.kind = FM_VALUE_UNKNOWN};
        out->status = input->reply_status;
        out->reason = out->lost =
            g.n == 0 ? "the data's answer holds no number" : "the data's unit is no length";
        return FM_OK;
    }
    if (rules->way == BY_JUDGED) {
        st = read_judged(&g);
    } else if (reply.text) {
        g.part = reply;
        read_reply(&g, reply);
    }
    return st == FM_OK ? conclude(&g) : st;
}

static fm_status configure(const char *text, const char *place, fm_arena *arena, fm_protocol *out,
                           fm_err *err)
{
    static const char *const names[] = {"extract", "reply",  "test",     "factor",
                                        "share",   "closed", "unparsed", "primary"};
    quantity_rules *kept = fm_arena_alloc(arena, 1, sizeof(*kept));

    if (!kept)
        return fm_fail(err, FM_E_NOMEM, "no memory for a protocol");
    fm_status st = fm_rules_read(text, place, names, FM_COUNT_OF(names), read_rules, kept, err);
    if (st != FM_OK)
        return st;
    fm_protocol_fill(out, metrics, M_COUNT, kept->primary, kept->unparsed, kept);
    out->grade = grade;
    return FM_OK;
}

const fm_grader_ops fm_grader_quantity = {
    .name = "quantity",
    .summary = "numbers with a unit, near enough to the true ones",
    .kind = FM_ANSWER_QUANTITY,
    .configure = configure,
};
