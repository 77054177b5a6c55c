/* Graders of points, traces and measures: replies in published shapes with scores worked out by
 * hand. */
#include "graders_fixture.h"

#include "../support/scratch.h"
#include "base/files.h"
#include "fathom/raster.h"

TestSuite(graders_space, .init = scratch_make, .fini = scratch_remove);

/* ---- points ---- */

/* 100 x 50, of value 200 where x >= 50 and of 60 where x < 10, else 0. */
static const char *mask_file(void)
{
    static char path[FM_PATH_BYTES];
    fm_raster mask = {0};

    cr_assert(eq(int, fm_raster_reserve(&mask, 100, 50, 1, 8, NULL), FM_OK));
    for (int i = 0; i < 100 * 50; i++)
        ((unsigned char *)mask.data)[i] = i % 100 >= 50 ? 200 : i % 100 < 10 ? 60 : 0;
    snprintf(path, sizeof(path), "%s/mask.png", scratch_dir);
    cr_assert(eq(int, fm_raster_save_png(&mask, path, NULL), FM_OK));
    fm_raster_release(&mask);
    return path;
}

static fm_sample masked(void)
{
    return (fm_sample){.id = "1", .kind = FM_ANSWER_POINTS, .mask_path = mask_file()};
}

/* RoboRefer's rule: the share of the points on the mask; a decimal point means 0 to 1. */
Test(graders_space, points_on_a_mask_score_the_share_that_hits)
{
    fm_protocol p = protocol_of(&fm_grader_points, "{\"extract\": \"pt_text_dot\"}");
    fm_sample sample = masked();

    cr_assert(eq(dbl, score(&p, &sample, "[(0.75, 0.5), (0.25, 0.5)]", "score"), 0.5));
    cr_assert(eq(dbl, score(&p, &sample, "[(0.75, 0.5), (0.25, 0.5)]", "hit_first"), 1));
    cr_assert(eq(dbl, score(&p, &sample, "[(0.25, 0.5), (0.75, 0.5)]", "hit_first"), 0));
    cr_assert(eq(dbl, score(&p, &sample, "[(0.25, 0.5), (0.75, 0.5)]", "hit_any"), 1));
    cr_assert(eq(dbl, score(&p, &sample, "(75, 25)", "score"), 1)); /* pixels */
    cr_assert(eq(dbl, score(&p, &sample, "(750, 25)", "score"), 0));
    fm_grade grade = graded(&p, &sample, "(75, 25)");
    cr_assert(eq(sz, grade.n_points, 1));
    cr_assert(eq(dbl, grade.points[0][0], 0.75));
    cr_assert(eq(dbl, grade.points[0][1], 0.5));
}

Test(graders_space, the_value_of_a_mask_counts_as_the_rules_say)
{
    fm_sample sample = masked();
    fm_protocol fraction = protocol_of(
        &fm_grader_points, "{\"extract\": \"pt_text_dot\", \"mask_value\": \"fraction\"}");
    fm_protocol rounded = protocol_of(
        &fm_grader_points, "{\"extract\": \"pt_text_dot\", \"mask_value\": \"rounded\"}");

    cr_assert(eq(dbl, score(&fraction, &sample, "[(75, 5), (5, 5)]", "score"), 130.0 / 255));
    cr_assert(eq(dbl, score(&rounded, &sample, "[(75, 5), (5, 5)]", "score"), 0.5));
}

Test(graders_space, space_and_order_are_declared_not_guessed)
{
    fm_sample sample = masked();
    fm_protocol gemini = protocol_of(&fm_grader_points, "{\"extract\": \"pt_json_yx1000\"}");
    fm_protocol swapped =
        protocol_of(&fm_grader_points, "{\"extract\": \"pt_json_yx1000\", \"order\": \"xy\"}");
    static const char reply[] = "```json\n[{\"point\": [400, 800]}]\n```"; /* y 0.4, x 0.8 */

    cr_assert(eq(dbl, score(&gemini, &sample, reply, "score"), 1));
    cr_assert(eq(dbl, score(&swapped, &sample, reply, "score"), 0));
}

