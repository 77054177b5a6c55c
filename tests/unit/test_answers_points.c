/* Points by each published rule, on the reply shapes of the suites' papers and prompts. What is
 * expected was worked out by hand from the upstream sources that the rules name. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/size.h"
#include "fathom/points.h"

static fm_arena arena;

static void release(void)
{
    fm_arena_release(&arena);
}

TestSuite(answers_points, .fini = release);

static fm_points read_with(const fm_points_rule *rule, const char *reply, int width, int height)
{
    fm_points points;

    cr_assert(rule != NULL);
    cr_assert(fm_points_read(rule, fm_span_of(reply), width, height, &arena, &points, NULL) ==
              FM_OK);
    return points;
}

/* On a picture of 640 x 480. */
static fm_points read_by(const char *rule, const char *reply)
{
    return read_with(fm_points_rule_find(rule), reply, 640, 480);
}

/* n points, the first at (x, y); n -1: upstream raises. */
typedef struct {
    const char *reply;
    int n;
    double x, y;
} example;

static void all_read(const char *rule, const example *examples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const example *want = &examples[i];
        fm_points got = read_by(rule, want->reply);
        const char *reply = want->reply ? want->reply : "(no reply)";

        if (want->n < 0) {
            cr_expect(got.kind == FM_POINTS_RAISE && got.raises, "'%s' does not raise", reply);
            continue;
        }
        cr_expect(got.n == (size_t)want->n && !got.raises, "%zu points, not %d, in '%s' (%s)",
                  got.n, want->n, reply, got.raises ? got.raises : "no exception");
        cr_expect(got.kind == (want->n > 0 ? FM_POINTS_FOUND : FM_POINTS_NONE), "'%s'", reply);
        if (want->n > 0 && got.n > 0)
            cr_expect(got.items[0].x == want->x && got.items[0].y == want->y,
                      "(%.17g, %.17g), not (%g, %g), in '%s'", got.items[0].x, got.items[0].y,
                      want->x, want->y, reply);
    }
}

Test(answers_points, each_point_knows_where_it_was_read)
{
    static const struct {
        const char *rule, *reply, *read; /* the last point's */
    } rows[] = {
        {"pt_text_dot", "so (1, 2) and (3, 4).", "(3, 4)"},
        {"pt_pairs_dot1000", "[ 1 , 2 ] or (0.3, 0.4)", "(0.3, 0.4)"},
        {"pt_xml100", "<point x1=\"10\" y1=\"20\">", "x1=\"10\" y1=\"20\""},
        {"pt_json_yx1000", "```json\n[{\"point\": [1, 2]}]\n```", "[{\"point\": [1, 2]}]"},
        {"pt_first_paren", "at ( 0.1 , 0.2 )", "( 0.1 , 0.2 )"},
        {"pt_tag", "<point>[[1, 2]]</point>", "[1, 2]"},
        {"pt_auto_max", "(0.5, 0.5)", "(0.5, 0.5)"},
        {"pt_json_list", "so [{\"point\": [1, 2]}]!", "[{\"point\": [1, 2]}]"},
        {"pt_text_auto1000", "(1, 2)", "(1, 2)"},
    };

    for (size_t i = 0; i < FM_COUNT_OF(rows); i++) {
        fm_points got = read_by(rows[i].rule, rows[i].reply);

        cr_assert(got.n > 0, "%s", rows[i].rule);
        fm_span read = got.items[got.n - 1].read;
        cr_expect(read.size == strlen(rows[i].read) &&
                      memcmp(read.text, rows[i].read, read.size) == 0 && read.text >= rows[i].reply,
                  "%s read '%.*s'", rows[i].rule, (int)read.size, read.text);
    }
}

