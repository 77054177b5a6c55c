#include <stdio.h>

#include "base/rng.h"
#include "fathom/polyline.h"
#include "trace_fixture.h"

TestSuite(trace3d, .init = scene_make, .fini = scene_remove);

static fm_trace3d_score grade_with(fm_trace_rules rules, fm_answers_family family,
                                   const fm_raster *with_depth, const fm_raster *with_mask)
{
    fm_trace_scene3d scene = {with_depth, with_mask};
    fm_trace3d_score score;
    fm_err err = {0};

    cr_assert(fm_trace_grade_3d(grader, rules, family, &answer, &truth, &scene, &score, &err) ==
                  FM_OK,
              "%s", err.text);
    return score;
}

static fm_trace3d_score grade(fm_trace_rules rules)
{
    return grade_with(rules, FM_ANSWERS_JSON, &depth, &mask);
}

static bool near(double got, double expected)
{
    return fabs(got - expected) < 1e-5;
}

/* An answer that no text has to spell: points in the camera frame, as (x, y, d). */
static void answer_metres(const double (*xyz)[3], size_t n)
{
    read_reply(FM_ANSWERS_JSON,
               "```\n[[1,1,1],[1,1,1],[1,1,1],[1,1,1],[1,1,1],[1,1,1],[1,1,1],[1,1,1]]\n```");
    cr_assert(n <= answer.n);
    answer.n = n;
    for (size_t i = 0; i < n; i++) {
        answer.points[i][0] = (xyz[i][0] * 120 / xyz[i][2] + 64) / SCENE_WIDTH;
        answer.points[i][1] = (xyz[i][1] * 120 / xyz[i][2] + 48) / SCENE_HEIGHT;
        answer.points[i][2] = xyz[i][2];
    }
}

static const double through_the_wall[][3] = {{-0.3, 0, 1}, {-0.3, 0, 2.2}, {0.3, 0, 1}};
static const double into_the_wall[][3] = {{-0.3, 0, 1}, {-0.3, 0, 1.5}, {0.3, 0, 1}};

Test(trace3d, the_truth_itself_succeeds_by_both_rules)
{
    answer_metres((const double(*)[3])truth_points, 3);
    for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
        fm_trace3d_score s = grade((fm_trace_rules)rules);
        cr_assert(near(s.dfd, 0) && near(s.hd, 0) && near(s.rmse, 0) && near(s.mae, 0));
        cr_assert(s.start_in_mask == FM_TRUE && s.end_in_bbox == FM_TRUE);
        cr_assert(s.start_ok == FM_TRUE && s.end_ok == FM_TRUE && s.collision == FM_FALSE &&
                  s.success == FM_TRUE);
        cr_assert(s.start_distance_m < 0.01 && s.end_distance_m == 0);
        cr_assert(s.object_points > 50 && s.occupied_voxels > 500);
        cr_assert(s.n_ratios == (rules == FM_TRACE_PAPER ? 100 : 3) && s.max_collision_ratio == 0);
        cr_assert(!s.unparsed && !s.no_depth && !s.raises && !s.reason);
    }
}

Test(trace3d, an_object_in_the_wall_collides)
{
    answer_metres(into_the_wall, 3);
    for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
        fm_trace3d_score s = grade((fm_trace_rules)rules);
        cr_assert(s.collision == FM_TRUE && s.success == FM_FALSE && s.max_collision_ratio > 0.2);
        cr_assert(s.start_ok == FM_TRUE && s.end_ok == FM_TRUE);
    }
}

Test(trace3d, between_way_points_only_the_paper_looks)
{
    answer_metres(through_the_wall, 3);
    cr_assert(grade(FM_TRACE_REFERENCE).collision == FM_FALSE);
    cr_assert(grade(FM_TRACE_REFERENCE).success == FM_TRUE);
    cr_assert(grade(FM_TRACE_PAPER).collision == FM_TRUE);
    cr_assert(grade(FM_TRACE_PAPER).success == FM_FALSE);
}