Test(graders_space, an_answer_without_points_counts_zero_or_not_at_all)
{
    fm_sample sample = masked();
    fm_protocol zero = protocol_of(&fm_grader_points, "{\"extract\": \"pt_text_dot\"}");
    fm_protocol skip =
        protocol_of(&fm_grader_points, "{\"extract\": \"pt_text_dot\", \"empty\": \"skip\"}");
    fm_grade grade = graded(&zero, &sample, "on the table");

    cr_assert(eq(int, grade.status, FM_SAMPLE_PARSE_ERROR));
    cr_assert(eq(dbl, number(&zero, &grade, "score"), 0));
    grade = graded(&skip, &sample, "on the table");
    cr_assert(eq(int, value(&skip, &grade, "score")->kind, FM_VALUE_ABSENT));
    cr_assert(eq(str, (char *)skip.policy, "skip"));
}

Test(graders_space, a_missing_mask_is_lost_not_wrong)
{
    fm_sample sample = {.id = "1", .kind = FM_ANSWER_POINTS, .mask_path = "/nowhere/mask.png"};
    fm_protocol p = protocol_of(&fm_grader_points, "{\"extract\": \"pt_text_dot\"}");
    fm_grade grade = graded(&p, &sample, "(75, 25)");

    cr_assert(eq(int, value(&p, &grade, "score")->kind, FM_VALUE_UNKNOWN));
    cr_assert(grade.lost != NULL);
}

/* RoboSpatial-Home: the first pair as written, against a polygon in 0 to 1. */
Test(graders_space, a_polygon_takes_the_first_pair_as_written)
{
    static double square[4][2] = {{0.2, 0.2}, {0.8, 0.2}, {0.8, 0.8}, {0.2, 0.8}};
    fm_sample sample = {.id = "1",
                        .kind = FM_ANSWER_POINTS,
                        .truth.region = {.polygon = square, .n_polygon = 4, .normalised = true}};
    fm_protocol p = protocol_of(&fm_grader_points,
                                "{\"extract\": \"pt_first_paren\", \"compare\": \"as_written\"}");

    cr_assert(eq(dbl, score(&p, &sample, "[(0.5, 0.5), (0.9, 0.9)]", "score"), 1));
    cr_assert(eq(dbl, score(&p, &sample, "(500, 500)", "score"), 0)); /* not rescaled */
    /* Pixels of a picture of 200 x 100, against the polygon scaled to it. */
    fm_protocol scaled =
        protocol_of(&fm_grader_points, "{\"extract\": \"pt_tag\", \"region\": \"polygon\"}");
    sample.width = 200;
    sample.height = 100;
    cr_assert(
        eq(dbl, score(&scaled, &sample, "<point>[[150, 70], [170, 70]]</point>", "score"), 0.5));
}

/* VABench-P: an inclusive box in pixels. PointBench: as many points as there are objects. */
Test(graders_space, a_box_is_inclusive_and_points_may_be_counted)
{
    fm_sample sample = {.id = "1",
                        .kind = FM_ANSWER_POINTS,
                        .width = 640,
                        .height = 480,
                        .truth.region = {.has_box = true, .box = {10, 10, 20, 20}, .expected = 2}};
    fm_protocol p =
        protocol_of(&fm_grader_points, "{\"extract\": \"pt_tag\", \"primary\": \"hit_counted\"}");

    cr_assert(eq(dbl, score(&p, &sample, "<point>[[10, 20], [21, 20]]</point>", "score"), 0.5));
    cr_assert(eq(dbl, score(&p, &sample, "<point>[[10, 20]]</point>", "hit_counted"), 0));
    cr_assert(eq(dbl, score(&p, &sample, "<point>[[10, 20], [11, 12]]</point>", "hit_counted"), 1));
}

static bool has_metric(const fm_protocol *protocol, const char *name)
{
    for (size_t i = 0; i < protocol->n_metrics; i++)
        if (strcmp(protocol->metrics[i].name, name) == 0)
            return true;
    return false;
}

/* A row that no sample can have a value in says nothing. */
Test(graders_space, objects_are_counted_only_where_a_rule_says_so)
{
    fm_protocol none = protocol_of(&fm_grader_points, "{\"extract\": \"pt_tag\"}");
    fm_protocol all =
        protocol_of(&fm_grader_points, "{\"extract\": \"pt_tag\", \"primary\": \"hit_counted\"}");
    fm_protocol some =
        protocol_of(&fm_grader_points, "{\"extract\": \"pt_tag\", \"counting\": \"counting\"}");

    cr_assert(has_metric(&none, "inside"));
    cr_assert(not(has_metric(&none, "hit_counted")));
    cr_assert(has_metric(&all, "hit_counted"));
    cr_assert(not(has_metric(&all, "success")));
    cr_assert(has_metric(&some, "hit_counted"));
    cr_assert(has_metric(&some, "success"));
}

