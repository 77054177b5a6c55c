/* The metrics of the suites with one answer a sample, on values worked out by hand. The relative
 * accuracies are those of ten lines of Python that compute the thresholds as numpy.linspace does. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/rng.h"
#include "base/size.h"
#include "fathom/accuracy.h"
#include "fathom/measuring.h"
#include "fathom/path.h"
#include "fathom/pointing.h"

static fm_arena arena;

static void release(void)
{
    fm_arena_release(&arena);
}

TestSuite(path, .fini = release);

/* ---- measuring ---- */

Test(measuring, a_ratio_is_strict_unless_closed)
{
    cr_assert(fm_within_ratio(1.99, 1, 2, false));
    cr_assert(fm_within_ratio(2, 1, 2, false) == false);
    cr_assert(fm_within_ratio(2, 1, 2, true));
    cr_assert(fm_within_ratio(0.5, 1, 2, true));
    cr_assert(fm_within_ratio(0.5, 1, 2, false) == false);
    cr_assert(fm_within_ratio(1.49, 1, 1.5, false));
    cr_assert(fm_within_ratio(0, 1, 2, true) == false);
    cr_assert(fm_within_ratio(-1, 1, 2, true) == false);
    cr_assert(fm_within_ratio(NAN, 1, 2, true) == false);
    cr_assert(fm_within_ratio(INFINITY, INFINITY, 2, true) == false);
    cr_assert(fm_within_ratio(1, 0, 2, true) == false);
}

/* 0.77 of the truth is within a band of a quarter and not within the ratio 1.25. */
Test(measuring, a_band_is_not_a_ratio)
{
    cr_assert(fm_within_band(0.75, 1, 0.25) && fm_within_band(1.25, 1, 0.25));
    cr_assert(fm_within_band(0.77, 1, 0.25));
    cr_assert(fm_within_ratio(0.77, 1, 1.25, false) == false);
    cr_assert(fm_within_band(0.74, 1, 0.25) == false);
    cr_assert(fm_within_band(1.26, 1, 0.25) == false);
    cr_assert(fm_within_band(NAN, 1, 0.25) == false);
    cr_assert(fm_within_band(0, 0, 0.25) == false);
}

Test(measuring, relative_accuracy_has_ten_thresholds_as_linspace_makes_them)
{
    static const double table[][3] = {
        {1, 1, 1},    {1.04, 1, 1}, {1.05, 1, 1}, {1.1, 1, .9}, {.9, 1, .9},      {1.5, 1, .1},
        {1.51, 1, 0}, {.5, 1, .1},  {11, 10, .9}, {9.5, 10, 1}, {3, 2, .1},       {19, 20, 1},
        {2.5, 2, .6}, {8, 10, .6},  {0, 1, 0},    {NAN, 1, 0},  {INFINITY, 1, 0},
    };

    for (size_t i = 0; i < FM_COUNT_OF(table); i++)
        cr_expect(eq(dbl, fm_mean_relative_accuracy(table[i][0], table[i][1]), table[i][2]));
    cr_assert(isnan(fm_mean_relative_accuracy(1, 0)));
}

Test(measuring, errors_clock_and_means)
{
    static const double p[] = {1, 2}, g[] = {2, 1}, zero[] = {0, 1};

    cr_assert(epsilon_eq(dbl, fm_relative_error(1.5, 1), 0.5 / 1.0001, 1e-15));
    cr_assert(fm_within_clock(12, 1) && fm_within_clock(1, 12) && fm_within_clock(3, 4));
    cr_assert(fm_within_clock(0, 12) && fm_within_clock(12, 11));
    cr_assert(fm_within_clock(3, 5) == false);
    cr_assert(fm_within_clock(2, 12) == false);
    cr_assert(fm_within_clock(NAN, 12) == false);
    cr_assert(eq(dbl, fm_mean_ratio(p, g, 2), 2));
    cr_assert(eq(dbl, fm_mean_ratio(p, p, 2), 1));
    cr_assert(isnan(fm_mean_ratio(zero, g, 2)) && isnan(fm_mean_ratio(p, g, 0)));
    cr_assert(eq(dbl, fm_mean_offset(p, g, 2), 1));
    cr_assert(isnan(fm_mean_offset(p, g, 0)));
}

/* ---- accuracy ---- */

