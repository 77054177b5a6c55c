/* Owns the rules of protocols that judge yes or no. */
#include <string.h>

#include "base/arena.h"
#include "base/size.h"
#include "fathom/choice.h"
#include "suites/common/common.h"
#include "suites/common/rules.h"

enum { M_ACCURACY, M_EXTRACTED, M_YES, M_COUNT };

static const fm_metric metrics[M_COUNT] = {
    {"accuracy", "", FM_METRIC_RATE, FM_OVER_PRESENT, 1, "the reply says what is true"},
    {"extracted", "", FM_METRIC_RATE, FM_OVER_ALL, 0, "the rule read yes or no"},
    {"says_yes", "", FM_METRIC_RATE, FM_OVER_PRESENT, 0, "of those that were read"},
};

typedef enum { BY_PREFIX, BY_LAST_LINE } way;

typedef struct {
    int way;
    fm_part part;
    fm_unparsed unparsed;
} yesno_rules;

static fm_status read_rules(const fm_rules *rules, void *kept)
{
    static const char *const ways[] = {[BY_PREFIX] = "prefix", [BY_LAST_LINE] = "last_line"};
    yesno_rules *out = kept;
    fm_status st;

    out->way = -1;
    st = fm_rules_word(rules, "extract", ways, FM_COUNT_OF(ways), &out->way);
    if (st == FM_OK && out->way < 0)
        return fm_fail(rules->err, FM_E_INPUT, "%s: 'extract' is missing", rules->place);
    out->part = out->way == BY_LAST_LINE ? FM_PART_AFTER_THINK : FM_PART_WHOLE;
    if (st == FM_OK)
        st = fm_rules_part(rules, &out->part);
    if (st == FM_OK)
        st = fm_rules_unparsed(rules, "unparsed", &out->unparsed);
    return st;
}

static fm_status grade(void *scratch, const fm_grade_input *input, fm_arena *arena, fm_grade *out,
                       fm_err *err)
{
    const yesno_rules *rules = input->rules;
    fm_span reply = fm_grade_text(input, rules->part);
    fm_yesno says = FM_SAYS_NEITHER;

    (void)scratch;
    if (reply.text)
        says = rules->way == BY_LAST_LINE ? fm_yesno_last_line(reply) : fm_yesno_prefix(reply);
    out->values[M_EXTRACTED] = fm_value_truth(says != FM_SAYS_NEITHER);
    if (says == FM_SAYS_NEITHER) {
        fm_grade_unread(input, "neither yes nor no", out);
        if (rules->unparsed == FM_UNPARSED_ZERO)
            out->values[M_ACCURACY] = fm_value_truth(false);
        return FM_OK;
    }
    out->status = FM_SAMPLE_OK;
    out->values[M_ACCURACY] =
        fm_value_truth((says == FM_SAYS_YES) == input->sample->truth.yesno.yes);
    out->answer = says == FM_SAYS_YES ? "yes" : "no";
    out->values[M_YES] = fm_value_truth(says == FM_SAYS_YES);
    fm_span read = fm_reply_last_line(reply);
    if (rules->way == BY_PREFIX) {
        read = fm_span_strip(reply);
        read.size = strlen(out->answer);
    }
    return fm_grade_keep_read(input, reply, read, arena, out, err);
}

static fm_status configure(const char *text, const char *place, fm_arena *arena, fm_protocol *out,
                           fm_err *err)
{
    static const char *const names[] = {"extract", "reply", "unparsed"};
    yesno_rules *kept = fm_arena_alloc(arena, 1, sizeof(*kept));

    if (!kept)
        return fm_fail(err, FM_E_NOMEM, "no memory for a protocol");
    fm_status st = fm_rules_read(text, place, names, FM_COUNT_OF(names), read_rules, kept, err);
    if (st != FM_OK)
        return st;
    fm_protocol_fill(out, metrics, M_COUNT, M_ACCURACY, kept->unparsed, kept);
    out->grade = grade;
    return FM_OK;
}

const fm_grader_ops fm_grader_yesno = {
    .name = "yesno",
    .summary = "yes or no, read by a published rule",
    .kind = FM_ANSWER_YESNO,
    .configure = configure,
};
