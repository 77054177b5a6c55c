/* Owns the rules of protocols that judge one of several options: which published rule reads the
 * letter, what decides where it cannot, and what counts. */
#include <string.h>

#include "base/arena.h"
#include "base/size.h"
#include "fathom/choice.h"
#include "suites/common/common.h"
#include "suites/common/rules.h"

enum { M_ACCURACY, M_EXTRACTED, M_JUDGED, M_CHOICE, M_COUNT };

static const fm_metric metrics[M_COUNT] = {
    {"accuracy", "", FM_METRIC_RATE, FM_OVER_PRESENT, 1,
     "the option that was read is the true one"},
    {"extracted", "", FM_METRIC_RATE, FM_OVER_ALL, 0, "the rule read an answer by itself"},
    {"judged", "", FM_METRIC_RATE, FM_OVER_PRESENT, 0, "a stored judgement gave the answer"},
    {"choice", "", FM_METRIC_DETAIL, FM_OVER_PRESENT, 0, "the option that was read, 0 for A"},
};

/* Ways to compare without reading a letter first; then the rules of fathom/choice.h. */
typedef enum { BY_LETTER_OCCURS, BY_TEXT_OCCURS, BY_TEXT_EQUALS, BY_RULE } way;

static const char *const comparisons[] = {[BY_LETTER_OCCURS] = "letter_occurs",
                                          [BY_TEXT_OCCURS] = "text_occurs",
                                          [BY_TEXT_EQUALS] = "text_equals"};

typedef struct {
    way way;
    const fm_choice_rule *rule; /* BY_RULE */
    fm_part part;
    bool stored; /* a judgement beside the data decides what the rule leaves open */
    fm_unparsed unparsed;
} choice_rules;

enum { MAX_EXTRACTS = 32, SHOWN_BYTES = 60 };

static fm_status read_extract(const fm_rules *rules, choice_rules *out)
{
    const char *names[MAX_EXTRACTS];
    size_t n = 0;
    const fm_choice_rule *rule;
    int index = -1;

    for (; n < FM_COUNT_OF(comparisons); n++)
        names[n] = comparisons[n];
    for (size_t i = 0; n < FM_COUNT_OF(names) && (rule = fm_choice_rule_at(i)); i++)
        names[n++] = rule->name;
    fm_status st = fm_rules_word(rules, "extract", names, n, &index);
    if (st == FM_OK && index < 0)
        return fm_fail(rules->err, FM_E_INPUT, "%s: 'extract' is missing", rules->place);
    if (st != FM_OK)
        return st;
    out->rule = fm_choice_rule_find(names[index]);
    out->way = out->rule ? BY_RULE : (way)index;
    out->part = out->rule ? FM_PART_WHOLE : FM_PART_ANSWER;
    return FM_OK;
}

static fm_status read_rules(const fm_rules *rules, void *kept)
{
    static const char *const judgements[] = {"none", "stored"};
    choice_rules *out = kept;
    int judgement = 0;
    fm_status st = read_extract(rules, out);

    if (st == FM_OK)
        st = fm_rules_part(rules, &out->part);
    if (st == FM_OK)
        st = fm_rules_word(rules, "judgement", judgements, FM_COUNT_OF(judgements), &judgement);
    if (st == FM_OK)
        st = fm_rules_unparsed(rules, "unparsed", &out->unparsed);
    out->stored = judgement == 1;
    return st;
}

/* ---- grading ---- */

/* The letter as a text. */
static const char *letter(int index)
{
    static const char letters[] = "A\0B\0C\0D\0E\0F\0G\0H\0I\0J\0K\0L\0M\0"
                                  "N\0O\0P\0Q\0R\0S\0T\0U\0V\0W\0X\0Y\0Z";

    return index >= 0 && index < 26 ? &letters[2 * index] : NULL;
}

static void count_unread(const choice_rules *rules, fm_grade *out)
{
    if (rules->unparsed == FM_UNPARSED_ZERO)
        out->values[M_ACCURACY] = fm_value_truth(false);
    out->values[M_EXTRACTED] = fm_value_truth(false);
}

/* What stands in the answer tag is shown to people: a few words of it do. */
static fm_status keep_answer(fm_span answer, fm_arena *arena, fm_grade *out, fm_err *err)
{
    size_t size = answer.size < SHOWN_BYTES ? answer.size : SHOWN_BYTES;

    while (size > 0 && size < answer.size && ((unsigned char)answer.text[size] & 0xC0) == 0x80)
        size--; /* not in the midst of a character */
    out->answer = fm_arena_memdup(arena, answer.text, size);
    return out->answer ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for an answer");
}

