#include "trace_fixture.h"

TestSuite(trace2d, .init = scene_make, .fini = scene_remove);

static fm_trace2d_score grade_with(fm_trace_rules rules, fm_answers_family family,
                                   const fm_raster *with_mask)
{
    fm_trace_scene2d scene = {with_mask};
    fm_trace2d_score score;
    fm_err err = {0};

    cr_assert(fm_trace_grade_2d(grader, rules, family, &answer, &truth, &scene, &score, &err) ==
                  FM_OK,
              "%s", err.text);
    return score;
}

static fm_trace2d_score grade(fm_trace_rules rules)
{
    return grade_with(rules, FM_ANSWERS_JSON, &mask);
}

static bool near(double got, double expected)
{
    return fabs(got - expected) < 1e-6;
}

/* An answer that no text has to spell: points without depth, in pixels. */
static void answer_pixels(const double (*uv)[2], size_t n)
{
    read_reply(FM_ANSWERS_JSON, "```\n[[1,1],[1,1],[1,1],[1,1],[1,1],[1,1],[1,1],[1,1]]\n```");
    cr_assert(n <= answer.n);
    answer.n = n;
    for (size_t i = 0; i < n; i++) {
        answer.points[i][0] = uv[i][0] / SCENE_WIDTH;
        answer.points[i][1] = uv[i][1] / SCENE_HEIGHT;
    }
}

static const double true_pixels[][2] = {{28, 48}, {64, 24}, {100, 48}};

Test(trace2d, the_truth_itself_has_no_error_and_meets_both_verdicts)
{
    for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
        answer_pixels(true_pixels, 3);
        fm_trace2d_score s = grade((fm_trace_rules)rules);
        cr_assert(near(s.dfd, 0) && near(s.hd, 0) && near(s.rmse, 0) && near(s.mae, 0));
        cr_assert(s.start_in_mask == FM_TRUE && s.end_in_bbox == FM_TRUE);
        cr_assert(!s.unparsed && !s.raises && !s.reason);
    }
}

/* Corners of the near face: 0.3 -+ 0.1 at z = 0.9. */
Test(trace2d, the_box_fills_the_rectangle_of_its_corners)
{
    answer_pixels(true_pixels, 3);
    for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
        fm_trace2d_score s = grade((fm_trace_rules)rules);
        cr_assert(fabs(s.bbox_2d.x0 - (64 + 0.2 * 120 / 1.1)) < 1e-4);
        cr_assert(fabs(s.bbox_2d.x1 - (64 + 0.4 * 120 / 0.9)) < 1e-4);
        cr_assert(fabs(s.bbox_2d.y0 - (48 - 0.1 * 120 / 0.9)) < 1e-4);
        cr_assert(fabs(s.bbox_2d.y1 - (48 + 0.1 * 120 / 0.9)) < 1e-4);
    }
}

Test(trace2d, a_shifted_trace_is_as_far_as_the_shift)
{
    static const double shifted[][2] = {{28, 57.6}, {64, 33.6}, {100, 57.6}};

    for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
        answer_pixels(shifted, 3);
        fm_trace2d_score s = grade((fm_trace_rules)rules);
        cr_assert(near(s.dfd, 0.1) && near(s.rmse, 0.1) && near(s.mae, 0.05), "%g %g %g", s.dfd,
                  s.rmse, s.mae);
        cr_assert(s.hd <= s.dfd + 1e-9 && s.start_in_mask == FM_FALSE);
    }
}

Test(trace2d, the_start_is_rounded_half_to_even)
{
    static const struct {
        double u;
        fm_verdict in;
    } table[] = {{21.5, FM_TRUE},   {21.49, FM_FALSE}, {34.5, FM_TRUE},
                 {34.51, FM_FALSE}, {-0.4, FM_FALSE},  {500, FM_FALSE}};

    for (size_t i = 0; i < FM_COUNT_OF(table); i++) {
        double uv[2][2] = {{table[i].u, 48}, {100, 48}};

        answer_pixels((const double(*)[2])uv, 2);
        for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++)
            cr_assert(grade((fm_trace_rules)rules).start_in_mask == table[i].in, "%g", table[i].u);
    }
}

/* 0.23 in float32 times 150 is 34.5000006 in double, past the object's last column, and 34.5 in
 * float32, which rounds to it. */
Test(trace2d, upstream_keeps_the_pixels_of_tuples_in_float32)
{
    read_reply(FM_ANSWERS_TUPLES, "[(230, 500), (781, 500)]");
    truth.width = 150;
    cr_assert(grade_with(FM_TRACE_REFERENCE, FM_ANSWERS_TUPLES, &mask).start_in_mask == FM_TRUE);
    cr_assert(grade_with(FM_TRACE_REFERENCE, FM_ANSWERS_JSON, &mask).start_in_mask == FM_FALSE);
}

