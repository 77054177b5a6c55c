#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "base/rng.h"
#include "fathom/polyline.h"

Test(polyline, resampling_is_uniform_in_arc_length)
{
    double corner[] = {0, 0, 3, 0, 3, 1}, out[5 * 2];
    double want[] = {0, 0, 1, 0, 2, 0, 3, 0, 3, 1};

    fm_polyline_resample(corner, 3, 2, out, 5);
    for (int i = 0; i < 10; i++)
        cr_assert(epsilon_eq(dbl, out[i], want[i], 1e-12));
}

Test(polyline, repeated_points_take_no_share_of_the_path)
{
    double path[] = {0, 0, 0, 0, 0, 0, 2, 0, 2, 0}, out[3 * 2];

    fm_polyline_resample(path, 5, 2, out, 3);
    cr_assert(epsilon_eq(dbl, out[2], 1, 1e-12));
    cr_assert(epsilon_eq(dbl, out[4], 2, 1e-12));
}

Test(polyline, a_path_without_length_repeats_its_first_point)
{
    double path[] = {1, 2, 3, 1, 2, 3}, out[4 * 3];

    fm_polyline_resample(path, 2, 3, out, 4);
    for (int i = 0; i < 12; i++)
        cr_assert(eq(dbl, out[i], i % 3 + 1));
    fm_polyline_resample(path, 1, 3, out, 4);
    for (int i = 0; i < 12; i++)
        cr_assert(eq(dbl, out[i], i % 3 + 1));
}

Test(polyline, what_is_not_finite_gives_nan_everywhere)
{
    double good[] = {0, 0, 1, 1}, out[6];

    for (int k = 0; k < 2; k++) {
        double bad[] = {0, 0, 1, k ? INFINITY : NAN};

        fm_polyline_resample(bad, 2, 2, out, 3);
        for (int i = 0; i < 6; i++)
            cr_assert(isnan(out[i]));
        cr_assert(isnan(fm_polyline_frechet(good, 2, bad, 2, 2)));
        cr_assert(isnan(fm_polyline_frechet(bad, 2, good, 2, 2)));
        cr_assert(isnan(fm_polyline_hausdorff(good, 2, bad, 2, 2)));
    }
}

Test(polyline, frechet_sees_the_order_and_hausdorff_does_not)
{
    double there[] = {0, 0, 1, 0, 2, 0}, back[] = {2, 0, 1, 0, 0, 0};

    cr_assert(eq(dbl, fm_polyline_hausdorff(there, 3, back, 3, 2), 0));
    cr_assert(eq(dbl, fm_polyline_frechet(there, 3, back, 3, 2), 2));
}

Test(polyline, frechet_of_known_paths)
{
    double p[] = {0, 0, 4, 2, 6, 5, 12, 6, 15, 7, 15, 10, 18, 13};
    double q[] = {1, 1, 2, 5, 7, 7, 8, 12, 13, 14, 15, 16};

    cr_assert(epsilon_eq(dbl, fm_polyline_frechet(p, 7, p, 7, 2), 0, 0));
    cr_assert(epsilon_eq(dbl, fm_polyline_frechet(p, 7, p, 1, 2), sqrt(18 * 18 + 13 * 13), 1e-12));
    cr_assert(ge(dbl, fm_polyline_frechet(p, 7, q, 6, 2), fm_polyline_hausdorff(p, 7, q, 6, 2)));
}

/* The definition, word for word: the least over all couplings of the largest distance. */
static double frechet_by_definition(const double *p, int i, const double *q, int j)
{
    double here = hypot(p[2 * i] - q[2 * j], p[2 * i + 1] - q[2 * j + 1]), reach;

    if (i == 0 && j == 0)
        return here;
    if (i == 0)
        reach = frechet_by_definition(p, 0, q, j - 1);
    else if (j == 0)
        reach = frechet_by_definition(p, i - 1, q, 0);
    else
        reach =
            fmin(fmin(frechet_by_definition(p, i - 1, q, j), frechet_by_definition(p, i, q, j - 1)),
                 frechet_by_definition(p, i - 1, q, j - 1));
    return fmax(here, reach);
}

Test(polyline, frechet_equals_the_recursive_definition_on_random_paths)
{
    fm_rng rng;

    fm_rng_seed(&rng, 5);
    for (int round = 0; round < 200; round++) {
        double p[12], q[12];
        size_t n = 1 + (size_t)fm_rng_below(&rng, 6), m = 1 + (size_t)fm_rng_below(&rng, 6);

        for (int i = 0; i < 12; i++) {
            p[i] = fm_rng_range(&rng, -1, 1);
            q[i] = fm_rng_range(&rng, -1, 1);
        }
        cr_assert(epsilon_eq(dbl, fm_polyline_frechet(p, n, q, m, 2),
                             frechet_by_definition(p, (int)n - 1, q, (int)m - 1), 1e-12));
    }
}