/* The lowest voxels start 1 cm before the wall; truncation takes what is up to 2 cm nearer for
 * them. */
Test(trace3d, just_outside_of_the_grid_only_upstream_sees_a_collision)
{
    static const double close[][3] = {{-0.3, 0, 1}, {-0.3, 0, 1.48}, {0.3, 0, 1}};

    answer_metres(close, 3);
    fm_trace3d_score a = grade(FM_TRACE_REFERENCE), b = grade(FM_TRACE_PAPER);
    cr_assert(fabs(a.grid_origin[2] - 1.49) < 0.005, "%g", a.grid_origin[2]);
    cr_assert(a.collision == FM_TRUE && b.collision == FM_FALSE, "%g %g", a.max_collision_ratio,
              b.max_collision_ratio);
}

Test(trace3d, an_end_at_exactly_the_limit_is_too_far)
{
    static const double at_limit[][3] = {{-0.3, 0, 1}, {0, 0, 0.2}};

    answer_metres(at_limit, 2);
    memset(truth.box.center, 0, sizeof(truth.box.center));
    memset(truth.box.extent, 0, sizeof(truth.box.extent));
    for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
        fm_trace3d_score s = grade((fm_trace_rules)rules);
        cr_assert(s.end_distance_m == 0.2 && s.end_ok == FM_FALSE);
        answer.points[1][2] = nextafter(0.2, 0);
        cr_assert(grade((fm_trace_rules)rules).end_ok == FM_TRUE);
        answer.points[1][2] = 0.2;
    }
}

Test(trace3d, only_upstream_accepts_a_start_near_the_true_one_but_far_from_the_object)
{
    static const double apart[][3] = {{-0.3, 0.5, 1}, {0.3, 0, 1}};

    answer_metres(apart, 2);
    truth_points[0][1] = 0.6;
    fm_trace3d_score a = grade(FM_TRACE_REFERENCE), b = grade(FM_TRACE_PAPER);
    cr_assert(a.start_ok == FM_TRUE && near(a.start_distance_m, 0.1), "%g", a.start_distance_m);
    cr_assert(b.start_ok == FM_FALSE && b.start_distance_m > 0.4, "%g", b.start_distance_m);
}

Test(trace3d, of_two_points_upstream_takes_the_last_and_the_paper_either)
{
    static const double back[][3] = {{0.3, 0, 1}, {-0.3, 0, 1}};

    answer_metres(back, 2);
    cr_assert(grade(FM_TRACE_REFERENCE).end_ok == FM_FALSE);
    cr_assert(near(grade(FM_TRACE_REFERENCE).end_distance_m, 0.5));
    cr_assert(grade(FM_TRACE_PAPER).end_ok == FM_TRUE);
    cr_assert(grade(FM_TRACE_PAPER).end_distance_m == 0);
}

Test(trace3d, a_single_point_is_a_path_that_stays)
{
    static const double only[][3] = {{-0.3, 0, 1}};

    answer_metres(only, 1);
    for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
        fm_trace3d_score s = grade((fm_trace_rules)rules);
        cr_assert(near(s.dfd, 0.6) && s.start_ok == FM_TRUE && s.end_ok == FM_FALSE &&
                  s.collision == FM_FALSE);
    }
}

Test(trace3d, an_object_without_a_cloud)
{
    answer_metres((const double(*)[3])truth_points, 3);
    memset(mask.data, 0, SCENE_WIDTH * SCENE_HEIGHT);
    fm_trace3d_score a = grade(FM_TRACE_REFERENCE), b = grade(FM_TRACE_PAPER);
    cr_assert(a.object_points == 0 && isnan(a.start_distance_m) && a.start_ok == FM_FALSE);
    cr_assert(a.collision == FM_FALSE && a.n_ratios == 0 && a.occupied_voxels == -1);
    cr_assert(b.start_ok == FM_FALSE && b.collision == FM_TRUE && b.success == FM_FALSE);
    cr_assert(same_text(a.reason, "empty object cloud") &&
              same_text(b.reason, "empty object cloud"));
    cr_assert(a.end_ok == FM_TRUE && b.end_ok == FM_TRUE);
}

