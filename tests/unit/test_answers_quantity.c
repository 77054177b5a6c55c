/* Numbers and units by each reader. What is expected of the published ones was worked out by hand from
 * the upstream sources that the header names; of the program's own rule, by its words there. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/size.h"
#include "fathom/quantity.h"

static fm_arena arena;

static void release(void)
{
    fm_arena_release(&arena);
}

TestSuite(answers_quantity, .fini = release);

/* NaN equals NaN, and an infinity itself. */
static bool same(double got, double want)
{
    return (isnan(got) && isnan(want)) || got == want ||
           fabs(got - want) <= 1e-12 * fmax(1, fabs(want));
}

Test(answers_quantity, qspatial_wants_both_tags)
{
    static const struct {
        const char *reply;
        double official, kit;
        fm_quantity_outcome outcome;
    } table[] = {
        {"so \\scalar{1} \\distance_unit{meter}", 100, 100, FM_QUANTITY_READ},
        {"\\scalar{3} \\distance_unit{feet} no, \\scalar{40} \\distance_unit{cm}", 40, 40,
         FM_QUANTITY_READ},
        {"\\scalar{2-3} \\distance_unit{Feet}", 76.2, 76.2, FM_QUANTITY_READ},
        {"\\scalar{10} \\distance_unit{inches}", 25.4, 25.4, FM_QUANTITY_READ},
        {"\\scalar{250} \\distance_unit{mm}", 25, 25, FM_QUANTITY_READ},
        {"\\scalar{1.5} \\distance_unit{yards}", 1.5, 0, FM_QUANTITY_UNKNOWN_UNIT},
        {"\\scalar{1.5} \\distance_unit{ m }", 1.5, 0, FM_QUANTITY_UNKNOWN_UNIT},
        {"\\scalar{-2} \\distance_unit{m}", 200, 200, FM_QUANTITY_READ}, /* the sign is not read */
        {"\\scalar{about one} \\distance_unit{m}", NAN, NAN, FM_QUANTITY_NO_NUMBER},
        {"about 1 meter", NAN, 1e-8, FM_QUANTITY_NO_TAG},
        {"\\scalar{1} meter", NAN, 1e-8, FM_QUANTITY_NO_TAG},
        {"\\scalar{1", NAN, 1e-8, FM_QUANTITY_NO_TAG},
        {"", NAN, 1e-8, FM_QUANTITY_NO_TAG},
        {NULL, NAN, 1e-8, FM_QUANTITY_NO_TAG},
    };

    for (size_t i = 0; i < FM_COUNT_OF(table); i++) {
        fm_span reply = fm_span_of(table[i].reply);
        fm_quantity official = fm_quantity_qspatial(FM_QSPATIAL_OFFICIAL, reply);
        fm_quantity kit = fm_quantity_qspatial(FM_QSPATIAL_VLMEVALKIT, reply);

        cr_expect(same(official.value, table[i].official) && official.outcome == table[i].outcome,
                  "row %zu: %g", i, official.value);
        cr_expect(same(kit.value, table[i].kit + 1e-8), "row %zu: %.17g", i, kit.value);
    }
}

static void check_number(bool (*read)(fm_span, double *), const char *reply, double want)
{
    double got = NAN;
    bool found = read(fm_span_of(reply), &got);

    cr_expect(found == (isnan(want) == 0) && same(got, want), "%g, not %g, from '%s'", got, want,
              reply);
}

Test(answers_quantity, vsi_bench_reads_the_first_word_as_a_float)
{
    check_number(fm_number_word, "3", 3);
    check_number(fm_number_word, "3.5. I think", 3.5);
    check_number(fm_number_word, "-1e1", -10);
    check_number(fm_number_word, "1_000", 1000);
    check_number(fm_number_word, "\t2\n", 2);
    check_number(fm_number_word, "inf", INFINITY);
    check_number(fm_number_word, "3m", NAN);
    check_number(fm_number_word, "about 3", NAN);
    check_number(fm_number_word, " 3", NAN);
    check_number(fm_number_word, "1__0", NAN);
    check_number(fm_number_word, ".", NAN);
    check_number(fm_number_word, "", NAN);
    check_number(fm_number_word, NULL, NAN);
}

Test(answers_quantity, the_first_number_anywhere)
{
    check_number(fm_number_first, "about 3.5 or 4", 3.5);
    check_number(fm_number_first, "minus -2", -2);
    check_number(fm_number_first, "2-3", 2);
    check_number(fm_number_first, "a.b", NAN);
    check_number(fm_number_first, NULL, NAN);
}