/* PointArena: of answers that are to count, every point; of others the first. */
Test(graders_space, success_counts_where_the_category_says_so)
{
    fm_sample sample = {.id = "1",
                        .kind = FM_ANSWER_POINTS,
                        .category = "counting",
                        .width = 640,
                        .height = 480,
                        .truth.region = {.has_box = true, .box = {10, 10, 20, 20}, .expected = 2}};
    fm_protocol p = protocol_of(
        &fm_grader_points,
        "{\"extract\": \"pt_json_list\", \"counting\": \"counting\", \"primary\": \"success\"}");
    static const char one[] = "[{\"point\": [12, 12]}]";
    static const char two[] = "[{\"point\": [12, 12]}, {\"point\": [15, 15]}]";
    static const char out[] = "[{\"point\": [12, 12]}, {\"point\": [25, 15]}]";

    cr_assert(eq(str, (char *)p.primary, "success"));
    cr_assert(eq(dbl, score(&p, &sample, one, "success"), 0));
    cr_assert(eq(dbl, score(&p, &sample, two, "success"), 1));
    cr_assert(eq(dbl, score(&p, &sample, out, "success"), 0));
    cr_assert(eq(dbl, score(&p, &sample, "none", "success"), 0));
    sample.category = "spatial";
    cr_assert(eq(dbl, score(&p, &sample, out, "success"), 1));
    sample.category = NULL;
    cr_assert(eq(dbl, score(&p, &sample, one, "success"), 1));
    refuses(&fm_grader_points, "{\"extract\": \"pt_json_list\", \"primary\": \"success\"}",
            "suite.yaml: 'primary: success' needs 'counting'");
    refuses(&fm_grader_points, "{\"extract\": \"pt_json_list\", \"counting\": 7}",
            "suite.yaml: 'counting' must be a name of up to 63 bytes");
}

/* A reader that guesses says what it took; one that does not has nothing to say. */
Test(graders_space, a_guessed_space_is_told)
{
    fm_sample sample = masked();
    fm_protocol guess = protocol_of(&fm_grader_points, "{\"extract\": \"pt_auto_max\"}");
    fm_protocol dot = protocol_of(&fm_grader_points, "{\"extract\": \"pt_text_dot\"}");
    fm_protocol tag = protocol_of(&fm_grader_points, "{\"extract\": \"pt_tag\"}");

    cr_assert(
        eq(str, (char *)graded(&guess, &sample, "[{\"point_2d\": [750, 500]}]").space, "n1000"));
    cr_assert(eq(str, (char *)graded(&guess, &sample, "(0.75, 0.5)").space, "n1"));
    cr_assert(eq(str, (char *)graded(&dot, &sample, "[(0.75, 0.5), (75, 25)]").space, "px n1"));
    cr_assert(eq(ptr, (void *)graded(&tag, &sample, "<point>[[75, 25]]</point>").space, NULL));
    cr_assert(eq(ptr, (void *)graded(&guess, &sample, "nothing").space, NULL));
}

/* ---- 2D traces ---- */

Test(graders_space, a_trace_is_compared_on_the_scale_of_the_rules)
{
    static double straight[2][2] = {{0, 0}, {100, 0}};
    fm_sample sample = {.id = "1",
                        .kind = FM_ANSWER_PATH2D,
                        .width = 100,
                        .height = 50,
                        .truth.path = {.points = straight, .n = 2}};
    fm_protocol unit =
        protocol_of(&fm_grader_path2d, "{\"extract\": \"pt_tag\", \"resample\": \"arc100\"}");
    fm_protocol own =
        protocol_of(&fm_grader_path2d,
                    "{\"extract\": \"pt_tag\", \"resample\": \"index\", \"scale\": \"n999\"}");
    static const char reply[] = "<point>[[0, 5], [100, 5]]</point>"; /* 5 of 50 below */

    cr_assert(ieee_ulp_eq(dbl, score(&unit, &sample, reply, "dfd"), 0.1, 8));
    cr_assert(ieee_ulp_eq(dbl, score(&unit, &sample, reply, "hd"), 0.1, 8));
    cr_assert(ieee_ulp_eq(dbl, score(&unit, &sample, reply, "rmse"), 0.1, 8));
    cr_assert(ieee_ulp_eq(dbl, score(&own, &sample, reply, "rmse"), 99.9, 8));
    cr_assert(ieee_ulp_eq(dbl, score(&own, &sample, reply, "mae"), 49.95, 8));
}