Test(accuracy, means_differ_by_what_is_weighed)
{
    fm_tally cells[] = {{1, 1}, {1, 3}, {0, 0}};

    cr_assert(eq(dbl, fm_mean_micro(cells, 3), 0.5));
    cr_assert(epsilon_eq(dbl, fm_mean_macro(cells, 3, true), 2.0 / 3, 1e-15));
    cr_assert(isnan(fm_mean_macro(cells, 3, false)));
    cr_assert(isnan(fm_mean_micro(cells + 2, 1)));
    cr_assert(isnan(fm_mean_macro(cells + 2, 1, true)));
    fm_tally_add(&cells[0], 0);
    cr_assert(eq(dbl, fm_tally_mean(&cells[0]), 0.5));
}

Test(accuracy, cvbench_weighs_sources_and_vsibench_tasks)
{
    fm_tally ade = {1, 2}, coco = {1, 1}, omni = {1, 4};
    fm_tally levels[] = {{1, 1}, {1, 2}, {0, 0}}, others[] = {{3, 4}, {0, 0}};

    cr_assert(eq(dbl, fm_cvbench_2d(&ade, &coco), 0.75));
    cr_assert(eq(dbl, fm_cvbench_overall(&ade, &coco, &omni), 0.5));
    cr_assert(eq(dbl, fm_vsibench_direction(levels), 0.5));
    cr_assert(eq(dbl, fm_vsibench_overall(levels, others, 2), 0.625));
}

Test(accuracy, a_group_counts_when_all_its_copies_are_right)
{
    static const bool right[] = {true, true, false, true, true};
    static const size_t group[] = {0, 0, 1, 1, 3};
    unsigned char state[4];

    cr_assert(epsilon_eq(dbl, fm_strict_accuracy(right, group, 5, state, 4), 2.0 / 3, 1e-15));
    cr_assert(isnan(fm_strict_accuracy(right, group, 0, state, 4)));
}

/* ---- pointing ---- */

static fm_points points_of(fm_point *items, size_t n)
{
    return (fm_points){.kind = n ? FM_POINTS_FOUND : FM_POINTS_NONE, .items = items, .n = n};
}

/* 4 x 3: 255 at (1, 1), 200 at (2, 1), 100 at (3, 2), 1 at (0, 0). */
static unsigned char pixels[12] = {1, 0, 0, 0, 0, 255, 200, 0, 0, 0, 0, 100};
static const fm_raster mask = {4, 3, 1, 8, pixels, sizeof(pixels)};

Test(pointing, a_mask_counts_by_its_worth)
{
    fm_point items[] = {{.x = 1, .y = 1}, {.x = 2, .y = 1}, {.x = 3, .y = 2}, {.x = 4, .y = 0}};
    fm_points points = points_of(items, 4);
    fm_hits set = fm_hits_on_mask(&points, &mask, FM_MASK_SET);
    fm_hits share = fm_hits_on_mask(&points, &mask, FM_MASK_SHARE);
    fm_hits rounded = fm_hits_on_mask(&points, &mask, FM_MASK_ROUNDED);

    cr_assert(eq(dbl, fm_hits_fraction(&set), 0.75));
    cr_assert(
        epsilon_eq(dbl, fm_hits_fraction(&share), (1 + 200 / 255.0 + 100 / 255.0) / 4, 1e-15));
    cr_assert(eq(dbl, fm_hits_fraction(&rounded), 0.5));
    cr_assert(set.any_hit && set.first_hit && !set.all_hit);
    points.n = 3;
    set = fm_hits_on_mask(&points, &mask, FM_MASK_SET);
    cr_assert(set.all_hit && fm_hits_counted(&set, 3));
    cr_assert(fm_hits_counted(&set, 2) == false);
    points.n = 0;
    set = fm_hits_on_mask(&points, &mask, FM_MASK_SET);
    cr_assert(eq(dbl, fm_hits_fraction(&set), 0));
    cr_assert(set.all_hit == false && fm_hits_counted(&set, 0) == false);
}

Test(pointing, positions_are_cut_towards_zero)
{
    fm_point items[] = {{.x = -0.9, .y = 0.9},
                        {.x = 1.99, .y = 1.99},
                        {.x = -1, .y = 0},
                        {.x = NAN, .y = 1},
                        {.x = INFINITY, .y = 1}};
    fm_points points = points_of(items, 5);
    fm_hits hits = fm_hits_on_mask(&points, &mask, FM_MASK_SET);

    cr_assert(eq(dbl, hits.inside, 2));
    cr_assert(eq(dbl, hits.n, 5));
}

