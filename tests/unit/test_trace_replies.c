/* No shape of a reply makes judging hang: random text of any length, from noise to well-formed,
 * through both parsers and both judges under both rules, against the clock. */
#include <stdio.h>

#include "base/clock.h"
#include "base/rng.h"
#include "trace_fixture.h"

enum { ROUNDS = 600, LONGEST = 1 << 16 };

/* An honest reply takes milliseconds; the longest of these, with thousands of points, far less than
 * a second. The bound leaves room for sanitizers and a busy machine, none for an endless loop. */
#define MOST_SECONDS 10.0

TestSuite(trace_replies, .init = scene_make, .fini = scene_remove);

/* What replies are made of, and what trips parsers: halves of numbers, lone brackets, fences. */
static const char *const pieces[] = {
    "(",       ")",         "[",          "]",
    "{",       "}",         ",",          ", ",
    ".",       "-",         "+",          "e",
    "1e999",   "-1e-999",   "0",          "-0",
    "500",     "1000",      "219.5",      "0.0001",
    "1.25",    "999999999", "NaN",        "Infinity",
    "null",    "true",      "\"",         "\\",
    "\\u0000", "```",       "```json\n",  "\n```",
    "\n",      " ",         "\t",         "\r\n",
    "\xff",    "\xc3\xa9",  "\"points\"", ":",
    "[[",      "]]",        "[(",         ")]",
    "((",      "))",        "(5, 6)",     "(5, 6, 1)",
    "[1,2,3]", "[1, 2]",    "[7,7,0.5]",  "[],",
    "()",      "(,)",       "(1,,2)",     "12345678901234567890",
};

/* One time in four bytes of any value, else pieces; one time in four the same few again and again,
 * which is where quadratic time and deep recursion show. */
static size_t make_reply(fm_rng *rng, char *out)
{
    size_t length = (size_t)1 << fm_rng_below(rng, 17), used = 0;
    unsigned manner = (unsigned)fm_rng_below(rng, 4);
    const char *few[3];

    length = fm_rng_below(rng, length + 1);
    for (size_t i = 0; i < FM_COUNT_OF(few); i++)
        few[i] = pieces[fm_rng_below(rng, FM_COUNT_OF(pieces))];
    if (fm_rng_below(rng, 2))
        used = (size_t)snprintf(out, LONGEST, "```json\n[");
    while (used < length) {
        char byte[2] = {(char)fm_rng_below(rng, 256)};
        const char *piece = manner == 0   ? byte
                            : manner == 1 ? few[fm_rng_below(rng, FM_COUNT_OF(few))]
                                          : pieces[fm_rng_below(rng, FM_COUNT_OF(pieces))];
        size_t n = manner == 0 ? 1 : strlen(piece);

        if (used + n > length)
            break;
        memcpy(out + used, piece, n);
        used += n;
    }
    return used;
}

static void judge(fm_trace_rules rules, fm_answers_family family)
{
    fm_trace_scene2d flat = {&mask};
    fm_trace_scene3d scene = {&depth, &mask};
    fm_trace2d_score two;
    fm_trace3d_score three;
    fm_err err = {0};

    cr_assert(fm_trace_grade_2d(grader, rules, family, &answer, &truth, &flat, &two, &err) == FM_OK,
              "%s", err.text);
    cr_assert(fm_trace_grade_3d(grader, rules, family, &answer, &truth, &scene, &three, &err) ==
                  FM_OK,
              "%s", err.text);
    cr_assert(answer.shape != FM_TRACE_RAISES || (two.raises && three.raises));
    cr_assert(answer.n > 0 || three.success != FM_TRUE);
}

Test(trace_replies, no_shape_makes_judging_hang, .timeout = 240)
{
    static char text[LONGEST + 64];
    size_t parsed = 0;
    fm_rng rng;

    fm_rng_seed(&rng, 20261122);
    for (int round = 0; round < ROUNDS; round++) {
        size_t size = make_reply(&rng, text);

        for (int family = FM_ANSWERS_TUPLES; family <= FM_ANSWERS_JSON; family++) {
            double start = fm_clock_seconds();

            cr_assert(fm_answers_parse_trace((fm_answers_family)family, text, size, &answer,
                                             NULL) == FM_OK);
            parsed += answer.n > 0;
            judge(FM_TRACE_REFERENCE, (fm_answers_family)family);
            judge(FM_TRACE_PAPER, (fm_answers_family)family);
            cr_assert(fm_clock_seconds() - start < MOST_SECONDS, "round %d: %zu bytes", round,
                      size);
        }
    }
    cr_assert(parsed > ROUNDS / 20 && parsed < 2 * ROUNDS, "%zu held points", parsed);
}