/* A true point in the camera's plane is seen at the principal point, one behind it upside down. */
Test(trace2d, upstream_projects_what_is_not_in_front_of_the_camera)
{
    static const double seen[][2] = {{64, 48}, {28, 60}};

    answer_pixels(seen, 2);
    truth.n = 2;
    memcpy(truth_points, (double[2][3]){{0, 0, 0}, {0.3, -0.1, -1}}, sizeof(double[2][3]));
    cr_assert(near(grade(FM_TRACE_REFERENCE).dfd, 0));
}

Test(trace2d, the_end_may_be_any_of_the_last_three_points)
{
    static const double third[][2] = {{28, 48}, {100, 48}, {1, 1}, {2, 2}},
                        fourth[][2] = {{100, 48}, {28, 48}, {1, 1}, {2, 2}};

    for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
        answer_pixels(third, 4);
        cr_assert(grade((fm_trace_rules)rules).end_in_bbox == FM_TRUE);
        answer_pixels(fourth, 4);
        cr_assert(grade((fm_trace_rules)rules).end_in_bbox == FM_FALSE);
    }
}

Test(trace2d, of_two_points_upstream_takes_the_last_and_the_paper_either)
{
    static const double uv[][2] = {{100, 48}, {28, 48}};

    answer_pixels(uv, 2);
    cr_assert(grade(FM_TRACE_REFERENCE).end_in_bbox == FM_FALSE);
    cr_assert(grade(FM_TRACE_PAPER).end_in_bbox == FM_TRUE);
}

Test(trace2d, a_single_point_is_a_path_that_stays)
{
    static const double uv[][2] = {{100, 48}};

    answer_pixels(uv, 1);
    fm_trace2d_score a = grade(FM_TRACE_REFERENCE), b = grade(FM_TRACE_PAPER);
    cr_assert(a.end_in_bbox == FM_TRUE && b.end_in_bbox == FM_TRUE);
    cr_assert(near(a.dfd, 72.0 / 128) && near(b.dfd, 72.0 / 128), "%g %g", a.dfd, b.dfd);
}

Test(trace2d, nothing_parsed_is_upstreams_path_at_the_origin)
{
    read_reply(FM_ANSWERS_JSON, "no fence");
    fm_trace2d_score s = grade(FM_TRACE_REFERENCE);
    cr_assert(s.unparsed && s.start_in_mask == FM_FALSE && s.end_in_bbox == FM_FALSE);
    cr_assert(near(s.dfd, hypot(100.0 / 128, 48.0 / 96)), "%g", s.dfd);
    ((uint8_t *)mask.data)[0] = 1; /* the origin is looked up like any other start */
    cr_assert(grade(FM_TRACE_REFERENCE).start_in_mask == FM_TRUE);

    s = grade(FM_TRACE_PAPER);
    cr_assert(s.unparsed && s.start_in_mask == FM_FALSE && s.end_in_bbox == FM_FALSE &&
              isnan(s.dfd));
    cr_assert(same_text(s.reason, "no points"));
}

Test(trace2d, a_repeated_first_point_has_no_path_metrics_upstream)
{
    static const double uv[][2] = {{28, 48}, {28, 48}, {64, 24}, {100, 48}};

    answer_pixels(uv, 4);
    fm_trace2d_score s = grade(FM_TRACE_REFERENCE);
    cr_assert(isnan(s.dfd) && isnan(s.hd) && isnan(s.rmse) && isnan(s.mae));
    cr_assert(same_text(s.reason, "path is not finite"));
    cr_assert(s.start_in_mask == FM_TRUE && s.end_in_bbox == FM_TRUE);
    s = grade(FM_TRACE_PAPER);
    cr_assert(near(s.dfd, 0) && !s.reason);
}

Test(trace2d, a_path_out_of_all_bounds_has_no_path_metrics_upstream)
{
    static const double uv[][2] = {{28, 48}, {100, 48}, {1e6, 48}};

    answer_pixels(uv, 3);
    fm_trace2d_score s = grade(FM_TRACE_REFERENCE);
    cr_assert(isnan(s.dfd) && isnan(s.mae) && same_text(s.reason, "Frechet distance over 100"));
    cr_assert(grade(FM_TRACE_PAPER).dfd > 100);
}

Test(trace2d, a_missing_mask_costs_the_start_alone)
{
    answer_pixels(true_pixels, 3);
    for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
        fm_trace2d_score s = grade_with((fm_trace_rules)rules, FM_ANSWERS_JSON, NULL);
        cr_assert(s.start_in_mask == FM_UNKNOWN && same_text(s.reason, "no mask"));
        cr_assert(s.end_in_bbox == FM_TRUE && near(s.dfd, 0));
    }
}