Test(answers_points, roborefer_scales_only_with_a_decimal_point)
{
    static const example examples[] = {
        {"[(0.5, 0.25)]", 1, 320, 120},
        {"(0.999,0.999), (0.1, 0.2)", 2, 639, 479},
        {"(320, 240)", 1, 320, 240},
        {"(1, 0.5)", 1, 640, 240},
        {"(0, 1)", 1, 0, 1}, /* a pixel, not the corner */
        {"(1.0, 1.0)", 1, 640, 480},
        {"(-0.001, 0.5)", 1, 0, 240}, /* int() cuts towards zero */
        {"(0.5, 0.25, 3)", 0, 0, 0},
        {"( 0.5, 0.25)", 0, 0, 0},
        {"[0.5, 0.25]", 0, 0, 0},
        {"(.5, .25)", 0, 0, 0},
        {"<points x1=\"61.5\" y1=\"40.4\"/>", 0, 0, 0},
        {"I cannot see it", 0, 0, 0},
        {"", 0, 0, 0},
        {NULL, 0, 0, 0},
        {"(0.2, 0.5, 0.1, 0.6)", -1, 0, 0}, /* np.ones of a negative size */
        {"(99999999999999999999, 1)", -1, 0, 0},
    };

    all_read("pt_text_dot", examples, FM_COUNT_OF(examples));
}

Test(answers_points, a_box_of_roborefer_is_always_a_share_of_the_picture)
{
    fm_points points = read_by("pt_text_dot", "(0.1, 0.1, 0.2, 0.3)");

    cr_assert(eq(sz, points.n, 1));
    cr_assert(points.items[0].is_box && points.items[0].clipped == false);
    cr_assert(points.items[0].x == 64 && points.items[0].x1 == 128);
    cr_assert(points.items[0].y == 48 && points.items[0].y1 == 144);
    /* Pixels too: this one lies far outside. */
    points = read_by("pt_text_dot", "(10, 10, 20, 20)");
    cr_assert(points.items[0].x == 6400 && points.items[0].y1 == 9600);
    cr_assert(read_by("pt_text_dot", "(0.1, 0.1, 0.1, 0.3)").n == 0);
    points = read_by("pt_text_dot", "(0, 0, 999, 999)");
    cr_assert(eq(str, (char *)points.raises, "MemoryError"));
}

Test(answers_points, a_box_of_robopoint_is_a_slice)
{
    fm_points points = read_by("pt_text_robopoint", "(10, 20, 30, 40)");

    cr_assert(points.items[0].x == 10 && points.items[0].y == 20);
    cr_assert(points.items[0].x1 == 30 && points.items[0].y1 == 40);
    points = read_by("pt_text_robopoint", "(-10, -20, 1000, 1000)");
    cr_assert(points.items[0].x == 630 && points.items[0].y == 460);
    cr_assert(points.items[0].x1 == 640 && points.items[0].y1 == 480);
    cr_assert(read_by("pt_text_robopoint", "(30, 40, 10, 20)").n == 0);
    points = read_by("pt_text_robopoint", "(0.5, 0, 1, 1)");
    cr_assert(points.items[0].x == 320 && points.items[0].x1 == 640);
    points = read_by("pt_text_robopoint", "(1, 0.5, 20, 30)");
    cr_assert(eq(str, (char *)points.raises, "TypeError"));
}

Test(answers_points, lmms_eval_scales_integers_too)
{
    static const example share[] = {
        {"[(0.5, 0.25)]", 1, 320, 120},
        {"(1, 0)", 1, 640, 0},
        {"(100, 200)", 1, 64000, 96000},
        {"(0.1, 0.1, 0.2, 0.2)", 0, 0, 0},
    };
    static const example thousand[] = {
        {"[(500, 250), (999, 999)]", 2, 320, 120},
        {"(0.5, 0.25)", 1, 0, 0},
    };

    all_read("pt_text_n1", share, FM_COUNT_OF(share));
    all_read("pt_text_n1000", thousand, FM_COUNT_OF(thousand));
}

Test(answers_points, pairs_may_stand_in_either_bracket)
{
    static const example examples[] = {
        {"[{\"point_2d\": [500, 250], \"label\": \"target\"}]", 1, 320, 120},
        {"( 500 ,250 ]", 1, 320, 120},
        {"[0.5, 0.25]", 1, 320, 120},
        {"[[500, 250], [1, 2]]", 2, 320, 120},
        {"[500, 250, 3]", 0, 0, 0},
        {"[500]", 0, 0, 0},
        {"", 0, 0, 0},
    };

    all_read("pt_pairs_dot1000", examples, FM_COUNT_OF(examples));
}

