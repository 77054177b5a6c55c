/* Owns the rules of protocols that leave a reply in words to a judge: its stored mark, or its stored
 * numbers for answer and reply. No judge is asked here. */
#include <string.h>

#include "base/arena.h"
#include "base/size.h"
#include "fathom/measuring.h"
#include "fathom/quantity.h"
#include "suites/common/common.h"
#include "suites/common/rules.h"

enum { M_SUCCESS, M_JUDGED, M_MARK, M_COUNT };

static const fm_metric metrics[M_COUNT] = {
    {"success", "", FM_METRIC_RATE, FM_OVER_PRESENT, 1, "the judge holds the reply for right"},
    {"judged", "", FM_METRIC_RATE, FM_OVER_ALL, 0, "a stored judgement decided"},
    {"mark", "", FM_METRIC_DETAIL, FM_OVER_PRESENT, 0, "the judge's"},
};

typedef struct {
    fm_part part;
    double over; /* a mark above it is a success */
    double factor, share;
    char position[64]; /* the category whose numbers are positions; "": none */
    fm_unparsed unparsed;
} judged_rules;

static fm_status read_rules(const fm_rules *rules, void *kept)
{
    judged_rules *out = kept;
    fm_status st;

    *out = (judged_rules){.over = 0.5, .factor = 1.25, .share = 0.1};
    if ((st = fm_rules_part(rules, &out->part)) != FM_OK ||
        (st = fm_rules_number(rules, "over", 0, 1, &out->over)) != FM_OK ||
        (st = fm_rules_number(rules, "factor", 1, 100, &out->factor)) != FM_OK ||
        (st = fm_rules_number(rules, "share", 0, 1, &out->share)) != FM_OK ||
        (st = fm_rules_name(rules, "position", out->position, sizeof(out->position))) != FM_OK)
        return st;
    return fm_rules_unparsed(rules, "unparsed", &out->unparsed);
}

/* ---- grading ---- */

typedef struct {
    const judged_rules *rules;
    const fm_sample *sample;
    fm_arena *arena;
    fm_err *err;
    bool decided, right;
    fm_value mark;
} verdict;

/* The numbers that the judge found in the data's answer and in the reply. */
static fm_status compare_numbers(verdict *v)
{
    const char *category = v->sample->category;
    double answer[FM_MAX_QUANTITIES], response[FM_MAX_QUANTITIES];
    size_t n;
    fm_status st = fm_quantity_judged(fm_span_of(v->sample->judgement), FM_JUDGED_METRES, v->arena,
                                      answer, response, FM_MAX_QUANTITIES, &n, &v->decided, v->err);

    if (st != FM_OK || !v->decided)
        return st;
    if (category && strcmp(category, v->rules->position) == 0)
        v->right = fm_mean_offset(response, answer, n) <= v->rules->share;
    else
        v->right = fm_mean_ratio(response, answer, n) < v->rules->factor;
    return FM_OK;
}

static fm_status read_judgement(verdict *v)
{
    double mark;
    fm_status st =
        fm_quantity_mark(fm_span_of(v->sample->judgement), v->arena, &mark, &v->decided, v->err);

    if (st != FM_OK || !v->decided)
        return st == FM_OK ? compare_numbers(v) : st;
    v->mark = fm_value_number(mark);
    v->right = mark > v->rules->over;
    return FM_OK;
}

/* A reply that is the reference needs no judge. */
static bool is_reference(fm_span reply, const char *reference)
{
    fm_span a = fm_span_strip(reply), b = fm_span_strip(fm_span_of(reference));

    return a.size == b.size && memcmp(a.text, b.text, a.size) == 0;
}

static void put(fm_grade *out, bool right, bool judged)
{
    out->status = FM_SAMPLE_OK;
    out->values[M_SUCCESS] = fm_value_truth(right);
    out->values[M_JUDGED] = fm_value_truth(judged);
}

static void put_unread(const judged_rules *rules, const fm_grade_input *input, const char *reason,
                       fm_grade *out)
{
    fm_grade_unread(input, reason, out);
    if (rules->unparsed == FM_UNPARSED_ZERO)
        out->values[M_SUCCESS] = fm_value_truth(false);
    out->values[M_JUDGED] = fm_value_truth(false);
}

static fm_status grade(void *scratch, const fm_grade_input *input, fm_arena *arena, fm_grade *out,
                       fm_err *err)
{
    const judged_rules *rules = input->rules;
    verdict v = {.rules = rules, .sample = input->sample, .arena = arena, .err = err};
    fm_span reply = fm_grade_text(input, rules->part);
    fm_status st = FM_OK;

    (void)scratch;
    if (!reply.text) {
        put_unread(rules, input, "no answer", out);
    } else if (input->sample->judgement) {
        st = read_judgement(&v);
        out->values[M_MARK] = v.mark;
        if (v.decided)
            put(out, v.right, true);
        else
            put_unread(rules, input, "the judgement has neither a mark nor numbers", out);
    } else if (is_reference(reply, input->sample->truth.text.reference)) {
        put(out, true, false);
        out->reason = "the reply is the reference";
    } else {
        fm_grade_unjudged(M_COUNT, out);
        out->values[M_JUDGED] = fm_value_truth(false);
    }
    return st;
}

static fm_status configure(const char *text, const char *place, fm_arena *arena, fm_protocol *out,
                           fm_err *err)
{
    static const char *const names[] = {"reply", "over", "factor", "share", "position", "unparsed"};
    judged_rules *kept = fm_arena_alloc(arena, 1, sizeof(*kept));

    if (!kept)
        return fm_fail(err, FM_E_NOMEM, "no memory for a protocol");
    fm_status st = fm_rules_read(text, place, names, FM_COUNT_OF(names), read_rules, kept, err);
    if (st != FM_OK)
        return st;
    fm_protocol_fill(out, metrics, M_COUNT, M_SUCCESS, kept->unparsed, kept);
    out->grade = grade;
    return FM_OK;
}

const fm_grader_ops fm_grader_judged = {
    .name = "judged",
    .summary = "words that a stored judgement holds for right or wrong",
    .kind = FM_ANSWER_TEXT,
    .configure = configure,
};
