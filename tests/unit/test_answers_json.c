#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/rng.h"
#include "base/size.h"
#include "fathom/answers.h"

static fm_trace_answer answer;

static void release(void)
{
    fm_trace_answer_release(&answer);
}

TestSuite(answers_json, .fini = release);

static void parse(const char *text)
{
    cr_assert(fm_answers_parse_trace(FM_ANSWERS_JSON, text, strlen(text), &answer, NULL) == FM_OK);
}

/* The first points in thousandths, as "x,y,d x,y" text, so that order and columns show in one
 * string. */
static const char *shown(void)
{
    static char out[256];
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < answer.n && used < 200; i++) {
        const double *p = answer.points[i];

        used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%g,%g", i ? " " : "",
                                 p[0] * 1000, p[1] * 1000);
        if (answer.columns == 3)
            used += (size_t)snprintf(out + used, sizeof(out) - used, ",%g", p[2]);
    }
    return out;
}

/* The fence: which text is read at all. */
Test(answers_json, only_the_first_block_with_a_newline_is_read)
{
    static const struct {
        const char *text;
        fm_trace_shape shape;
        const char *points;
    } table[] = {
        {"```json\n[[1, 2, 3]]\n```", FM_TRACE_POINTS, "1,2,3"},
        {"```\n[[1, 2, 3]]\n```", FM_TRACE_POINTS, "1,2,3"},
        {"text ```json5\n[[1, 2]]``` more ``` text", FM_TRACE_POINTS, "1,2"},
        {"````json\n[[1, 2]]\n````", FM_TRACE_POINTS, "1,2"},
        {"``` ```\n[[1, 2]]\n```", FM_TRACE_POINTS, "1,2"},
        {"```json [[3, 4]]\n```\n[[1, 2]]\n```", FM_TRACE_POINTS, "1,2"},
        {"```\n\xC2\xA0\xE3\x80\x80 [[1, 2]] \xE2\x80\xA8\n```", FM_TRACE_POINTS, "1,2"},
        {"First:\n```json\n{\"note\": 1}\n```\nThen:\n```json\n[[1, 2]]\n```", FM_TRACE_FLAT_NONE,
         ""},
        {"```json [[1, 2]]```", FM_TRACE_NONE, ""},
        {"```json \n[[1, 2]]\n```", FM_TRACE_NONE, ""},
        {"```json\r\n[[1, 2]]\r\n```", FM_TRACE_NONE, ""},
        {"[[1, 2]]", FM_TRACE_NONE, ""},
        {"```json\n[[1, 2]]", FM_TRACE_NONE, ""},
        {"```json\n[[1, 2]]``", FM_TRACE_NONE, ""},
        {"```\n```", FM_TRACE_NONE, ""},
        {"```", FM_TRACE_NONE, ""},
        {"", FM_TRACE_NONE, ""},
    };

    for (size_t i = 0; i < FM_COUNT_OF(table); i++) {
        parse(table[i].text);
        cr_assert(answer.shape == table[i].shape, "'%s': shape %d", table[i].text,
                  (int)answer.shape);
        cr_assert(strcmp(shown(), table[i].points) == 0, "'%s': %s", table[i].text, shown());
        if (answer.shape == FM_TRACE_NONE)
            cr_assert(answer.columns == 3);
    }
}

/* What stands in the block: NULL where Python's reader refuses it, else the points in their
 * order. */
