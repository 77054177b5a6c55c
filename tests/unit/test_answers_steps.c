/* The steps of a reply's reasoning, as models write them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "fathom/steps.h"

static fm_arena arena;

static fm_steps read(fm_steps_dialect dialect, const char *text)
{
    fm_steps steps;

    cr_assert(eq(int, fm_steps_read(dialect, fm_span_of(text), &arena, &steps, NULL), FM_OK));
    return steps;
}

static void expect_span(fm_span span, const char *text)
{
    char copy[256];

    snprintf(copy, sizeof(copy), "%.*s", (int)span.size, span.text ? span.text : "");
    cr_expect(eq(str, copy, (char *)text));
}

static void release(void)
{
    fm_arena_release(&arena);
}

TestSuite(steps, .fini = release);

Test(steps, lines_of_the_paper_are_read_with_their_parts)
{
    const char *text = "<think>\n"
                       "[Scale] [Scene]: 2.406\n"
                       "[Referring] [the watering can]: [(179, 789, 0.941)]\n"
                       "[Measuring] [the watering can]: 10.4 centimeters\n"
                       "</think><answer>[(1, 2, 3)]</answer>";
    fm_steps s = read(FM_STEPS_ROBOTRACER, text);

    cr_assert(eq(sz, s.n, 3));
    cr_expect(eq(sz, s.bracketed, 3));
    cr_expect(eq(int, s.items[0].kind, FM_STEP_SCALE));
    cr_expect(eq(dbl, s.items[0].numbers[0], 2.406));
    cr_expect(eq(int, s.items[1].kind, FM_STEP_REFERRING));
    cr_expect(eq(int, s.items[1].value_kind, FM_STEP_POINT3));
    cr_expect(eq(dbl, s.items[1].numbers[0], 0.179));
    cr_expect(eq(dbl, s.items[1].numbers[2], 0.941));
    expect_span(s.items[1].type, "Referring");
    expect_span(s.items[1].target, "the watering can");
    expect_span(s.items[1].value, "[(179, 789, 0.941)]");
    expect_span(s.items[1].text, "[Referring] [the watering can]: [(179, 789, 0.941)]");
    cr_expect(eq(int, s.items[2].value_kind, FM_STEP_LENGTH));
    cr_expect(epsilon_eq(dbl, s.items[2].numbers[0], 0.104, 1e-12));
    for (size_t i = 0; i < s.n; i++)
        cr_expect(s.items[i].fault == NULL, "%s", s.items[i].fault);
}

Test(steps, spans_lie_in_the_reply)
{
    const char *text = "<think>[Referring] [a]: [(1, 2, 3.000)]</think>";
    fm_steps s = read(FM_STEPS_ROBOTRACER, text);

    cr_assert(eq(sz, s.n, 1));
    cr_expect(eq(ptr, (void *)s.items[0].text.text, (void *)(text + strlen("<think>"))));
}

Test(steps, several_on_one_line_are_told_apart)
{
    fm_steps s =
        read(FM_STEPS_ROBOTRACER, "1. [Scale] [Scene]: 1.000 -> [Referring] [cup]: [(5,6,0.700)]; "
                                  "[Measuring] [cup]: 9 cm.");

    cr_assert(eq(sz, s.n, 3));
    expect_span(s.items[2].value, "9 cm");
    cr_expect(eq(dbl, s.items[1].numbers[2], 0.7));
}

Test(steps, older_forms_count_from_0_to_1_and_in_metres)
{
    fm_steps s = read(FM_STEPS_ROBOREFER, "<think>[Position] [the cup]: [(0.512, 0.433)]\n"
                                          "[Size] [the cup]: 0.12\n"
                                          "[Orientation] [the cup]: [(0, 0.6, 0.8)]</think>");

    cr_assert(eq(sz, s.n, 3));
    cr_expect(eq(int, s.items[0].kind, FM_STEP_REFERRING));
    cr_expect(eq(int, s.items[0].value_kind, FM_STEP_POINT2));
    cr_expect(eq(dbl, s.items[0].numbers[0], 0.512));
    cr_expect(isnan(s.items[0].numbers[2]));
    cr_expect(eq(int, s.items[1].value_kind, FM_STEP_LENGTH));
    cr_expect(eq(dbl, s.items[1].numbers[0], 0.12));
    cr_expect(eq(int, s.items[2].value_kind, FM_STEP_VECTOR));
    for (size_t i = 0; i < s.n; i++)
        cr_expect(s.items[i].fault == NULL, "%s", s.items[i].fault);
}

typedef struct {
    char line[80], fault[48];
    int kind, value; /* -1: no step at all */
} malformed;