Test(pointing, a_box_stands_for_its_pixels)
{
    fm_point whole = {.x = 0, .y = 0, .x1 = 4, .y1 = 3, .is_box = true};
    fm_point past = {.x = 2, .y = 1, .x1 = 12, .y1 = 2, .is_box = true};
    fm_point away = {.x = 10, .y = 10, .x1 = 12, .y1 = 12, .is_box = true};
    fm_points points = points_of(&whole, 1);
    fm_hits hits = fm_hits_on_mask(&points, &mask, FM_MASK_SET);

    cr_assert(hits.n == 12 && hits.inside == 4 && hits.first_hit);
    points = points_of(&past, 1);
    hits = fm_hits_on_mask(&points, &mask, FM_MASK_SET);
    cr_assert(hits.n == 10 && hits.inside == 1);
    points = points_of(&away, 1);
    hits = fm_hits_on_mask(&points, &mask, FM_MASK_SET);
    cr_assert(hits.n == 4 && hits.inside == 0);
}

/* What lies outside is moved to the border first. */
Test(pointing, a_clipped_box_piles_up_at_the_border)
{
    fm_point items[] = {
        {.x = 2, .y = 2, .x1 = 6, .y1 = 4, .is_box = true, .clipped = true},
        {.x = -1e9, .y = -2, .x1 = -1e9 + 2, .y1 = 1, .is_box = true, .clipped = true}};
    fm_points points = points_of(items, 1);
    fm_hits hits = fm_hits_on_mask(&points, &mask, FM_MASK_SET);

    /* Columns 2, 3, 3, 3 in rows 2, 2. */
    cr_assert(hits.n == 8 && hits.inside == 6);
    points = points_of(items + 1, 1);
    hits = fm_hits_on_mask(&points, &mask, FM_MASK_SET);
    cr_assert(hits.n == 6 && hits.inside == 6 && hits.all_hit);
}

Test(pointing, a_truth_box_is_inclusive)
{
    static const double box[4] = {10, 20, 30, 40};
    fm_point items[] = {
        {.x = 10, .y = 20}, {.x = 30, .y = 40}, {.x = 30.1, .y = 40}, {.x = NAN, .y = 30}};
    fm_points points = points_of(items, 4);
    fm_hits hits = fm_hits_in_box(&points, box);

    cr_assert(hits.inside == 2 && hits.n == 4 && hits.first_hit && hits.any_hit && !hits.all_hit);
    cr_assert(eq(dbl, fm_point_f1(2, 4, 3), 4.0 / 7));
    cr_assert(eq(dbl, fm_point_f1(0, 0, 0), 0));
}

Test(pointing, the_polygon_may_cross_itself)
{
    static const double square[][2] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
    static const double bow[][2] = {{0, 0}, {1, 1}, {1, 0}, {0, 1}};

    cr_assert(fm_point_in_polygon(0.5, 0.5, square[0], 4));
    cr_assert(fm_point_in_polygon(1.5, 0.5, square[0], 4) == false);
    cr_assert(fm_point_in_polygon(0.1, 0.5, bow[0], 4));
    cr_assert(fm_point_in_polygon(0.5, 0.1, bow[0], 4) == false);
    cr_assert(fm_point_in_polygon(500, 500, square[0], 4) == false);
    cr_assert(fm_point_in_polygon(NAN, 0.5, square[0], 4) == false);
    cr_assert(fm_point_in_polygon(0, 0, square[0], 0) == false);
}

Test(pointing, boxes_overlap_by_their_union)
{
    static const double a[4] = {0, 0, 2, 2}, b[4] = {1, 1, 3, 3}, turned[4] = {3, 3, 1, 1};
    static const double away[4] = {5, 5, 6, 6}, nothing[4] = {1, 1, 1, 1}, bad[4] = {0, NAN, 1, 1};

    cr_assert(epsilon_eq(dbl, fm_box_iou(a, b), 1.0 / 7, 1e-15));
    cr_assert(epsilon_eq(dbl, fm_box_iou(a, turned), 1.0 / 7, 1e-15));
    cr_assert(eq(dbl, fm_box_iou(a, a), 1));
    cr_assert(eq(dbl, fm_box_iou(a, away), 0));
    cr_assert(eq(dbl, fm_box_iou(nothing, nothing), 0));
    cr_assert(isnan(fm_box_iou(a, bad)));
}