Test(answers_points, molmo_answers_in_hundredths)
{
    static const example examples[] = {
        {"<points x1=\"61.5\" y1=\"40.4\" x2=\"76.8\" y2=\"21.8\" alt=\"a\">a</points>", 2, 393,
         193},
        {"x1=\"50\"\n y1=\"50\"", 1, 320, 240},
        {"x1=\"-5\" y1=\"150\"", 1, -32, 720},
        {"<point x=\"61.5\" y=\"40.4\" alt=\"a\">", 0, 0,
         0}, /* upstream wants a number in the name */
        {"x1=\"50\"y1=\"50\"", 0, 0, 0},
        {"x1='50' y1='50'", 0, 0, 0},
        {"x1=\"+5\" y1=\"5\"", 0, 0, 0},
    };

    all_read("pt_xml100", examples, FM_COUNT_OF(examples));
    cr_assert(read_by("pt_xml100_single", "<point x=\"50\" y=\"25\" alt=\"a\">").items[0].y == 120);
    cr_assert(eq(sz, read_by("pt_xml100_single", examples[0].reply).n, 2));
}

Test(answers_points, gemini_writes_y_first)
{
    static const example examples[] = {
        {"```json\n[\n  {\"point\": [250, 500], \"label\": \"free space\"}\n]\n```", 1, 320, 120},
        {"Sure:\n```\n[{\"point\": [250, 500]}, {\"point\": [1, 2, 3]}, {\"box\": 1}]\n```", 1, 320,
         120},
        {"[{\"point\": [250, 500]}]", 0, 0, 0}, /* no fence */
        {"```json\n[{\"point\": [250, 500]}]", 0, 0, 0},
        {"```json\n[{\"point\": [250, 500]},]\n```", 0, 0, 0},
        {"```json\n[]\n```", 0, 0, 0},
        {"```json\n[{\"point\": [250, null]}]\n```", -1, 0, 0},
        {"```json\n[{\"point\": [250, \"500\"]}]\n```", -1, 0, 0},
        {"```json\n[[250, 500]]\n```", 0, 0, 0},
        {"```json\n[250, 500]\n```", -1, 0, 0},
        {"```json\n{\"point\": [250, 500]}\n```", -1, 0, 0},
        {"```json\n{\"points\": []}\n```", -1, 0, 0}, /* the key holds the name */
        {"```json\n{\"answer\": 1}\n```", 0, 0, 0},
        {"```json\n3\n```", -1, 0, 0},
        {"```json\n[{\"point\": [NaN, 1]}]\n```", -1, 0, 0},
        {"```json\n[{\"point\": [true, 500]}]\n```", 1, 320, 0},
    };

    all_read("pt_json_yx1000", examples, FM_COUNT_OF(examples));
}

Test(answers_points, qwen_writes_x_first)
{
    static const example examples[] = {
        {"```json\n[{\"point_2d\": [500, 250], \"label\": \"t\"}]\n```", 1, 320, 120},
        {"```json\n[{\"point\": [500, 250]}]\n```", 0, 0, 0},
    };

    all_read("pt_json_xy1000", examples, FM_COUNT_OF(examples));
}