Test(trace3d, a_scene_without_a_surface_is_free_upstream_and_a_failure_by_the_paper)
{
    uint16_t *d = depth.data;

    answer_metres((const double(*)[3])truth_points, 3);
    for (int i = 0; i < SCENE_WIDTH * SCENE_HEIGHT; i++)
        d[i] = d[i] == WALL_MM ? 0 : d[i];
    fm_trace3d_score a = grade(FM_TRACE_REFERENCE), b = grade(FM_TRACE_PAPER);
    cr_assert(a.collision == FM_FALSE && a.success == FM_TRUE && a.occupied_voxels == 0);
    cr_assert(b.collision == FM_TRUE && b.success == FM_FALSE);
    cr_assert(same_text(a.reason, "no surface") && same_text(b.reason, "no surface"));
}

Test(trace3d, a_mask_of_another_size_is_resized_for_the_object_and_stops_the_collision_check)
{
    fm_raster half = {0};

    answer_metres(into_the_wall, 3);
    cr_assert(fm_raster_reserve(&half, SCENE_WIDTH / 2, SCENE_HEIGHT / 2, 1, 8, NULL) == FM_OK);
    for (int y = 0; y < SCENE_HEIGHT / 2; y++)
        for (int x = 0; x < SCENE_WIDTH / 2; x++)
            ((uint8_t *)half.data)[y * SCENE_WIDTH / 2 + x] =
                ((uint8_t *)mask.data)[2 * y * SCENE_WIDTH + 2 * x];
    fm_trace3d_score a = grade_with(FM_TRACE_REFERENCE, FM_ANSWERS_JSON, &depth, &half);
    fm_trace3d_score b = grade_with(FM_TRACE_PAPER, FM_ANSWERS_JSON, &depth, &half);
    fm_raster_release(&half);
    cr_assert(a.start_ok == FM_TRUE && a.collision == FM_FALSE && a.success == FM_TRUE);
    cr_assert(b.start_ok == FM_TRUE && b.collision == FM_TRUE && b.success == FM_FALSE);
    cr_assert(same_text(a.reason, "mask and depth map differ in size") &&
              same_text(b.reason, a.reason));
}

Test(trace3d, missing_rasters_cost_only_what_needs_them)
{
    for (int missing = 1; missing < 4; missing++) {
        const fm_raster *d = missing & 1 ? NULL : &depth, *m = missing & 2 ? NULL : &mask;

        answer_metres((const double(*)[3])truth_points, 3);
        fm_trace3d_score a = grade_with(FM_TRACE_REFERENCE, FM_ANSWERS_JSON, d, m);
        cr_assert(a.start_ok == FM_UNKNOWN && isnan(a.start_distance_m));
        cr_assert(a.end_ok == FM_TRUE && a.end_distance_m == 0 && near(a.dfd, 0) &&
                  a.end_in_bbox == FM_TRUE);
        cr_assert(a.collision == FM_UNKNOWN && a.success == FM_UNKNOWN && a.object_points == -1);
        cr_assert(a.start_in_mask == (m ? FM_TRUE : FM_UNKNOWN));
        cr_assert(same_text(a.reason, d ? "no mask" : "no depth map"), "%s", a.reason);

        fm_trace3d_score b = grade_with(FM_TRACE_PAPER, FM_ANSWERS_JSON, d, m);
        cr_assert(b.start_ok == FM_UNKNOWN && b.collision == FM_UNKNOWN && b.success == FM_UNKNOWN);
        cr_assert(b.end_ok == FM_TRUE && near(b.dfd, 0) && b.reason);

        static const double astray[][3] = {{-0.05, 0, 1}, {-0.3, 0, 1}};
        answer_metres(astray, 2);
        a = grade_with(FM_TRACE_REFERENCE, FM_ANSWERS_JSON, d, m);
        b = grade_with(FM_TRACE_PAPER, FM_ANSWERS_JSON, d, m);
        cr_assert(a.end_ok == FM_FALSE && a.success == FM_UNKNOWN,
                  "a known failure alone would bend the rate");
        cr_assert(b.end_ok == FM_FALSE && b.success == FM_UNKNOWN);
    }
}