Test(answers_json, reads_json_as_python_does)
{
    static const struct {
        const char *json, *points;
    } table[] = {
        {"[[669, 491, 1.745], [575, 226, 1.513]]", "669,491,1.745 575,226,1.513"},
        {"[1, 2, 3]", "1,2,3"},
        {"[1, 2]", "1,2"},
        {"[1]", ""},
        {"[1, 2, 3, 4]", ""},
        {"[]", ""},
        {"{}", ""},
        {"7", ""},
        {"\"text\"", ""},
        {"null", ""},
        {"[[true, false], [1, 2]]", "1,0 1,2"},
        {"[[1, null], [1, 2]]", "1,2"},
        {"[[1, \"2\"], [3, 4]]", "3,4"},
        {"[[[1, 2], [3, 4]], [[5, 6]]]", "1,2 3,4 5,6"},
        {"[1, [2, 3]]", "2,3"},
        {"[{\"point_2d\": [1, 2], \"label\": \"a\"}, {\"point_2d\": [3, 4]}]", "1,2 3,4"},
        {"{\"t\": {\"deep\": [[1, 2]]}, \"u\": [3, 4]}", "1,2 3,4"},
        {" \t\r\n[ [ 1 ,\n2 ] , [3,4] ]", "1,2 3,4"},
        {"[[-1.5e1, 2E+2, 1e-3]]", "-15,200,0.001"},
        {"[[-0, 0.0]]", "0,0"},
        {"[[1e999, 2, -Infinity]]", "inf,2,-inf"},
        {"[[Infinity, NaN, 1]]", "inf,nan,1"},
        {"{\"a\\u0062\\n\\/\\\"\": [1, 2]}", "1,2"},
        {"[\"\\ud83d\\ude00 \\ud83d \\ude00\", [1, 2]]", "1,2"},
        {"[\"\xF0\x9F\x98\x80\x7F\xFF\", [1, 2]]", "1,2"},
        /* duplicate keys: the last value in the place of the first */
        {"{\"a\": [1, 2], \"b\": [3, 4], \"a\": [5, 6]}", "5,6 3,4"},
        {"{\"a\": [1, 2], \"\\u0061\": [5, 6]}", "5,6"},
        {"{\"a\": [[1, 2], [3, 4]], \"b\": [5, 6], \"a\": 0}", "5,6"},
        {"{\"\": [1, 2], \"b\": {\"c\": [3, 4], \"c\": [7, 8]}, \"\": {\"b\": [5, 6]}}", "5,6 7,8"},
        {"{\"a\": [1, 2], \"ab\": [3, 4]}", "1,2 3,4"},
        {"{\"\\ud83d\\ude00\": [1, 2], \"\xF0\x9F\x98\x80\": [3, 4]}", "3,4"},
        /* refused */
        {"[[1, 2],]", NULL},
        {"[[1, 2], ]", NULL},
        {"[, [1, 2]]", NULL},
        {"{\"a\": [1, 2],}", NULL},
        {"{a: [1, 2]}", NULL},
        {"{'a': [1, 2]}", NULL},
        {"{\"a\" [1, 2]}", NULL},
        {"{1: [1, 2]}", NULL},
        {"[[1, 2]", NULL},
        {"[[1, 2]]]", NULL},
        {"[[1, 2]] text", NULL},
        {"[[1, 2]] [[3, 4]]", NULL},
        {"[[1., 2]]", NULL},
        {"[[.5, 2]]", NULL},
        {"[[01, 2]]", NULL},
        {"[[+1, 2]]", NULL},
        {"[[-, 2]]", NULL},
        {"[[1e, 2]]", NULL},
        {"[[0x10, 2]]", NULL},
        {"[[1 2]]", NULL},
        {"[[1, 2] // note\n]", NULL},
        {"[\"a\nb\", [1, 2]]", NULL},
        {"[\"\\x41\", [1, 2]]", NULL},
        {"[\"\\u12g4\", [1, 2]]", NULL},
        {"[\"\\u12\", [1, 2]]", NULL},
        {"[\"open, [1, 2]]", NULL},
        {"[True, False]", NULL},
        {"[nan, inf]", NULL},
        {"[-NaN, 1]", NULL},
        {"tru", NULL},
        {"\xEF\xBB\xBF[[1, 2]]", NULL},
        {"[[1,\xC2\xA0"
         "2]]",
         NULL},
        {"[[1,\f2]]", NULL},
        {"", NULL},
    };
    char text[512];

    for (size_t i = 0; i < FM_COUNT_OF(table); i++) {
        snprintf(text, sizeof(text), "```json\n%s\n```", table[i].json);
        parse(text);
        const char *expected = table[i].points ? table[i].points : "";
        fm_trace_shape shape = !table[i].points   ? FM_TRACE_NONE
                               : expected[0] == 0 ? FM_TRACE_FLAT_NONE
                                                  : FM_TRACE_POINTS;
        cr_assert(answer.shape == shape, "'%s': shape %d", table[i].json, (int)answer.shape);
        cr_assert(strcmp(shown(), expected) == 0, "'%s': %s", table[i].json, shown());
    }
}

static void parse_repeated(const char *before, const char *unit, size_t n, const char *after)
{
    fm_buf text = {0};

    fm_buf_puts(&text, "```json\n");
    fm_buf_puts(&text, before);
    for (size_t i = 0; i < n; i++)
        fm_buf_puts(&text, unit);
    fm_buf_puts(&text, after);
    fm_buf_puts(&text, "\n```");
    cr_assert(fm_answers_parse_trace(FM_ANSWERS_JSON, fm_buf_text(&text), text.size, &answer,
                                     NULL) == FM_OK);
    fm_buf_release(&text);
}