Test(graders_space, an_answer_without_a_trace_rests_at_the_origin_or_is_left_out)
{
    static double straight[2][2] = {{30, 20}, {30, 20}};
    fm_sample sample = {.id = "1",
                        .kind = FM_ANSWER_PATH2D,
                        .width = 100,
                        .height = 50,
                        .truth.path = {.points = straight, .n = 2}};
    fm_protocol skip =
        protocol_of(&fm_grader_path2d, "{\"extract\": \"pt_tag\", \"resample\": \"arc100\"}");
    fm_protocol origin =
        protocol_of(&fm_grader_path2d,
                    "{\"extract\": \"pt_tag\", \"resample\": \"arc100\", \"empty\": \"origin\"}");

    cr_assert(eq(dbl, score(&origin, &sample, "none", "dfd"), 0.5)); /* 3-4-5 */
    fm_grade grade = graded(&skip, &sample, "none");
    cr_assert(eq(int, value(&skip, &grade, "dfd")->kind, FM_VALUE_ABSENT));
    cr_assert(eq(str, (char *)origin.policy, "origin"));
    refuses(&fm_grader_path2d,
            "{\"extract\": \"pt_tag\", \"resample\": \"arc100\", \"empty\": \"zero\"}",
            "suite.yaml: 'empty' must be one of skip, origin");
}

/* ---- measures ---- */

static fm_sample measured(double value, const char *unit)
{
    return (fm_sample){.id = "1",
                       .kind = FM_ANSWER_QUANTITY,
                       .truth.quantity = {.values = {value}, .n = 1, .unit = unit}};
}

Test(graders_space, a_ratio_is_open_or_closed)
{
    fm_sample metre = measured(100, "cm");
    fm_protocol open = protocol_of(&fm_grader_quantity, "{\"extract\": \"qspatial\"}");
    fm_protocol closed =
        protocol_of(&fm_grader_quantity, "{\"extract\": \"qspatial\", \"closed\": true}");
    static const char half[] = "\\scalar{50} \\distance_unit{cm}";

    cr_assert(eq(dbl, score(&open, &metre, half, "success"), 0));
    cr_assert(eq(dbl, score(&closed, &metre, half, "success"), 1));
    cr_assert(eq(dbl, score(&open, &metre, "\\scalar{1.9} \\distance_unit{m}", "success"), 1));
    cr_assert(eq(dbl, score(&open, &metre, "\\scalar{1.9} \\distance_unit{m}", "predicted"), 190));
    cr_assert(eq(dbl, score(&open, &metre, "about a metre", "success"), 0));
}

/* 0.77 of the truth is within the band of 25 % and outside the ratio of 1.25. */
Test(graders_space, a_band_is_no_ratio)
{
    fm_sample metre = measured(1, "m");
    fm_protocol band =
        protocol_of(&fm_grader_quantity, "{\"extract\": \"length_first\", \"test\": \"band\"}");
    fm_protocol ratio =
        protocol_of(&fm_grader_quantity, "{\"extract\": \"length_first\", \"factor\": 1.25}");

    cr_assert(eq(dbl, score(&band, &metre, "77 cm", "success"), 1));
    cr_assert(eq(dbl, score(&ratio, &metre, "77 cm", "success"), 0));
    cr_assert(eq(dbl, score(&ratio, &metre, "81 cm", "success"), 1));
}