static fm_status compare(const choice_rules *rules, const fm_grade_input *input, fm_span answer,
                         fm_arena *arena, fm_grade *out, fm_err *err)
{
    const fm_truth_choice *truth = &input->sample->truth.choice;
    const fm_options options = {truth->options, truth->n};
    bool right = false;

    if (answer.size == 0) {
        fm_grade_unread(input, "no answer", out);
        count_unread(rules, out);
        return FM_OK;
    }
    if (rules->way == BY_LETTER_OCCURS)
        right = fm_choice_letter_occurs(answer, &options, truth->index);
    else if (rules->way == BY_TEXT_OCCURS)
        right = fm_choice_text_occurs(answer, truth->options[truth->index]);
    else
        right = fm_choice_text_equals(answer, truth->options[truth->index]);
    out->status = FM_SAMPLE_OK;
    out->values[M_ACCURACY] = fm_value_truth(right);
    out->values[M_EXTRACTED] = fm_value_truth(true);
    fm_status st = fm_grade_keep_read(input, answer, answer, arena, out, err);
    return st == FM_OK ? keep_answer(answer, arena, out, err) : st;
}

/* A letter that is no option is an answer all the same, and wrong. */
static void conclude(const choice_rules *rules, const fm_grade_input *input,
                     const fm_choice *choice, bool judged, fm_grade *out)
{
    if (choice->kind != FM_CHOICE_LETTER) {
        fm_grade_unread(input, choice->path, out);
        count_unread(rules, out);
    } else {
        out->status = FM_SAMPLE_OK;
        out->reason = choice->path;
        out->values[M_ACCURACY] =
            fm_value_truth((size_t)choice->index == input->sample->truth.choice.index);
        out->values[M_EXTRACTED] = fm_value_truth(!judged);
        out->values[M_CHOICE] = fm_value_number(choice->index);
        out->answer = letter(choice->index);
    }
    if (rules->stored)
        out->values[M_JUDGED] = fm_value_truth(judged);
}

static fm_status grade(void *scratch, const fm_grade_input *input, fm_arena *arena, fm_grade *out,
                       fm_err *err)
{
    const choice_rules *rules = input->rules;
    const fm_truth_choice *truth = &input->sample->truth.choice;
    const fm_options options = {truth->options, truth->n};
    fm_span reply = fm_grade_text(input, rules->part);
    fm_choice choice = {.kind = FM_CHOICE_NONE, .path = "no reply"};
    bool judged = false;

    (void)scratch;
    if (rules->way != BY_RULE)
        return compare(rules, input, reply, arena, out, err);
    if (reply.text) {
        fm_status st = fm_choice_read(rules->rule, reply, &options, arena, &choice, err);

        if (st != FM_OK)
            return st;
    }
    if (choice.kind == FM_CHOICE_UNDECIDED && rules->stored && input->sample->judgement) {
        choice = fm_choice_stored(fm_span_of(input->sample->judgement));
        judged = choice.kind == FM_CHOICE_LETTER;
    }
    conclude(rules, input, &choice, judged, out);
    if (choice.kind != FM_CHOICE_LETTER || judged)
        return FM_OK;
    return fm_grade_keep_read(input, reply, choice.read, arena, out, err);
}

static fm_status configure(const char *text, const char *place, fm_arena *arena, fm_protocol *out,
                           fm_err *err)
{
    static const char *const names[] = {"extract", "reply", "judgement", "unparsed"};
    choice_rules *kept = fm_arena_alloc(arena, 1, sizeof(*kept));

    if (!kept)
        return fm_fail(err, FM_E_NOMEM, "no memory for a protocol");
    fm_status st = fm_rules_read(text, place, names, FM_COUNT_OF(names), read_rules, kept, err);
    if (st != FM_OK)
        return st;
    fm_protocol_fill(out, metrics, M_COUNT, M_ACCURACY, kept->unparsed, kept);
    out->grade = grade;
    return FM_OK;
}

const fm_grader_ops fm_grader_choice = {
    .name = "choice",
    .summary = "one of several options, read by a published rule",
    .kind = FM_ANSWER_CHOICE,
    .configure = configure,
};