Test(answers_json, says_where_upstream_raises)
{
    cr_assert(fm_answers_parse_trace(FM_ANSWERS_JSON, NULL, 0, &answer, NULL) == FM_OK);
    cr_assert(answer.shape == FM_TRACE_RAISES && strcmp(answer.raises, "TypeError") == 0);

    parse("```json\n[[1, 2], [1, 2, 3]]\n```");
    cr_assert(answer.shape == FM_TRACE_RAISES && strcmp(answer.raises, "ValueError") == 0 &&
              answer.n == 0);

    parse_repeated("[[1", "0", 400,
                   ", 2]]"); /* an int that no double holds; 1e400 would be infinite */
    cr_assert(answer.shape == FM_TRACE_RAISES && strcmp(answer.raises, "OverflowError") == 0);
    parse_repeated("[1, 2, [1", "0", 400, "]]");
    cr_assert(answer.shape == FM_TRACE_FLAT_NONE,
              "a huge number outside of a point is nobody's concern");
    parse_repeated("[1", "0", 4300, "]");
    cr_assert(answer.shape == FM_TRACE_RAISES && strcmp(answer.raises, "ValueError") == 0);

    parse("```json\n[[1, 2]]\n```");
    cr_assert(answer.shape == FM_TRACE_POINTS && answer.raises == NULL);
}

/* The first depth at which CPython 3.11 raises below upstream's three frames: 993. */
Test(answers_json, nesting_past_pythons_limit_raises)
{
    char *deep = malloc(2 * 992 + 1);

    cr_assert(deep != NULL);
    memset(deep, '[', 992);
    memset(deep + 992, ']', 992);
    deep[2 * 992] = '\0';
    parse_repeated("", deep, 1, "");
    cr_assert(answer.shape == FM_TRACE_FLAT_NONE);
    parse_repeated("[", deep, 1, "]");
    cr_assert(answer.shape == FM_TRACE_RAISES && strcmp(answer.raises, "RecursionError") == 0);
    free(deep);

    parse_repeated("", "[", 1000000, "");
    cr_assert(answer.shape == FM_TRACE_RAISES);
    parse_repeated("", "{\"a\":", 1000000, "");
    cr_assert(answer.shape == FM_TRACE_RAISES);
    parse_repeated("[1.5.5, ", "[", 1000000,
                   ""); /* a mistake before the depth is met comes first */
    cr_assert(answer.shape == FM_TRACE_NONE);
}

Test(answers_json, more_points_than_any_trace_has_are_cut)
{
    parse_repeated("[[1,2]", ",[1,2]", FM_TRACE_MAX_POINTS + 10, "]");
    cr_assert(answer.n == FM_TRACE_MAX_POINTS && answer.cut);
}

Test(answers_json, time_is_linear_in_hostile_replies, .timeout = 60)
{
    static const struct {
        const char *before, *unit, *after;
    } table[] = {
        {"[", "1,", "1]"},
        {"[", "[1,1],", "0]"},
        {"", "```", ""},
        {"", "``", ""},
        {"\"", "\\u0041", "\""},
        {"{\"a\":0", ",\"a\":[1,2]", "}"},
        {"", "1", ""},
        {"1.", "1", ""},
        {"", "\xC2\xA0", ""},
        {"", "```json", ""},
        {"[", "{\"a\":[1,2],\"a\":", ""},
    };

    for (size_t i = 0; i < FM_COUNT_OF(table); i++)
        parse_repeated(table[i].before, table[i].unit, ((size_t)8 << 20) / strlen(table[i].unit),
                       table[i].after);
}

Test(answers_json, random_replies_of_any_length_end_in_a_stated_shape)
{
    static const char *const tokens[] = {
        "[",       "]",           "{",     "}",     ",",           ":",    "1",        "-",
        ".5",      "e3",          "\"a\"", "\"b\"", "\"\\u0061\"", "true", "NaN",      "[1,2]",
        "[1,2,3]", "\"a\":[3,4]", " ",     "\n",    "```",         "\xFF", "```json\n"};
    fm_buf text = {0};
    fm_rng rng;

    fm_rng_seed(&rng, 20251122);
    for (int round = 0; round < 20000; round++) {
        size_t n = fm_rng_below(&rng, 60);

        fm_buf_clear(&text);
        if (round % 8)
            fm_buf_puts(&text, "```json\n[");
        for (size_t i = 0; i < n; i++) {
            if (round % 5 == 0)
                fm_buf_putc(&text, (char)fm_rng_next(&rng));
            else
                fm_buf_puts(&text, tokens[fm_rng_below(&rng, FM_COUNT_OF(tokens))]);
        }
        fm_buf_puts(&text, "]\n```");
        cr_assert(fm_answers_parse_trace(FM_ANSWERS_JSON, fm_buf_text(&text), text.size, &answer,
                                         NULL) == FM_OK);
        cr_assert((answer.n > 0) == (answer.shape == FM_TRACE_POINTS));
        cr_assert((answer.raises != NULL) == (answer.shape == FM_TRACE_RAISES));
    }
    fm_buf_release(&text);
}