Test(answers_quantity, easi_reads_the_last_number)
{
    check_number(fm_number_last, "<think>9</think> 3 or 4 chairs", 4);
    check_number(fm_number_last, "<answer> 2.5 m</answer> or 3", 2.5);
    check_number(fm_number_last, "<answer>none</answer> 3", 3);
    check_number(fm_number_last, "there are three", 3);
    check_number(fm_number_last, "twenty-one", -1); /* words become digits first */
    check_number(fm_number_last, "<think>7</think> none", 7);
    check_number(fm_number_last, "1e2", 100);
    check_number(fm_number_last, ".5", 0.5);
    check_number(fm_number_last, "someone", NAN);
    check_number(fm_number_last, NULL, NAN);
}

Test(answers_quantity, lengths_become_metres)
{
    static const struct {
        const char *reply;
        double metres; /* NaN: none */
    } table[] = {
        {"It is 1.5 meters away.", 1.5},
        {"150cm", 1.5},
        {"1,200 mm", 1.2},
        {".5 m", 0.5},
        {"2-3 feet", 2.5 * 0.3048},
        {"2 to 3 meters", 2.5},
        {"between two and three metres", 2.5},
        {"50 cm to 1 m", 0.75},
        {"5 feet 8 inches", 1.7272},
        {"5 ft and 8 in", 1.7272},
        {"5'8\"", 1.7272},
        {"5' 8", 1.524},
        {"6 feet", 1.8288},
        {"10 inches", 0.254},
        {"two and a half meters", 2.5},
        {"2 1/2 feet", 2.5 * 0.3048},
        {"1/2 m", 0.5},
        {"half a meter", 0.5},
        {"a 2-meter gap", 2},
        {"2 yards", 1.8288},
        {"0.3 METERS", 0.3},
        {"2 chairs and 3 m", 3},
        {"7 to see 3 m", 3},
        {"table3 m", NAN},
        {"3 mph", NAN},
        {"3", NAN},
        {"meters", NAN},
        {"", NAN},
        {NULL, NAN},
    };

    for (size_t i = 0; i < FM_COUNT_OF(table); i++) {
        fm_quantity q = fm_quantity_first(fm_span_of(table[i].reply));

        cr_expect(same(q.value, table[i].metres), "%.17g, not %g, from '%s'", q.value,
                  table[i].metres, table[i].reply ? table[i].reply : "(no reply)");
        cr_expect(q.outcome == (isnan(table[i].metres) ? FM_QUANTITY_NO_NUMBER : FM_QUANTITY_READ));
    }
}

Test(answers_quantity, all_lengths_are_listed_in_order)
{
    static const char reply[] = "The desk is 0.75 meters high, 1.2 m wide and 60 cm deep.";
    double out[3];

    cr_assert(eq(sz, fm_quantity_list(fm_span_of(reply), out, 3), 3));
    cr_assert(same(out[0], 0.75) && same(out[1], 1.2) && same(out[2], 0.6));
    cr_assert(eq(sz, fm_quantity_list(fm_span_of(reply), out, 2), 3));
    cr_assert(same(fm_quantity_last(fm_span_of(reply)).value, 0.6));
    cr_assert(fm_quantity_last(fm_span_of(reply)).read.text >
              fm_quantity_first(fm_span_of(reply)).read.text);
    cr_assert(eq(sz, fm_quantity_list(fm_span_of("none"), out, 3), 0));
}

Test(answers_quantity, the_sides_of_a_box_share_a_unit)
{
    static const char *const replies[] = {"0.8 m x 0.6 m x 0.5 m", "0.8 x 0.6 x 0.5 meters",
                                          "0.8x0.6x0.5m", "80 by 60 by 50 cm",
                                          "80 \xC3\x97 60 \xC3\x97 50 cm"};
    double out[8];

    for (size_t i = 0; i < FM_COUNT_OF(replies); i++) {
        cr_assert(eq(sz, fm_quantity_list(fm_span_of(replies[i]), out, 8), 3), "%s", replies[i]);
        cr_expect(fabs(out[0] - 0.8) < 1e-12 && fabs(out[1] - 0.6) < 1e-12 &&
                      fabs(out[2] - 0.5) < 1e-12,
                  "%s", replies[i]);
    }
    cr_expect(eq(sz, fm_quantity_list(fm_span_of("2 x 3 chairs"), out, 8), 0));
}

Test(answers_quantity, what_the_question_states_is_no_answer)
{
    const fm_span question = fm_span_of("The bed is 0.81 m high. How high are table and lamp?");
    double out[8];

    cr_assert(eq(sz,
                 fm_quantity_list_beyond(fm_span_of("As the bed is 0.81 m, 1.02 m and 0.93 m."),
                                         question, 2, out, 8),
                 2));
    cr_expect(same(out[0], 1.02) && same(out[1], 0.93));
    cr_assert(
        eq(sz, fm_quantity_list_beyond(fm_span_of("1.02 m and 0.81 m"), question, 2, out, 8), 2));
    cr_expect(same(out[1], 0.81));
    cr_assert(
        eq(sz, fm_quantity_list_beyond(fm_span_of("0.81 m as well"), question, 1, out, 8), 1));
}