Test(graders_space, numbers_and_hours_have_tests_of_their_own)
{
    fm_sample ten = measured(10, "count"), one = measured(1, "clock");
    fm_protocol mra =
        protocol_of(&fm_grader_quantity, "{\"extract\": \"number_word\", \"primary\": \"mra\"}");
    fm_protocol clock =
        protocol_of(&fm_grader_quantity, "{\"extract\": \"clock\", \"test\": \"clock\"}");

    cr_assert(eq(str, (char *)mra.primary, "mra"));
    cr_assert(eq(dbl, score(&mra, &ten, "8.1", "mra"), 0.7)); /* 0.50 ... 0.80 of ten thresholds */
    cr_assert(eq(dbl, score(&clock, &one, "at 12 o'clock", "success"), 1));
    cr_assert(eq(dbl, score(&clock, &one, "at 11 o'clock", "success"), 0));
}

/* SpatialRGPT-Bench has its judge read both hours; without a judgement nothing can be said. */
Test(graders_space, hours_may_be_a_judges)
{
    fm_sample one = measured(1, "clock");
    fm_protocol judged =
        protocol_of(&fm_grader_quantity, "{\"extract\": \"judged\", \"test\": \"clock\"}");

    cr_assert(isnan(score(&judged, &one, "to the right", "success")));
    one.judgement = "{\"answer_direction\": 2, \"response_direction\": 3}";
    cr_assert(eq(dbl, score(&judged, &one, "to the right", "success"), 1));
    one.judgement = "{\"answer_direction\": 2, \"response_direction\": 4}";
    cr_assert(eq(dbl, score(&judged, &one, "to the right", "success"), 0));
}

Test(graders_space, words_are_a_judges_or_the_reference)
{
    fm_sample sample = {.id = "1",
                        .kind = FM_ANSWER_TEXT,
                        .category = "position",
                        .truth.text = {.reference = "The lamp."}};
    fm_protocol p = protocol_of(&fm_grader_judged, "{\"position\": \"position\"}");
    fm_protocol any = protocol_of(&fm_grader_judged, "{\"over\": 0}");
    static const struct {
        const char *judgement;
        double right, by_position;
    } rows[] = {
        {"{'your_mark': 1}", 1, 1},
        {"{\"your_mark\": 0.5}", 0, 0},
        {"{'answer_in_meters': [1, 2], 'response_in_meters': [1.4, 2]}", 1, 0},
        {"{'answer_in_meters': 1, 'response_in_meters': 1.05}", 1, 1},
        {"{'answer_in_meters': 1, 'response_in_meters': 1.25}", 0, 0},
        {"it is right", 0, 0},
    };

    cr_assert(eq(dbl, score(&p, &sample, " The lamp.\n", "success"), 1));
    cr_assert(eq(dbl, score(&p, &sample, " The lamp.\n", "judged"), 0));
    cr_assert(isnan(score(&p, &sample, "A lamp", "success")));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sample.judgement = rows[i].judgement;
        sample.category = "other";
        cr_expect(eq(dbl, score(&p, &sample, "A lamp", "success"), rows[i].right), "%s",
                  rows[i].judgement);
        sample.category = "position";
        cr_expect(eq(dbl, score(&p, &sample, "A lamp", "success"), rows[i].by_position), "%s",
                  rows[i].judgement);
    }
    sample.judgement = "{\"your_mark\": 0.5}";
    cr_assert(eq(dbl, score(&any, &sample, "A lamp", "success"), 1));
}

/* MSMU: the mean of the ratios over all dimensions. */
Test(graders_space, several_dimensions_share_one_ratio)
{
    fm_sample box = {.id = "1",
                     .kind = FM_ANSWER_QUANTITY,
                     .truth.quantity = {.values = {1, 2}, .n = 2, .unit = "m"}};
    fm_protocol list =
        protocol_of(&fm_grader_quantity, "{\"extract\": \"length_list\", \"factor\": 1.25}");
    fm_protocol judged =
        protocol_of(&fm_grader_quantity, "{\"extract\": \"judged\", \"factor\": 1.25}");

    cr_assert(eq(dbl, score(&list, &box, "1.4 m wide and 2 m high", "success"), 1)); /* 1.2 */
    cr_assert(eq(dbl, score(&list, &box, "1.6 m wide and 2 m high", "success"), 0)); /* 1.3 */
    box.judgement = "{\"answer_in_meters\": [1, 2], \"response_in_meters\": [1.4, 2]}";
    cr_assert(eq(dbl, score(&judged, &box, "whatever was said", "success"), 1));
}