/* ---- paths ---- */

static fm_path_score measure(const double (*p)[2], size_t n, const double (*q)[2], size_t m,
                             fm_path_resampling resampling)
{
    fm_path_score score;

    cr_assert(fm_path_measure(n ? p[0] : NULL, n, m ? q[0] : NULL, m, resampling, &arena, &score,
                              NULL) == FM_OK);
    return score;
}

Test(path, resampling_by_index_keeps_the_given_points)
{
    static const double p[][2] = {{0, 0}, {4, 0}}, q[][2] = {{0, 3}, {1, 3}, {4, 3}};
    fm_path_score score = measure(p, 2, q, 3, FM_PATH_BY_INDEX);

    /* p becomes (0, 0), (2, 0), (4, 0). */
    cr_assert(epsilon_eq(dbl, score.rmse, sqrt((9 + 10 + 9) / 3.0), 1e-12));
    cr_assert(epsilon_eq(dbl, score.mae, (3 + 0 + 3 + 1 + 3 + 0) / 6.0, 1e-12));
    cr_assert(epsilon_eq(dbl, score.dfd, sqrt(10), 1e-12));
    score = measure(p, 2, q, 3, FM_PATH_AS_GIVEN);
    cr_assert(isnan(score.rmse) && isnan(score.mae));
    cr_assert(epsilon_eq(dbl, score.dfd, sqrt(10), 1e-12));
}

Test(path, resampling_by_arc_takes_a_single_point)
{
    static const double p[][2] = {{0, 0}}, q[][2] = {{0, 0}, {3, 4}};
    fm_path_score score = measure(p, 1, q, 2, FM_PATH_BY_ARC);

    cr_assert(epsilon_eq(dbl, score.dfd, 5, 1e-12));
    cr_assert(epsilon_eq(dbl, score.hd, 5, 1e-12));
    cr_assert(isnan(measure(p, 1, q, 2, FM_PATH_BY_INDEX).rmse));
    cr_assert(isnan(measure(p, 0, q, 2, FM_PATH_BY_ARC).dfd));
    cr_assert(isnan(measure(NULL, 0, NULL, 0, FM_PATH_AS_GIVEN).hd));
}

Test(path, what_is_not_finite_gives_nan)
{
    static const double p[][2] = {{0, 0}, {NAN, 1}}, q[][2] = {{0, 0}, {3, 4}};

    for (int i = FM_PATH_AS_GIVEN; i <= FM_PATH_BY_ARC; i++) {
        cr_assert(isnan(measure(p, 2, q, 2, (fm_path_resampling)i).hd));
        cr_assert(isnan(measure(q, 2, p, 2, (fm_path_resampling)i).rmse));
    }
}

Test(path, scales_are_by_the_side)
{
    double p[][2] = {{320, 240}, {640, 480}};

    fm_path_scale(p, 2, 640, 480, 999);
    cr_assert(epsilon_eq(dbl, p[0][0], 499.5, 1e-12));
    cr_assert(epsilon_eq(dbl, p[1][1], 999, 1e-12));
}

Test(path, the_hausdorff_distance_is_never_more_than_the_frechet_distance)
{
    fm_rng rng;

    fm_rng_seed(&rng, 9);
    for (int round = 0; round < 300; round++) {
        double p[9][2], q[9][2];
        size_t n = 2 + (size_t)fm_rng_below(&rng, 8), m = 2 + (size_t)fm_rng_below(&rng, 8);

        for (int i = 0; i < 9; i++) {
            for (int k = 0; k < 2; k++) {
                p[i][k] = fm_rng_range(&rng, 0, 1);
                q[i][k] = fm_rng_range(&rng, 0, 1);
            }
        }
        for (int i = FM_PATH_AS_GIVEN; i <= FM_PATH_BY_ARC; i++) {
            fm_path_score score = measure(p, n, q, m, (fm_path_resampling)i);

            cr_assert(score.hd <= score.dfd);
            cr_assert(score.dfd >= hypot(p[0][0] - q[0][0], p[0][1] - q[0][1]) - 1e-12);
        }
        fm_arena_reset(&arena);
    }
}