Test(trace3d, truth_without_box_or_with_singular_intrinsics)
{
    answer_metres((const double(*)[3])truth_points, 3);
    truth.has_box = false;
    fm_trace3d_score a = grade(FM_TRACE_REFERENCE), b = grade(FM_TRACE_PAPER);
    cr_assert(a.end_ok == FM_FALSE && a.end_in_bbox == FM_FALSE && isnan(a.end_distance_m) &&
              same_text(a.reason, "no destination box"));
    cr_assert(b.end_ok == FM_UNKNOWN && b.success == FM_UNKNOWN &&
              same_text(b.reason, "no destination box"));
    truth.has_box = true;
    truth.camera.fy = 0;
    for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
        a = grade((fm_trace_rules)rules);
        cr_assert(a.start_ok == FM_UNKNOWN && a.success == FM_UNKNOWN && isnan(a.dfd));
        cr_assert(same_text(a.reason, "singular intrinsics"));
    }
}

Test(trace3d, a_grader_remembers_nothing_of_the_item_before)
{
    fm_trace3d_score first, again;

    answer_metres(into_the_wall, 3);
    first = grade(FM_TRACE_REFERENCE);
    double ratio = first.max_collision_ratio;
    answer_metres(through_the_wall, 2);
    (void)grade(FM_TRACE_PAPER);
    read_reply(FM_ANSWERS_JSON, "nothing");
    (void)grade(FM_TRACE_REFERENCE);
    answer_metres(into_the_wall, 3);
    again = grade(FM_TRACE_REFERENCE);
    cr_assert(again.max_collision_ratio == ratio && again.dfd == first.dfd);
    cr_assert(again.start_distance_m == first.start_distance_m &&
              again.occupied_voxels == first.occupied_voxels);
}