Test(trace2d, truth_without_box_or_with_singular_intrinsics)
{
    answer_pixels(true_pixels, 3);
    truth.has_box = false;
    cr_assert(grade(FM_TRACE_REFERENCE).end_in_bbox == FM_FALSE);
    cr_assert(same_text(grade(FM_TRACE_REFERENCE).reason, "no destination box"));
    cr_assert(grade(FM_TRACE_PAPER).end_in_bbox == FM_UNKNOWN);
    truth.has_box = true;
    truth.camera.fx = 0;
    for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
        fm_trace2d_score s = grade((fm_trace_rules)rules);
        cr_assert(s.start_in_mask == FM_TRUE && s.end_in_bbox == FM_UNKNOWN && isnan(s.dfd));
        cr_assert(same_text(s.reason, "singular intrinsics"));
    }
}

Test(trace2d, nan_in_the_annotation_costs_the_path_metrics)
{
    answer_pixels(true_pixels, 3);
    truth_points[1][0] = NAN;
    for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
        fm_trace2d_score s = grade((fm_trace_rules)rules);
        cr_assert(isnan(s.dfd) && same_text(s.reason, "path is not finite"));
        cr_assert(s.start_in_mask == FM_TRUE && s.end_in_bbox == FM_TRUE);
    }
}

/* The contract for odd replies, from the text on. */
Test(trace2d, odd_replies_are_judged_by_the_contract)
{
    static const struct {
        fm_answers_family family;
        const char *text;
        bool unparsed;      /* both */
        const char *raises; /* reference */
        bool path_defined;  /* reference */
        fm_verdict paper_start;
        const char *paper_reason;
    } table[] = {
        {FM_ANSWERS_TUPLES, "[(219, 500), (781, 500)]", false, NULL, true, FM_TRUE, NULL},
        {FM_ANSWERS_TUPLES, "[(219, 500, 1.0), (781, 500)]", false, NULL, true, FM_TRUE, NULL},
        {FM_ANSWERS_TUPLES, "[( 219, 500 ), ( 781, 500 )]", true, NULL, true, FM_FALSE,
         "no points"},
        {FM_ANSWERS_TUPLES, "I cannot help with that.", true, NULL, true, FM_FALSE, "no points"},
        {FM_ANSWERS_TUPLES, "", true, NULL, true, FM_FALSE, "no points"},
        {FM_ANSWERS_TUPLES, NULL, true, NULL, true, FM_FALSE, "no points"},
        {FM_ANSWERS_TUPLES, "[(219, 500), (219, 500), (781, 500)]", false, NULL, false, FM_TRUE,
         NULL},
        {FM_ANSWERS_JSON, "```\n[[219, 500], [781, 500]]\n```", false, NULL, true, FM_TRUE, NULL},
        {FM_ANSWERS_JSON, "[[219, 500], [781, 500]]", true, NULL, true, FM_FALSE, "no points"},
        {FM_ANSWERS_JSON, "```\n[[219, 500], [781\n```", true, NULL, true, FM_FALSE, "no points"},
        {FM_ANSWERS_JSON, "```\n{}\n```", true, NULL, true, FM_FALSE, "no points"},
        {FM_ANSWERS_JSON, NULL, true, "TypeError", false, FM_FALSE, "no points"},
        {FM_ANSWERS_JSON, "```\n[[219, 500], [781, 500, 1]]\n```", true, "ValueError", false,
         FM_FALSE, "no points"},
        {FM_ANSWERS_JSON, "```\n[[NaN, 500], [781, 500]]\n```", false, "ValueError", false,
         FM_FALSE, "path is not finite"},
        {FM_ANSWERS_JSON, "```\n[[219, Infinity], [781, 500]]\n```", false, "OverflowError", false,
         FM_FALSE, "path is not finite"},
        {FM_ANSWERS_JSON, "```\n[[219, 500], [NaN, 500]]\n```", false, NULL, false, FM_TRUE,
         "path is not finite"},
    };

    for (size_t i = 0; i < FM_COUNT_OF(table); i++) {
        read_reply(table[i].family, table[i].text);
        fm_trace2d_score a = grade_with(FM_TRACE_REFERENCE, table[i].family, &mask);
        fm_trace2d_score b = grade_with(FM_TRACE_PAPER, table[i].family, &mask);

        cr_assert(same_text(a.raises, table[i].raises), "%zu: %s", i, a.raises);
        cr_assert(a.unparsed == (table[i].unparsed && !table[i].raises) &&
                      b.unparsed == table[i].unparsed,
                  "%zu", i);
        cr_assert(isnan(a.dfd) != table[i].path_defined, "%zu: %g", i, a.dfd);
        if (table[i].raises)
            cr_assert(a.start_in_mask == FM_UNKNOWN && a.end_in_bbox == FM_UNKNOWN, "%zu", i);
        cr_assert(b.start_in_mask == table[i].paper_start && !b.raises, "%zu", i);
        cr_assert(same_text(b.reason, table[i].paper_reason), "%zu: %s", i, b.reason);
        cr_assert(b.end_in_bbox != FM_UNKNOWN, "%zu", i);
    }
}
