#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answers/answers_internal.h"
#include "base/rng.h"
#include "base/size.h"
#include "fathom/answers.h"

static fm_trace_answer answer;

static void release(void)
{
    fm_trace_answer_release(&answer);
}

TestSuite(answers_tuples, .fini = release);

static void parse(const char *text)
{
    cr_assert(fm_answers_parse_trace(FM_ANSWERS_TUPLES, text, text ? strlen(text) : 0, &answer,
                                     NULL) == FM_OK);
}

/* What the pattern takes: the number of points, the columns, and the first point in thousandths
 * and metres. */
Test(answers_tuples, matches_what_the_upstream_pattern_matches)
{
    static const struct {
        const char *text;
        size_t n;
        int columns;
        double x, y, d;
    } table[] = {
        {"[(669, 491, 1.745), (575, 226, 1.513)]", 2, 3, 669, 491, 1.745},
        {"[(669, 491)]", 1, 2, 669, 491, NAN},
        {"(1,2)", 1, 2, 1, 2, NAN},
        {"(1, \t\n 2)", 1, 2, 1, 2, NAN},
        {"(+535, -860, +1.25)", 1, 3, 535, -860, 1.25},
        {"(5., 6.)", 1, 2, 5, 6, NAN},
        {"(007, 08)", 1, 2, 7, 8, NAN},
        {"(1,2,3,4,5)", 1, 3, 1, 2, 3},
        {"(1,2)(3,4)", 2, 2, 1, 2, NAN},
        {"((1,2),(3,4))", 2, 2, 1, 2, NAN},
        {"(1,(2,3)", 1, 2, 2, 3, NAN},
        {"(1, 2(3, 4)", 1, 2, 3, 4, NAN},
        {"<think>(100, 200, 1.5)</think>(10, 20)", 2, 3, 100, 200, 1.5},
        {"(341.25, 760.75)", 1, 2, 341.25, 760.75, NAN},
        {"(1\xE2\x80\x83, 2)(3,\xC2\xA0"
         "4)",
         1, 2, 3, 4, NAN},
        {"(\xEF\xBC\x91\xEF\xBC\x92, \xD9\xA3)", 1, 2, 12, 3, NAN},
        /* what it does not take */
        {"( 1, 2)", 0, 2, 0, 0, 0},
        {"(1, 2 )", 0, 2, 0, 0, 0},
        {"(1 , 2)", 0, 2, 0, 0, 0},
        {"(.5, 1)", 0, 2, 0, 0, 0},
        {"(1, .5)", 0, 2, 0, 0, 0},
        {"(1e1, 2)", 0, 2, 0, 0, 0},
        {"(--1, 2)", 0, 2, 0, 0, 0},
        {"(- 1, 2)", 0, 2, 0, 0, 0},
        {"(1..2, 2)", 0, 2, 0, 0, 0},
        {"(1,, 2)", 0, 2, 0, 0, 0},
        {"(1, 2,)", 0, 2, 0, 0, 0},
        {"(1, 2", 0, 2, 0, 0, 0},
        {"(1", 0, 2, 0, 0, 0},
        {"(", 0, 2, 0, 0, 0},
        {"()", 0, 2, 0, 0, 0},
        {"(see 2)", 0, 2, 0, 0, 0},
        {"(2)", 0, 2, 0, 0, 0},
        {"[[1, 2], [3, 4]]", 0, 2, 0, 0, 0},
        {"(0x10, 2)", 0, 2, 0, 0, 0},
        {"(nan, inf)", 0, 2, 0, 0, 0},
        {"   \n", 0, 2, 0, 0, 0},
        {"", 0, 2, 0, 0, 0},
        {NULL, 0, 2, 0, 0, 0},
    };

    for (size_t i = 0; i < FM_COUNT_OF(table); i++) {
        parse(table[i].text);
        cr_assert(answer.n == table[i].n && answer.columns == table[i].columns,
                  "'%s': %zu points of %d", table[i].text, answer.n, answer.columns);
        cr_assert(answer.shape == (table[i].n ? FM_TRACE_POINTS : FM_TRACE_NONE));
        cr_assert(answer.raises == NULL);
        if (table[i].n == 0)
            continue;
        const double *p = answer.points[0];
        cr_assert(p[0] == (float)(table[i].x / 1000) && p[1] == (float)(table[i].y / 1000),
                  "'%s': %.17g %.17g", table[i].text, p[0], p[1]);
        cr_assert(isnan(table[i].d) ? isnan(p[2]) : p[2] == (float)table[i].d, "'%s': %g",
                  table[i].text, p[2]);
    }
}