/* The contract for odd replies, from the text on. Verdicts: start, end, collision, success. */
Test(trace3d, odd_replies_are_judged_by_the_contract)
{
    enum { F = FM_FALSE, T = FM_TRUE, U = FM_UNKNOWN };
    static const struct {
        fm_answers_family family;
        const char *text;
        enum { OK, UNPARSED, NO_DEPTH, RAISES } kind; /* by reference rules */
        const char *reference_reason;
        int reference[4], paper[4];
        const char *paper_reason;
    } table[] = {
        {FM_ANSWERS_TUPLES,
         "[(219, 500, 1), (781, 500, 1)]",
         OK,
         NULL,
         {T, T, F, T},
         {T, T, F, T},
         NULL},
        {FM_ANSWERS_TUPLES,
         "[(219, 500, 1, 7), (781, 500, 1, 7)]",
         OK,
         NULL,
         {T, T, F, T},
         {T, T, F, T},
         NULL},
        {FM_ANSWERS_TUPLES,
         "[(219, 500), (781, 500)]",
         NO_DEPTH,
         "no depth",
         {U, U, U, U},
         {F, F, T, F},
         "no depth"},
        {FM_ANSWERS_TUPLES,
         "[( 219, 500, 1 )]",
         NO_DEPTH,
         "no depth",
         {U, U, U, U},
         {F, F, T, F},
         "no points"},
        {FM_ANSWERS_TUPLES, "", NO_DEPTH, "no depth", {U, U, U, U}, {F, F, T, F}, "no points"},
        {FM_ANSWERS_TUPLES, NULL, NO_DEPTH, "no depth", {U, U, U, U}, {F, F, T, F}, "no points"},
        {FM_ANSWERS_TUPLES,
         "[(219, 500), (781, 500, 1)]",
         OK,
         "path is not finite",
         {F, T, F, F},
         {F, T, T, F},
         "path is not finite"},
        {FM_ANSWERS_TUPLES,
         "[(219, 500, 1), (781, 500)]",
         OK,
         "path is not finite",
         {T, F, F, F},
         {T, F, T, F},
         "path is not finite"},
        {FM_ANSWERS_TUPLES,
         "[(219, 500, 1), (219, 500, 1), (781, 500, 1)]",
         OK,
         "path is not finite",
         {T, T, F, T},
         {T, T, F, T},
         NULL},
        {FM_ANSWERS_TUPLES,
         "[(219, 500, 1), (781, 500, 1), (781, 500)]",
         OK,
         "path is not finite",
         {T, F, F, F},
         {T, T, T, F},
         "path is not finite"},
        {FM_ANSWERS_TUPLES,
         "[(219, 500, 1), (781, 500), (781, 500, 1)]",
         OK,
         "path is not finite",
         {T, T, F, T},
         {T, T, T, F},
         "path is not finite"},
        {FM_ANSWERS_JSON,
         "```\n[[219, 500, 1], [781, 500, 1]]\n```",
         OK,
         NULL,
         {T, T, F, T},
         {T, T, F, T},
         NULL},
        {FM_ANSWERS_JSON,
         "[[219, 500, 1], [781, 500, 1]]",
         UNPARSED,
         "no points",
         {F, F, F, F},
         {F, F, T, F},
         "no points"},
        {FM_ANSWERS_JSON,
         "```\n[[219, 500, 1],]\n```",
         UNPARSED,
         "no points",
         {F, F, F, F},
         {F, F, T, F},
         "no points"},
        {FM_ANSWERS_JSON,
         "```\n{\"note\": 1}\n```",
         NO_DEPTH,
         "no depth",
         {U, U, U, U},
         {F, F, T, F},
         "no points"},
        {FM_ANSWERS_JSON,
         "```\n[[219, 500], [781, 500]]\n```",
         NO_DEPTH,
         "no depth",
         {U, U, U, U},
         {F, F, T, F},
         "no depth"},
        {FM_ANSWERS_JSON, NULL, RAISES, NULL, {U, U, U, U}, {F, F, T, F}, "no points"},
        {FM_ANSWERS_JSON,
         "```\n[[219, 500], [781, 500, 1]]\n```",
         RAISES,
         NULL,
         {U, U, U, U},
         {F, F, T, F},
         "no points"},
        {FM_ANSWERS_JSON,
         "```\n[[NaN, 500, 1], [781, 500, 1]]\n```",
         OK,
         "path is not finite",
         {F, T, F, F},
         {F, T, T, F},
         "path is not finite"},
        {FM_ANSWERS_JSON,
         "```\n[[219, 500, 1], [781, 500, Infinity]]\n```",
         OK,
         "path is not finite",
         {T, F, F, F},
         {T, F, T, F},
         "path is not finite"},
    };

    for (size_t i = 0; i < FM_COUNT_OF(table); i++) {
        read_reply(table[i].family, table[i].text);
        for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
            bool paper = rules == FM_TRACE_PAPER;
            fm_trace3d_score s = grade_with((fm_trace_rules)rules, table[i].family, &depth, &mask);
            const int *want = paper ? table[i].paper : table[i].reference;

            cr_expect((int)s.start_ok == want[0] && (int)s.end_ok == want[1] &&
                          (int)s.collision == want[2] && (int)s.success == want[3],
                      "%zu, rules %d: %d %d %d %d", i, rules, s.start_ok, s.end_ok, s.collision,
                      s.success);
            const char *reason = paper ? table[i].paper_reason : table[i].reference_reason;
            cr_expect(same_text(s.reason, reason), "%zu, rules %d: %s", i, rules, s.reason);
            if (!paper) {
                cr_expect(s.unparsed == (table[i].kind == UNPARSED), "%zu", i);
                cr_expect(s.no_depth == (table[i].kind == NO_DEPTH), "%zu", i);
                cr_expect((s.raises != NULL) == (table[i].kind == RAISES), "%zu", i);
            }
            if (want[0] == U)
                cr_expect(isnan(s.dfd) && s.start_in_mask == FM_UNKNOWN && s.object_points == -1,
                          "%zu", i);
        }
    }
}