Test(answers_points, the_guess_says_what_it_took)
{
    static const struct {
        const char *reply;
        double x, y;
        fm_space space;
    } examples[] = {
        {"[{\"point_2d\": [0.5, 0.25]}]", 320, 120, FM_SPACE_1},
        {"[{\"point_2d\": [500, 250]}]", 320, 120, FM_SPACE_1000},
        {"[{\"point_2d\": [1200, 250]}]", 639, 250, FM_SPACE_PIXELS},
        {"{'point': (1.5, 0)}", 639, 0, FM_SPACE_1},
        {"```json\n[{\"point_2d\": [], \"point\": [\"500\", 250]}]\n```", 320, 120, FM_SPACE_1000},
        {"(320, 240)", 320, 240, FM_SPACE_PIXELS}, /* in text never 0 to 1000 */
        {"so (0.5, 0.5)", 320, 240, FM_SPACE_1},
        {"(-5, 7.5)", 0, 8, FM_SPACE_PIXELS},
        {"(6.5, 8.5)", 6, 8, FM_SPACE_PIXELS}, /* halves to even */
    };

    for (size_t i = 0; i < FM_COUNT_OF(examples); i++) {
        fm_points got = read_by("pt_auto_max", examples[i].reply);

        cr_assert(got.n == 1, "%zu points in '%s'", got.n, examples[i].reply);
        cr_expect(got.items[0].x == examples[i].x && got.items[0].y == examples[i].y,
                  "(%g, %g) in '%s'", got.items[0].x, got.items[0].y, examples[i].reply);
        cr_expect(got.spaces == 1u << examples[i].space, "%x in '%s'", got.spaces,
                  examples[i].reply);
    }
    cr_assert(eq(sz, read_by("pt_auto_max", "[{\"point_2d\": [1, 2, 3]}]").n, 0));
    cr_assert(eq(sz, read_by("pt_auto_max", "nothing").n, 0));
    cr_assert(read_by("pt_auto_max", "(20, 30, 10, 10)").items[0].x == 10);
    cr_assert(read_by("pt_auto_max", "(20, 30, 10, 10)").items[0].clipped);
}

Test(answers_points, robospatial_takes_the_first_pair_as_written)
{
    static const example examples[] = {
        {"[(0.461, 0.527), (0.5, 0.6)]", 1, 0.461, 0.527},
        {"(461, 527)", 1, 461, 527}, /* never scaled */
        {"[0.1, 0.2] or ( 0.3 , 0.4 )", 1, 0.3, 0.4},
        {"[ 0.1, 0.2 ]", 1, 0.1, 0.2},
        {"[-0.5, 0.3]", 1, -0.5, 0.3}, /* by the literal */
        {"[(.5, .3)]", 1, 0.5, 0.3},
        {"[('0.5', '0.25')]", 1, 0.5, 0.25},
        {"(-0.5, 0.3)", 0, 0, 0},
        {"[(.5, .3)", 0, 0, 0},
        {"[[.5, .3]]", 0, 0, 0}, /* cut at the first closing bracket */
        {"[.5, .3, .1]", 0, 0, 0},
        {"somewhere", 0, 0, 0},
    };

    all_read("pt_first_paren", examples, FM_COUNT_OF(examples));
}

Test(answers_points, the_point_tag_holds_a_list)
{
    static const example examples[] = {
        {"<think>a</think><answer><point>[[268, 190], [270.5, 200]]</point></answer>", 2, 268, 190},
        {"<point>[[-3, 1]]</point>", 1, -3, 1},
        {"<point>[[01, 2]]</point>", 1, 1, 2}, /* no JSON, but a pair */
        {"<point>[[01, 2], [-3, 4]]</point>", 1, 1, 2},
        {"<point>[[1, 2\n]]</point>", 0, 0, 0},
        {"<point>[]</point>", 0, 0, 0},
        {"<point>[1, 2]</point>", -1, 0, 0},
        {"<point>[[1, \"2\"]]</point>", -1, 0, 0},
        {"<point>[(1, 2)]</point>", 0, 0, 0},
        {"<point> [[1, 2]]</point>", 0, 0, 0},
        {"[[1, 2]]", 0, 0, 0},
    };
    fm_points points = read_by("pt_tag", "<point>[[1, 2, 3], [4, 5]]</point>");

    all_read("pt_tag", examples, FM_COUNT_OF(examples));
    cr_assert(eq(sz, points.n, 2));
    cr_assert(eq(sz, points.malformed, 1));
    cr_assert(isnan(points.items[0].x) && points.items[1].x == 4);
    cr_assert(fm_points_path(&points, &arena) == NULL);
    /* No array is made of these, so that nothing is too large for an index. */
    points = read_by("pt_tag_upto1", "<point>[[1e30, 5]]</point>");
    cr_assert(points.n == 1 && points.items[0].x == 1e30);
    points = read_by("pt_tag_upto1", "<point>[[0.5, 1], [1.5, 2]]</point>");
    cr_assert(points.items[0].x == 320 && points.items[0].y == 480 && points.items[1].x == 1);
}