Test(answers_tuples, a_point_without_depth_among_others_gets_nan)
{
    parse("[(797, 505), (811, 529, 2.339)]");
    cr_assert(answer.n == 2 && answer.columns == 3);
    cr_assert(isnan(answer.points[0][2]) && answer.points[1][2] == (float)2.339);
}

Test(answers_tuples, coordinates_are_rounded_to_six_decimals_and_then_to_float)
{
    /* As fractions of 1000 the halves lie a little below, above and below their ties; Python's
     * round() decides by the exact binary value. */
    parse("(669, 0.0005)(123.4565, 1.0005)");
    cr_assert(answer.points[0][0] == 0.6690000295639038);
    cr_assert(answer.points[0][1] == 0.0);
    cr_assert(answer.points[1][0] == (float)0.123457);
    cr_assert(answer.points[1][1] == (float)0.001);
}

Test(answers_tuples, digits_without_end_become_infinite)
{
    char text[1024] = "(1";

    memset(text + 2, '0', 400);
    strcpy(text + 402, ", 2, 3)");
    parse(text);
    cr_assert(answer.n == 1 && isinf(answer.points[0][0]) && answer.points[0][2] == 3);
}

Test(answers_tuples, bytes_of_any_kind_are_text)
{
    static const char text[] = "\0(1,2)\xFF(3,\0 4)(5,6)\xC0\x80";

    cr_assert(fm_answers_parse_trace(FM_ANSWERS_TUPLES, text, sizeof(text) - 1, &answer, NULL) ==
              FM_OK);
    cr_assert(answer.n == 2 && answer.points[1][0] == (float)0.005);
}

Test(answers_tuples, more_points_than_any_trace_has_are_cut)
{
    size_t n = FM_TRACE_MAX_POINTS + 10;
    char *text = malloc(n * 5 + 1);

    cr_assert(text != NULL);
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * 5, "(1,2)", 5);
    cr_assert(fm_answers_parse_trace(FM_ANSWERS_TUPLES, text, n * 5, &answer, NULL) == FM_OK);
    free(text);
    cr_assert(answer.n == FM_TRACE_MAX_POINTS && answer.cut);
    parse("(1,2)");
    cr_assert(answer.n == 1 && !answer.cut);
}

/* A pattern that went back and forth would need hours for these eight megabytes each. */
Test(answers_tuples, time_is_linear_in_hostile_replies, .timeout = 60)
{
    static const char *const units[] = {"(1,1,1,", "(", "(1", "1", "(+", "(1,\n", "(1.", "(((1,1)"};
    size_t size = (size_t)8 << 20;
    char *text = malloc(size);

    cr_assert(text != NULL);
    for (size_t u = 0; u < FM_COUNT_OF(units); u++) {
        size_t n = strlen(units[u]);

        for (size_t i = 0; i < size; i++)
            text[i] = i == 0 ? '(' : units[u][i % n];
        cr_assert(fm_answers_parse_trace(FM_ANSWERS_TUPLES, text, size, &answer, NULL) == FM_OK);
    }
    free(text);
}

Test(answers_tuples, random_replies_of_any_length_end_in_a_stated_shape)
{
    static const char alphabet[] = "(((()),,,  01234.+-\n\xC2\xA0\xFF\0e";
    char text[512];
    fm_rng rng;

    fm_rng_seed(&rng, 20251122);
    for (int round = 0; round < 20000; round++) {
        size_t size = fm_rng_below(&rng, sizeof(text));
        bool any = round % 4 == 0;

        for (size_t i = 0; i < size; i++)
            text[i] =
                any ? (char)fm_rng_next(&rng) : alphabet[fm_rng_below(&rng, sizeof(alphabet))];
        cr_assert(fm_answers_parse_trace(FM_ANSWERS_TUPLES, text, size, &answer, NULL) == FM_OK);
        cr_assert((answer.n > 0) == (answer.shape == FM_TRACE_POINTS));
        cr_assert(answer.columns == 2 || answer.columns == 3);
        for (size_t i = 0; i < answer.n; i++)
            cr_assert(!isnan(answer.points[i][0]) && !isnan(answer.points[i][1]));
    }
}

