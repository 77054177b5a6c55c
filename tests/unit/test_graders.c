/* Graders that take their rules from suite.yaml: replies in published shapes with scores worked out
 * by hand, what an unreadable reply counts as, and which rules are refused. */
#include "graders_fixture.h"

/* ---- choice ---- */

static const char *const sides[] = {"left", "right", "above", "below"};

static const fm_sample side = {
    .id = "1", .kind = FM_ANSWER_CHOICE, .truth.choice = {.options = sides, .n = 4, .index = 1}};

Test(graders, a_choice_is_read_by_the_rule_that_is_named)
{
    fm_protocol first = protocol_of(&fm_grader_choice, "{\"extract\": \"letter_first\"}");
    fm_protocol tail = protocol_of(&fm_grader_choice, "{\"extract\": \"letter_tail\"}");

    /* lmms-eval's rule reads "The answer is B" as T. */
    cr_assert(eq(dbl, score(&first, &side, "(B)", "accuracy"), 1));
    cr_assert(eq(dbl, score(&first, &side, "The answer is B", "accuracy"), 0));
    cr_assert(eq(dbl, score(&first, &side, "The answer is B", "choice"), 'T' - 'A'));
    cr_assert(eq(dbl, score(&tail, &side, "The answer is B", "accuracy"), 1));
    cr_assert(eq(str, (char *)first.policy, "zero"));
    cr_assert(eq(str, (char *)first.primary, "accuracy"));
}

Test(graders, an_unread_choice_is_wrong_unless_the_rules_leave_it_out)
{
    fm_protocol zero = protocol_of(&fm_grader_choice, "{\"extract\": \"letter_word\"}");
    fm_protocol skip =
        protocol_of(&fm_grader_choice, "{\"extract\": \"letter_word\", \"unparsed\": \"skip\"}");
    fm_grade grade = graded(&zero, &side, "on the left side");

    cr_assert(eq(int, grade.status, FM_SAMPLE_PARSE_ERROR));
    cr_assert(eq(str, (char *)grade.reason, "first word is no letter"));
    cr_assert(eq(dbl, number(&zero, &grade, "accuracy"), 0));
    cr_assert(eq(dbl, number(&zero, &grade, "extracted"), 0));
    grade = graded(&skip, &side, "on the left side");
    cr_assert(eq(int, value(&skip, &grade, "accuracy")->kind, FM_VALUE_ABSENT));
    cr_assert(eq(str, (char *)skip.policy, "skip"));
    grade = graded(&zero, &side, NULL);
    cr_assert(eq(int, grade.status, FM_SAMPLE_TIMEOUT));
    cr_assert(eq(dbl, number(&zero, &grade, "accuracy"), 0));
}

Test(graders, a_stored_judgement_decides_what_the_rule_leaves_open)
{
    fm_protocol stored = protocol_of(&fm_grader_choice,
                                     "{\"extract\": \"letter_tokens\", \"judgement\": \"stored\"}");
    fm_protocol alone = protocol_of(&fm_grader_choice, "{\"extract\": \"letter_tokens\"}");
    fm_sample sample = side;

    sample.judgement = "(B)";
    cr_assert(eq(dbl, score(&stored, &sample, "to the right", "accuracy"), 1));
    cr_assert(eq(dbl, score(&stored, &sample, "to the right", "judged"), 1));
    cr_assert(eq(dbl, score(&stored, &sample, "to the right", "extracted"), 0));
    /* What the rule decides, it decides. */
    cr_assert(eq(dbl, score(&stored, &sample, "(A)", "accuracy"), 0));
    cr_assert(eq(dbl, score(&stored, &sample, "(A)", "judged"), 0));
    cr_assert(eq(dbl, score(&alone, &sample, "to the right", "accuracy"), 0));
    sample.judgement = "(Z) none of them";
    fm_grade grade = graded(&stored, &sample, "to the right");
    cr_assert(eq(int, grade.status, FM_SAMPLE_PARSE_ERROR));
}

/* Embodied-R1: the letter anywhere in the answer tag ("A" in "And"), or the option's text. */
Test(graders, a_choice_may_be_compared_without_reading_a_letter)
{
    fm_protocol occurs = protocol_of(&fm_grader_choice, "{\"extract\": \"letter_occurs\"}");
    fm_protocol text = protocol_of(&fm_grader_choice, "{\"extract\": \"text_occurs\"}");

    cr_assert(eq(dbl, score(&occurs, &side, "<answer>By the wall</answer>", "accuracy"), 1));
    cr_assert(eq(dbl, score(&occurs, &side, "<answer>right</answer>", "accuracy"), 1));
    cr_assert(eq(dbl, score(&occurs, &side, "<answer>(A)</answer>", "accuracy"), 0));
    cr_assert(eq(dbl, score(&occurs, &side, "B", "accuracy"), 0)); /* no tag */
    cr_assert(eq(dbl, score(&text, &side, "<answer>it is right</answer>", "accuracy"), 1));
}

Test(graders, rules_with_a_slip_are_refused)
{
    refuses(&fm_grader_choice, "{\"extract\": \"letter_frist\"}",
            "suite.yaml: 'extract' cannot be 'letter_frist'; did you mean 'letter_first'?");
    refuses(&fm_grader_choice, "{\"extrct\": \"letter_first\"}",
            "suite.yaml: unknown rule 'extrct'; did you mean 'extract'?");
    refuses(&fm_grader_choice, "{\"name\": \"made\"}", "suite.yaml: 'extract' is missing");
    refuses(&fm_grader_choice, "{\"extract\": \"letter_word\", \"unparsed\": \"half\"}",
            "suite.yaml: 'unparsed' must be one of zero, skip");
    refuses(&fm_grader_yesno, "{\"extract\": 1}",
            "suite.yaml: 'extract' must be one of prefix, last_line");
}

/* ---- yes or no ---- */

Test(graders, yes_and_no_are_read_by_prefix_or_in_the_last_line)
{
    static const fm_sample yes = {.id = "1", .kind = FM_ANSWER_YESNO, .truth.yesno = {.yes = true}};
    fm_protocol prefix = protocol_of(&fm_grader_yesno, "{\"extract\": \"prefix\"}");
    fm_protocol line = protocol_of(&fm_grader_yesno, "{\"extract\": \"last_line\"}");

    cr_assert(eq(dbl, score(&prefix, &yes, "Yes, it fits.", "accuracy"), 1));
    cr_assert(eq(dbl, score(&prefix, &yes, "It fits: yes", "accuracy"), 0));
    cr_assert(eq(dbl, score(&prefix, &yes, "nothing is there", "extracted"), 1)); /* "no" */
    cr_assert(eq(dbl, score(&line, &yes, "no idea\nIt fits: yes", "accuracy"), 1));
    cr_assert(eq(dbl, score(&line, &yes, "yes, I know", "extracted"), 0));
}