/* A protocol states its own form, space and order. */
Test(answers_points, declared_spaces_are_taken_at_their_word)
{
    static const struct {
        fm_space space;
        double side;
    } spaces[] = {{FM_SPACE_1, 1}, {FM_SPACE_100, 100}, {FM_SPACE_999, 999}, {FM_SPACE_1000, 1000}};

    for (size_t i = 0; i < FM_COUNT_OF(spaces); i++) {
        fm_points_rule rule = {.form = FM_FORM_PAIRS, .space = spaces[i].space};
        fm_points points = read_with(&rule, "[[1, 2]]", 640, 480);

        cr_assert(epsilon_eq(dbl, points.items[0].x, 640 / spaces[i].side, 1e-12));
        cr_assert(epsilon_eq(dbl, points.items[0].y, 960 / spaces[i].side, 1e-12));
        rule.order = FM_ORDER_YX;
        points = read_with(&rule, "(1, 2)", 640, 480);
        cr_assert(epsilon_eq(dbl, points.items[0].x, 1280 / spaces[i].side, 1e-12));
    }
}

Test(answers_points, boxes_keep_their_corners)
{
    fm_points_rule rule = {.form = FM_FORM_BOXES, .space = FM_SPACE_1000, .order = FM_ORDER_YX};
    fm_points boxes =
        read_with(&rule, "{\"box_2d\": [100, 200, 300, 400]} (1, 2) [1, 2, 3, 4, 5]", 1000, 500);

    cr_assert(eq(sz, boxes.n, 1));
    cr_assert(boxes.items[0].is_box);
    cr_assert(boxes.items[0].x == 200 && boxes.items[0].y == 50);
    cr_assert(boxes.items[0].x1 == 400 && boxes.items[0].y1 == 150);
}

Test(answers_points, a_path_is_the_points_in_order)
{
    fm_points points = read_by("pt_tag", "<point>[[1, 2], [3, 4]]</point>");
    double(*path)[2] = fm_points_path(&points, &arena);

    cr_assert(path && path[1][0] == 3 && path[1][1] == 4);
    points = read_by("pt_text_dot", "(0.1, 0.1, 0.2, 0.3)");
    cr_assert(fm_points_path(&points, &arena) == NULL);
    points = read_by("pt_tag", "");
    cr_assert(fm_points_path(&points, &arena) == NULL);
}

Test(answers_points, the_polygon_is_read_as_a_literal)
{
    double(*vertices)[2];
    size_t n;
    fm_err err = {0};

    cr_assert(fm_points_polygon(fm_span_of("[(0.4, 0.5), (0.6, 0.5), (0.5, 0.7)]"), &arena,
                                &vertices, &n, &err) == FM_OK);
    cr_assert(n == 3 && vertices[2][1] == 0.7);
    cr_assert(fm_points_polygon(fm_span_of("[(0.4, 0.5), (0.6, 0.5)]"), &arena, &vertices, &n,
                                &err) == FM_E_INPUT);
    cr_assert(fm_points_polygon(fm_span_of("[(0.4, 0.5), (0.6, 0.5), 3]"), &arena, &vertices, &n,
                                &err) == FM_E_INPUT);
    cr_assert(fm_points_polygon(fm_span_of("yes"), &arena, &vertices, &n, &err) == FM_E_INPUT);
}

/* lmms-eval's rule for PointBench guesses a pair at a time, and says what it took. */
Test(answers_points, pairs_by_magnitude)
{
    static const example examples[] = {
        {"[(0.5, 0.25)]", 1, 320, 120},
        {"(1, 1)", 1, 640, 480},
        {"(.5,1.)", 0, 0, 0},
        {"(500, 250)", 1, 320, 120},
        {"(1000 , 0)", 1, 640, 0},
        {"(1001, 3)", 1, 1001, 3},
        {"(-1, 3.6)", 1, -1, 4},
        {"( 5, 5) (5, 5 ) (5 5) (2.5, 3, 4) (5,)", 0, 0, 0},
        {"(((7, 9))", 1, 4, 4}, /* 4.48 and 4.32 */
        {"(.5, +.25)", 1, 320, 120},
        {"(3000000000, 1)", -1, 0, 0},
        {"[500, 250]", 0, 0, 0},
        {"", 0, 0, 0},
        {NULL, 0, 0, 0},
    };

    all_read("pt_text_auto1000", examples, FM_COUNT_OF(examples));
    cr_assert(eq(uint, read_by("pt_text_auto1000", "(1, 0) (2, 0) (-2, 0)").spaces,
                 1u << FM_SPACE_1 | 1u << FM_SPACE_1000 | 1u << FM_SPACE_PIXELS));
}