Test(answers_tuples, each_point_knows_where_it_was_read)
{
    static const char text[] = "near (no) it: (1, 2), then (3,4, 0.5).";

    cr_assert(fm_answers_parse_trace(FM_ANSWERS_TUPLES, text, strlen(text), &answer, NULL) ==
              FM_OK);
    cr_assert(answer.n == 2);
    cr_expect(answer.read[0].size == 6 && memcmp(answer.read[0].text, "(1, 2)", 6) == 0);
    cr_expect(answer.read[1].text == text + 27 && answer.read[1].size == 10);
}

Test(answers, families_are_known_by_name)
{
    fm_answers_family family;

    cr_assert(fm_answers_family_from_name("json", &family) && family == FM_ANSWERS_JSON);
    cr_assert(fm_answers_family_from_name("tuples", &family) && family == FM_ANSWERS_TUPLES);
    cr_assert(!fm_answers_family_from_name("yaml", &family));
    cr_assert(strcmp(fm_answers_family_name(FM_ANSWERS_JSON), "json") == 0);
}

/* Metres stand as they are written, and are placed by the camera. */
Test(answers, points_in_space_lie_where_the_camera_sees_them)
{
    static const char text[] = "[(0.5, -0.25, 2.000), (-1, 0, -1)]";
    const fm_camera camera = {.fx = 100, .fy = 200, .cx = 64, .cy = 48};

    cr_assert(fm_answers_parse_trace(FM_ANSWERS_XYZ, text, strlen(text), &answer, NULL) == FM_OK);
    cr_assert(answer.n == 2);
    cr_expect(answer.points[0][0] == 0.5 && answer.points[0][1] == -0.25);
    fm_trace_answer_place(&answer, &camera, 128, 96);
    cr_expect(answer.points[0][0] == 89.0 / 128 && answer.points[0][1] == 23.0 / 96);
    cr_expect(answer.points[0][2] == 2);
    cr_expect(answer.points[1][0] < -1e3); /* behind the camera */
}

Test(answers, a_point_of_two_numbers_is_nowhere_in_space)
{
    static const char text[] = "(0.1, 0.2, 1.0), (0.1, 0.2)";
    const fm_camera camera = {.fx = 1, .fy = 1};

    cr_assert(fm_answers_parse_trace(FM_ANSWERS_XYZ, text, strlen(text), &answer, NULL) == FM_OK);
    fm_trace_answer_place(&answer, &camera, 1, 1);
    cr_expect(answer.n == 0 && answer.shape == FM_TRACE_NONE);
}

/* The short ways give what the C library gives by the long ones. */
Test(tuples, decimals_and_their_rounding_are_exact)
{
    fm_buf token = {0};
    char text[40];
    fm_rng rng;

    fm_rng_seed(&rng, 5);
    for (int i = 0; i < 50000; i++) {
        int before = (int)fm_rng_below(&rng, 9), behind = (int)fm_rng_below(&rng, 9);
        double value = fm_rng_unit(&rng) * 2 - 1;

        for (int k = 0; k < before; k++)
            value *= 10;
        fm_buf_clear(&token);
        fm_buf_printf(&token, "%.*f", behind, value);
        cr_assert(fm_answers_decimal(&token) == strtod(fm_buf_text(&token), NULL), "%s",
                  fm_buf_text(&token));
        value = strtod(fm_buf_text(&token), NULL) / 1000;
        snprintf(text, sizeof(text), "%.6f", value);
        cr_assert(fm_answers_round6(value) == strtod(text, NULL), "%.17g", value);
        value = (floor(value) + (double)(i % 1000) / 1000) / 1e3 + 0.5e-6; /* by the ties */
        snprintf(text, sizeof(text), "%.6f", value);
        cr_assert(fm_answers_round6(value) == strtod(text, NULL), "%.17g", value);
    }
    fm_buf_release(&token);
}