/* A point of a random reply: mostly somewhere in the scene, at times absurd, repeated or cut
 * short. */
static size_t put_point(char *out, size_t room, fm_answers_family family, fm_rng *rng)
{
    static const char *const odd[] = {"0", "-0", "1000000000000", "-7", "0.0000001", "219"};
    bool tuples = family == FM_ANSWERS_TUPLES;
    size_t used = (size_t)snprintf(out, room, "%s", tuples ? "(" : "[");
    int columns = fm_rng_below(rng, 8) ? 3 : 2;

    for (int i = 0; i < columns; i++) {
        used += (size_t)snprintf(out + used, room - used, "%s", i ? ", " : "");
        if (fm_rng_below(rng, 12) == 0)
            used += (size_t)snprintf(out + used, room - used, "%s",
                                     odd[fm_rng_below(rng, FM_COUNT_OF(odd))]);
        else
            used += (size_t)snprintf(out + used, room - used, "%.3f",
                                     fm_rng_range(rng, 0, i < 2 ? 1000 : 2));
    }
    return used + (size_t)snprintf(out + used, room - used, "%s", tuples ? ")" : "]");
}

Test(trace3d, random_replies_are_judged_consistently)
{
    static char text[8192];
    fm_rng rng;

    fm_rng_seed(&rng, 20251122);
    for (int round = 0; round < 400; round++) {
        fm_answers_family family = round % 2 ? FM_ANSWERS_TUPLES : FM_ANSWERS_JSON;
        size_t n = fm_rng_below(&rng, 12), used = 0;

        used += (size_t)snprintf(text, sizeof(text), "```json\n[");
        for (size_t i = 0; i < n; i++) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", i ? ", " : "");
            used += put_point(text + used, sizeof(text) - used, family, &rng);
        }
        snprintf(text + used, sizeof(text) - used, "]\n```");
        read_reply(family, text);
        for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
            fm_trace3d_score s = grade_with((fm_trace_rules)rules, family, &depth, &mask);

            cr_assert(s.unparsed + s.no_depth + (s.raises != NULL) <= 1, "%s", text);
            cr_assert(isnan(s.dfd) || s.hd <= s.dfd * (1 + 1e-6), "%s: %g %g", text, s.dfd, s.hd);
            cr_assert(isnan(s.dfd) == isnan(s.mae), "%s", text);
            cr_assert(!isnan(s.dfd) || s.reason || s.raises, "%s", text);
            if (s.start_ok != FM_UNKNOWN)
                cr_assert((s.success == FM_TRUE) == (s.start_ok == FM_TRUE && s.end_ok == FM_TRUE &&
                                                     s.collision == FM_FALSE),
                          "%s", text);
        }
    }
}

Test(trace3d, the_longest_reply_is_judged_in_bounded_time)
{
    size_t n = FM_TRACE_MAX_POINTS, size = n * 16;
    char *text = malloc(size + 1);

    cr_assert(text != NULL);
    for (size_t i = 0; i < n; i++)
        snprintf(text + i * 16, 17, "(%03zu, 500, 1.25)", i % 1000);
    read_reply(FM_ANSWERS_TUPLES, text);
    free(text);
    cr_assert(answer.n == n);
    for (int rules = FM_TRACE_REFERENCE; rules <= FM_TRACE_PAPER; rules++) {
        fm_trace3d_score s = grade_with((fm_trace_rules)rules, FM_ANSWERS_TUPLES, &depth, &mask);
        cr_assert(!isnan(s.dfd) && s.n_ratios == (rules == FM_TRACE_PAPER ? FM_PATH_SAMPLES : n));
    }
}