ParameterizedTestParameters(steps, what_a_step_lacks_is_said)
{
    static malformed cases[] = {
        {"[Referring] cup: [(1, 2, 0.500)]", "a target without brackets", 0, FM_STEP_POINT3},
        {"[Referring] [cup] [(1, 2, 0.500)]", "no colon behind its target", 0, FM_STEP_POINT3},
        {"[Referring] []: [(1, 2, 0.500)]", "no target", 0, FM_STEP_POINT3},
        {"[Referring] [cup]: over there", "no point", 0, FM_STEP_NO_VALUE},
        {"[Referring] [cup]", "no colon behind its target", 0, FM_STEP_NO_VALUE},
        {"[Referring] [cup]: [(1, 2)]", "a point that is not (u, v, d)", 0, FM_STEP_POINT2},
        {"[Referring] [cup]: [(1, 2, 0.5)]", "a depth without three decimals", 0, FM_STEP_POINT3},
        {"[Referring] [cup]: [(1.5, 2, 0.500)]", "u and v that are not whole numbers", 0,
         FM_STEP_POINT3},
        {"[Referring] [cup]: [(1, 2000, 0.500)]", "a point outside the picture", 0, FM_STEP_POINT3},
        {"[Referring] [cup]: [(1, 2, 0.500), (3, 4, 0.500)]", "more than one point", 0,
         FM_STEP_POINT3},
        {"[Measuring] [cup]: 12", "no unit", 1, FM_STEP_NUMBER},
        {"[Measuring] [cup]: tall", "no number", 1, FM_STEP_NO_VALUE},
        {"[Scale] [Scene]: 2.4", "a scale without three decimals", 2, FM_STEP_NUMBER},
        {"[Scale] [room]: 2.400", "a target that is not Scene", 2, FM_STEP_NUMBER},
        {"[Orientation] [cup]: [(3, 4, 0)]", "a direction that is no unit vector", 3,
         FM_STEP_VECTOR},
        {"- [Guessing] [cup]: [(1, 2, 0.500)]", "an unknown type", 4, FM_STEP_NO_VALUE},
        {"[see] the cup, [1] and [2]", "", -1, 0},
        {"I look at it.", "", -1, 0},
    };

    return cr_make_param_array(malformed, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(malformed *c, steps, what_a_step_lacks_is_said)
{
    fm_steps s = read(FM_STEPS_ROBOTRACER, c->line);

    cr_assert(eq(sz, s.n, c->kind >= 0), "%s", c->line);
    if (c->kind < 0)
        return;
    cr_expect(eq(int, s.items[0].kind, c->kind), "%s", c->line);
    cr_expect(eq(int, s.items[0].value_kind, c->value), "%s", c->line);
    cr_expect(eq(str, (char *)s.items[0].fault, c->fault), "%s", c->line);
}

Test(steps, prose_with_one_point_or_one_length_is_a_step_of_its_own_kind)
{
    fm_steps s =
        read(FM_STEPS_ROBOTRACER, "1.  **Start (340, 265, 1.9):** the black box on the top shelf.\n"
                                  "It goes from (1, 2, 3) to (4, 5, 6).\n"
                                  "The cup is about 12 cm tall.\n"
                                  "It is 2 m wide and 3 m long.\n"
                                  "```json\n[(7, 8, 9)]\n```\n");

    cr_assert(eq(sz, s.n, 2));
    cr_expect(eq(sz, s.bracketed, 0));
    cr_expect(eq(int, s.items[0].form, FM_STEP_FREE));
    cr_expect(eq(dbl, s.items[0].numbers[2], 1.9));
    cr_expect(eq(int, s.items[1].kind, FM_STEP_MEASURING));
    cr_expect(epsilon_eq(dbl, s.items[1].numbers[0], 0.12, 1e-12));
}

Test(steps, the_answer_holds_none_and_neither_does_what_follows_the_thinking)
{
    cr_expect(eq(sz, read(FM_STEPS_ROBOTRACER, "<answer>[Scale] [Scene]: 1.000</answer>").n, 0));
    cr_expect(eq(sz, read(FM_STEPS_ROBOTRACER, "<think></think>[Scale] [Scene]: 1.000").n, 0));
    cr_expect(eq(sz, read(FM_STEPS_ROBOTRACER, "<think>[Scale] [Scene]: 1.000").n, 1));
    cr_expect(eq(sz, read(FM_STEPS_ROBOTRACER, NULL).n, 0));
}

Test(steps, a_flood_of_them_is_cut)
{
    static char text[FM_STEPS_MAX * 32];
    size_t n = 0;

    for (int i = 0; i < FM_STEPS_MAX + 1; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "[Scale] [Scene]: 1.000\n");
    fm_steps s = read(FM_STEPS_ROBOTRACER, text);
    cr_expect(eq(sz, s.n, FM_STEPS_MAX));
    cr_expect(eq(int, s.cut, true));
}

/* ---- the parts of a reply ---- */

typedef struct {
    char text[96], think[32], answer[32];
    int closed, whole; /* both blocks closed */
} split;

ParameterizedTestParameters(steps, the_parts_of_a_reply)
{
    static split cases[] = {
        {"<think>a</think><answer>b</answer>", "a", "b", 1, 1},
        {" <think>a</think>\n<answer>b</answer>\n", "a", "b", 1, 1},
        {"So: <think>a</think><answer>b</answer>", "a", "b", 1, 0},
        {"<think>a</think> so <answer>b</answer>", "a", "b", 1, 0},
        {"<think>a</think><answer>b</answer> end", "a", "b", 1, 0},
        {"<think>a<answer>b</answer>", "a", "b", 0, 0},
        {"<think>a", "a", "", 0, 0},
        {"<think>a</think><answer>b", "a", "b", 0, 0},
        {"<answer>b</answer><think>a</think>", "a", "", 0, 0},
        {"b", "", "", 0, 0},
    };

    return cr_make_param_array(split, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(split *c, steps, the_parts_of_a_reply)
{
    fm_reply_parts parts = fm_reply_split(fm_span_of(c->text));

    expect_span(parts.think, c->think);
    expect_span(parts.answer, c->answer);
    cr_expect(eq(int, parts.think_closed &&parts.answer_closed, c->closed), "%s", c->text);
    cr_expect(eq(int, parts.whole, c->whole), "%s", c->text);
}

/* ---- names ---- */

static const char *name(const char *text)
{
    static char out[2][FM_STEP_NAME_BYTES];
    static int turn;

    turn = !turn;
    fm_step_name(fm_span_of(text), out[turn]);
    return out[turn];
}

Test(steps, names_are_compared_without_articles_case_and_punctuation)
{
    cr_expect(eq(str, (char *)name("The  Red-Mug, on a table."), " red mug on table "));
    cr_expect(eq(str, (char *)name("the"), " "));
    cr_expect(eq(str, (char *)name("theatre"), " theatre "));
    cr_expect(eq(int, fm_step_names_compare(name("the cup"), name("Cup")), FM_STEP_NAMES_EQUAL));
    cr_expect(
        eq(int, fm_step_names_compare(name("the red cup"), name("cup")), FM_STEP_NAMES_WITHIN));
    cr_expect(eq(int, fm_step_names_compare(name("cup"), name("the red cup")), FM_STEP_NAMES_PART));
    cr_expect(eq(int, fm_step_names_compare(name("cupboard"), name("cup")), FM_STEP_NAMES_DIFFER));
    cr_expect(eq(int, fm_step_names_compare(name(""), name("cup")), FM_STEP_NAMES_DIFFER));
    cr_expect(eq(int, fm_step_names_compare(name("the"), name("a")), FM_STEP_NAMES_DIFFER));
}

Test(steps, a_long_name_is_cut)
{
    static char text[4096], out[FM_STEP_NAME_BYTES];

    memset(text, 'x', sizeof(text) - 1);
    fm_step_name(fm_span_of(text), out);
    cr_expect(eq(sz, strlen(out), FM_STEP_NAME_BYTES - 1));
}