Test(answers_quantity, hours_of_a_clock)
{
    check_number(fm_number_clock, "It is at 3 o'clock.", 3);
    check_number(fm_number_clock,
                 "at ten o\xE2\x80\x99"
                 "clock",
                 10);
    check_number(fm_number_clock, "from 3 o'clock to 12 O'Clock", 12);
    check_number(fm_number_clock, "the 7-o-clock side", 7);
    check_number(fm_number_clock, "13 o'clock", NAN);
    check_number(fm_number_clock, "clockwise", NAN);
    check_number(fm_number_clock, "3", NAN);
    check_number(fm_number_clock, NULL, NAN);
}

Test(answers_quantity, units_have_names_and_signs)
{
    double metres;

    cr_assert(fm_unit_metres(fm_span_of("Feet"), &metres) && metres == 0.3048);
    cr_assert(fm_unit_metres(fm_span_of("\""), &metres) && metres == 0.0254);
    cr_assert(fm_unit_metres(fm_span_of("km"), &metres) && metres == 1000);
    cr_assert(fm_unit_metres(fm_span_of("parsec"), &metres) == false);
    cr_assert(fm_qspatial_centimetres(fm_span_of("Foot"), &metres) && metres == 30.48);
    cr_assert(fm_qspatial_centimetres(fm_span_of("millimeters"), &metres) == false);
}

/* The number of values, -1 where there is no judgement. */
static int judged(const char *text, double *answer, double *response)
{
    size_t n = 0;
    bool found = true;

    cr_assert(fm_quantity_judged(fm_span_of(text), FM_JUDGED_METRES, &arena, answer, response, 3,
                                 &n, &found, NULL) == FM_OK);
    return found ? (int)n : -1;
}

Test(answers_quantity, stored_judgements_are_dicts)
{
    double a[3], r[3], mark = 0;
    bool found;

    cr_assert(judged("{'answer_in_meters': 1.5, 'response_in_meters': '2'}", a, r) == 1);
    cr_assert(a[0] == 1.5 && r[0] == 2);
    cr_assert(judged("{\"answer_in_meters\": [1, 2], \"response_in_meters\": [3, 4, 5]}", a, r) ==
              2);
    cr_assert(a[1] == 2 && r[1] == 4);
    cr_assert(judged("{\"answer_in_meters\": [1, 2], \"response_in_meters\": [3]}", a, r) == -1);
    cr_assert(judged("{\"answer_in_meters\": 1, \"response_in_meters\": null}", a, r) == -1);
    cr_assert(judged("{\"answer_in_meters\": 1, \"response_in_meters\": \"N/A\"}", a, r) == -1);
    cr_assert(judged("{\"answer_in_meters\": [1, 2, 3, 4], \"response_in_meters\": 1}", a, r) ==
              -1);
    cr_assert(judged("no dict", a, r) == -1);
    cr_assert(judged(NULL, a, r) == -1);
    cr_assert(fm_quantity_mark(fm_span_of("{'your_mark': 0.8}"), &arena, &mark, &found, NULL) ==
              FM_OK);
    cr_assert(found && mark == 0.8);
    cr_assert(fm_quantity_mark(fm_span_of("{'mark': 0.8}"), &arena, &mark, &found, NULL) == FM_OK);
    cr_assert(found == false);
}

Test(answers_quantity, time_is_linear_in_hostile_replies, .timeout = 60)
{
    static const char *const units[] = {"1,111",    "1 ",    "1/2 ",     "scalar{",
                                        "<answer>", "clock", "between ", "one",
                                        "        ", "1-",    "5' ",      "9"};
    size_t size = (size_t)1 << 16;
    char *text = malloc(size);
    double out;

    cr_assert(text != NULL);
    for (size_t u = 0; u < FM_COUNT_OF(units); u++) {
        fm_span reply = {text, size};
        size_t n = strlen(units[u]);

        for (size_t i = 0; i < size; i++)
            text[i] = units[u][i % n];
        fm_quantity_qspatial(FM_QSPATIAL_OFFICIAL, reply);
        fm_quantity_list(reply, &out, 1);
        fm_number_first(reply, &out);
        fm_number_last(reply, &out);
        fm_number_word(reply, &out);
        fm_number_clock(reply, &out);
    }
    free(text);
}