Test(polyline, frechet_refuses_paths_over_its_bound)
{
    static double path[(FM_PATH_MAX_POINTS + 1) * 2];

    cr_assert(eq(dbl, fm_polyline_frechet(path, FM_PATH_MAX_POINTS, path, 3, 2), 0));
    cr_assert(isnan(fm_polyline_frechet(path, FM_PATH_MAX_POINTS + 1, path, 3, 2)));
    cr_assert(isnan(fm_polyline_frechet(path, 0, path, 3, 2)));
}

Test(polyline, rmse_is_per_point_and_mae_per_coordinate)
{
    double p[] = {0, 0, 0, 0}, q[] = {3, 4, 0, 0};

    cr_assert(epsilon_eq(dbl, fm_polyline_rmse(p, q, 2, 2), sqrt(12.5), 1e-12));
    cr_assert(epsilon_eq(dbl, fm_polyline_mae(p, q, 2, 2), 7.0 / 4, 1e-12));
}

/* ---- against the definitions, written down as they are read ---- */

static double apart(const double *a, const double *b, int dim)
{
    double sum = 0;

    for (int k = 0; k < dim; k++)
        sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sum;
}

static double defined_frechet(const double *p, size_t n, const double *q, size_t m, int dim)
{
    static double table[300][300];

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) {
            double reach = i || j ? INFINITY : 0;

            if (i)
                reach = fmin(reach, table[i - 1][j]);
            if (j)
                reach = fmin(reach, table[i][j - 1]);
            if (i && j)
                reach = fmin(reach, table[i - 1][j - 1]);
            table[i][j] = fmax(reach, apart(p + i * (size_t)dim, q + j * (size_t)dim, dim));
        }
    return sqrt(table[n - 1][m - 1]);
}

static double defined_directed(const double *p, size_t n, const double *q, size_t m, int dim)
{
    double worst = 0;

    for (size_t i = 0; i < n; i++) {
        double nearest = INFINITY;

        for (size_t j = 0; j < m; j++)
            nearest = fmin(nearest, apart(p + i * (size_t)dim, q + j * (size_t)dim, dim));
        worst = fmax(worst, nearest);
    }
    return sqrt(worst);
}

Test(polyline, distances_are_exactly_those_of_the_definitions)
{
    static double p[900], q[900];
    fm_rng rng;

    fm_rng_seed(&rng, 11);
    for (int round = 0; round < 200; round++) {
        int dim = 2 + round % 2;
        size_t n = 1 + (size_t)fm_rng_below(&rng, 300), m = 1 + (size_t)fm_rng_below(&rng, 300);

        for (size_t i = 0; i < 900; i++) {
            p[i] = fm_rng_unit(&rng) + (double)i / 300;
            q[i] = fm_rng_unit(&rng) + (double)i / 300;
        }
        double there = defined_directed(p, n, q, m, dim), back = defined_directed(q, m, p, n, dim);
        cr_assert(eq(dbl, fm_polyline_frechet(p, n, q, m, dim), defined_frechet(p, n, q, m, dim)));
        cr_assert(eq(dbl, fm_polyline_hausdorff(p, n, q, m, dim), fmax(there, back)));
    }
}

/* On a line: 0 1 2 against 0 2. 0-0, 1 with either (1), 2-2: three pairs. */
Test(polyline, dtw_takes_the_cheapest_path_and_counts_its_pairs)
{
    const double p[] = {0, 0, 1, 0, 2, 0}, q[] = {0, 0, 2, 0};
    const double shifted[] = {0, 3, 1, 3, 2, 3};
    size_t length;

    cr_expect(eq(dbl, fm_polyline_dtw(p, 3, q, 2, 2, &length), 1));
    cr_expect(eq(sz, length, 3));
    cr_expect(eq(dbl, fm_polyline_dtw(p, 3, shifted, 3, 2, &length), 9));
    cr_expect(eq(sz, length, 3));
    cr_expect(eq(dbl, fm_polyline_dtw(p, 3, p, 1, 2, NULL), 3));
    cr_expect(eq(dbl, fm_polyline_dtw(p, 1, p, 3, 2, NULL), 3));
    cr_expect(isnan(fm_polyline_dtw(p, 0, q, 2, 2, &length)));
    cr_expect(eq(sz, length, 0));
}