Test(answers_points, a_list_anywhere_in_the_reply)
{
    static const example examples[] = {
        {"Here it is: [{\"point\": [320.9, 120]}].", 1, 320, 120},
        {"```json\n[{\"point\": [3, 4], \"label\": \"cup\"}, {\"point\": [5, 6]}]\n```", 2, 3, 4},
        {"[3, 4]", 2, NAN, NAN},
        {"[1] is the cup: [{\"point\": [3, 4]}]", 0, 0, 0},
        {"{\"point\": [3, 4]}", 2, NAN, NAN},
        {"] and [", 0, 0, 0},
        {"[]", 0, 0, 0},
        {NULL, 0, 0, 0},
    };
    const fm_points got = read_by("pt_json_list", "[{\"point\": [3, 4]}, {\"at\": [5, 6]}, 7]");
    fm_points_rule gemini = *fm_points_rule_find("pt_json_list");

    for (size_t i = 0; i < FM_COUNT_OF(examples); i++)
        if (!isnan(examples[i].x))
            all_read("pt_json_list", &examples[i], 1);
        else
            cr_expect(eq(sz, read_by("pt_json_list", examples[i].reply).malformed, 2));
    cr_assert(got.n == 3 && got.malformed == 2 && got.items[0].x == 3 && isnan(got.items[2].x));
    gemini.space = FM_SPACE_1000;
    gemini.order = FM_ORDER_YX;
    cr_assert(read_with(&gemini, "[{\"point\": [250, 500]}]", 640, 480).items[0].x == 320);
}

Test(answers_points, rules_are_listed_and_found_by_name)
{
    size_t n = 0;

    for (const fm_points_rule *rule; (rule = fm_points_rule_at(n)); n++)
        cr_assert(fm_points_rule_find(rule->name) == rule);
    cr_assert(eq(sz, n, 15));
    cr_assert(fm_points_rule_find("pt") == NULL);
    cr_assert(eq(str, (char *)fm_space_name(FM_SPACE_999), "n999"));
}

Test(answers_points, a_reply_with_too_many_points_is_cut)
{
    size_t n = FM_POINTS_MAX + 1;
    char *text = malloc(n * 6 + 1);
    fm_points points;

    cr_assert(text != NULL);
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * 6, "(1, 2)", 6);
    text[n * 6] = '\0';
    points = read_by("pt_text_dot", text);
    cr_assert(points.cut && points.n == FM_POINTS_MAX);
    free(text);
}

Test(answers_points, time_is_linear_in_hostile_replies, .timeout = 60)
{
    static const char *const units[] = {
        "(1,1,", "[ ",     "x1=\"1\" ", "```\n",   "<point>[",  "<point>[\n", "[[[[",
        "((((",  "[1,\n ", "x1",        "{\"a\":", "\"\\u00e9", "[1, ",       "(.1 ,"};
    size_t size = (size_t)1 << 17;
    char *text = malloc(size);

    cr_assert(text != NULL);
    for (size_t u = 0; u < FM_COUNT_OF(units); u++) {
        size_t n = strlen(units[u]);

        for (size_t i = 0; i < size; i++)
            text[i] = units[u][i % n];
        for (size_t r = 0; fm_points_rule_at(r); r++) {
            fm_points points;

            cr_assert(fm_points_read(fm_points_rule_at(r), (fm_span){text, size}, 640, 480, &arena,
                                     &points, NULL) == FM_OK);
            fm_arena_reset(&arena);
        }
    }
    free(text);
}
