/* Values with many digits come from an independent computation in 80-digit decimals: the
 * quantile by bisection of the Taylor series of the error function, Wilson's ends as roots of (p
 * - x)^2 = z^2 x (1 - x) / n. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/size.h"
#include "fathom/stats.h"

static bool near(double got, double expected, double tolerance)
{
    return fabs(got - expected) <= tolerance;
}

Test(stats, normal_quantile_agrees_with_an_independent_computation)
{
    static const double table[][2] = {
        {0.6, 0.25334710313579978},    {0.9, 1.2815515655446004},    {0.925, 1.4395314709384559},
        {0.93, 1.4757910281791706},    {0.975, 1.9599639845400543},  {0.995, 2.5758293035489008},
        {0.0001, -3.7190164854556804}, {1e-11, -6.7060231554951359},
    };

    for (size_t i = 0; i < FM_COUNT_OF(table); i++) {
        double got = fm_stats_normal_quantile(table[i][0]);

        cr_assert(near(got, table[i][1], 1e-14 * (1 + fabs(got))), "p = %g: %.17g", table[i][0],
                  got);
    }
    cr_assert(fm_stats_normal_quantile(0.5) == 0);
}

Test(stats, normal_quantile_is_infinite_at_the_ends_and_nan_outside)
{
    cr_assert(fm_stats_normal_quantile(0) == -INFINITY);
    cr_assert(fm_stats_normal_quantile(1) == INFINITY);
    cr_assert(isnan(fm_stats_normal_quantile(-0.1)));
    cr_assert(isnan(fm_stats_normal_quantile(1.1)));
    cr_assert(isnan(fm_stats_normal_quantile(NAN)));
}

Test(stats, wilson_agrees_with_an_independent_computation)
{
    static const struct {
        size_t hits, n;
        double confidence, low, high;
    } table[] = {
        {2, 100, 0.95, 0.0055019675501623479, 0.07001179072854391},
        {31, 100, 0.95, 0.22779697212376041, 0.40626055719489412},
        {43, 100, 0.95, 0.33733298524110111, 0.52784610450787683},
        {57, 100, 0.99, 0.44207570267997415, 0.68921340103981066},
        {5000, 10000, 0.95, 0.49020206181540477, 0.50979793818459518},
        {0, 100, 0.95, 0, 0.036993498206985685},
        {100, 100, 0.95, 0.96300650179301428, 1},
        {1, 1, 0.95, 0.20654931437723739, 1},
        {0, 0, 0.95, 0, 1},
    };

    for (size_t i = 0; i < FM_COUNT_OF(table); i++) {
        fm_interval got = fm_stats_wilson(table[i].hits, table[i].n, table[i].confidence);

        cr_assert(near(got.low, table[i].low, 1e-14) && near(got.high, table[i].high, 1e-14),
                  "%zu of %zu: %.17g .. %.17g", table[i].hits, table[i].n, got.low, got.high);
    }
}

Test(stats, wilson_stays_in_the_unit_interval_and_touches_its_ends)
{
    for (size_t n = 1; n < 2000; n++) {
        fm_interval none = fm_stats_wilson(0, n, 0.95), all = fm_stats_wilson(n, n, 0.95);
        fm_interval one = fm_stats_wilson(1, n, 0.999);

        cr_assert(none.low == 0 && none.high > 0 && all.high == 1 && all.low < 1);
        cr_assert(one.low > 0 && one.high <= 1 && one.low < one.high);
    }
}

Test(stats, mean_and_quantile_of_small_samples)
{
    static const double values[] = {1, 2, 4, 8};

    cr_assert(fm_stats_mean(values, 4) == 3.75);
    cr_assert(isnan(fm_stats_mean(values, 0)));
    cr_assert(fm_stats_quantile(values, 4, 0) == 1);
    cr_assert(fm_stats_quantile(values, 4, 1) == 8);
    cr_assert(fm_stats_quantile(values, 4, 0.5) == 3);
    cr_assert(near(fm_stats_quantile(values, 4, 0.9), 6.8, 1e-12));
    cr_assert(fm_stats_quantile(values, 1, 0.3) == 1);
    cr_assert(isnan(fm_stats_quantile(values, 0, 0.5)));
}

Test(stats, bootstrap_is_the_same_for_a_seed_and_differs_between_seeds)
{
    double values[101];
    fm_interval a, b, c;
    fm_rng rng;

    fm_rng_seed(&rng, 3);
    for (size_t i = 0; i < FM_COUNT_OF(values); i++)
        values[i] = fm_rng_unit(&rng);
    cr_assert(fm_stats_bootstrap_mean(values, 101, 1000, 0.95, 7, &a, NULL) == FM_OK);
    cr_assert(fm_stats_bootstrap_mean(values, 101, 1000, 0.95, 7, &b, NULL) == FM_OK);
    cr_assert(fm_stats_bootstrap_mean(values, 101, 1000, 0.95, 8, &c, NULL) == FM_OK);
    cr_assert(a.low == b.low && a.high == b.high);
    cr_assert(a.low != c.low || a.high != c.high);
}

/* Of 100 zeros and ones with 31 ones the mean of a resample is binomial(100, 0.31) / 100, whose
 * 2.5 and 97.5 % quantiles are 0.22 and 0.40. */
Test(stats, bootstrap_of_zeros_and_ones_has_binomial_quantiles)
{
    double values[100] = {0};
    fm_interval got;

    for (size_t i = 0; i < 31; i++)
        values[i * 3] = 1;
    cr_assert(fm_stats_bootstrap_mean(values, 100, FM_STATS_DRAWS, 0.95, 1, &got, NULL) == FM_OK);
    cr_assert(near(got.low, 0.22, 0.0101), "%g", got.low);
    cr_assert(near(got.high, 0.40, 0.0101), "%g", got.high);
}

/* The interval of a large sample is mean -+ 1.96 sd / sqrt(n); uniform values have sd 1 /
 * sqrt(12). */
Test(stats, bootstrap_of_many_uniform_values_is_the_normal_interval)
{
    static double values[1001];
    fm_interval got;

    for (size_t i = 0; i < FM_COUNT_OF(values); i++)
        values[i] = ((double)i + 0.5) / 1001;
    cr_assert(fm_stats_bootstrap_mean(values, 1001, FM_STATS_DRAWS, 0.95, 1, &got, NULL) == FM_OK);
    double half = 1.959964 / sqrt(12 * 1001.0);
    cr_assert(near(got.low, 0.5 - half, 0.0006), "%g", got.low);
    cr_assert(near(got.high, 0.5 + half, 0.0006), "%g", got.high);
}

Test(stats, bootstrap_of_few_values_and_bad_arguments)
{
    double values[2] = {3, 3};
    fm_interval got;
    fm_err err = {0};

    cr_assert(fm_stats_bootstrap_mean(values, 1, 10, 0.95, 1, &got, NULL) == FM_OK);
    cr_assert(got.low == 3 && got.high == 3);
    cr_assert(fm_stats_bootstrap_mean(values, 2, 1, 0.95, 1, &got, NULL) == FM_OK);
    cr_assert(got.low == 3 && got.high == 3);
    cr_assert(fm_stats_bootstrap_mean(values, 0, 10, 0.95, 1, &got, NULL) == FM_OK);
    cr_assert(isnan(got.low) && isnan(got.high));
    cr_assert(fm_stats_bootstrap_mean(values, 2, 0, 0.95, 1, &got, &err) == FM_E_INPUT);
    cr_assert(fm_stats_bootstrap_mean(values, (size_t)1 << 33, 1, 0.95, 1, &got, &err) ==
              FM_E_INPUT);
}

/* ---- several columns at once ---- */

static void skewed(double *values, size_t n, uint64_t seed)
{
    fm_rng rng;

    fm_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++)
        values[i] = -log(1 - fm_rng_unit(&rng)); /* exponential: skewness 2 */
}

static fm_stats_resampled resampled(const double *sums, const double *weights, size_t n)
{
    fm_stats_column column = {.sums = sums, .weights = weights};
    fm_stats_resampled out;

    cr_assert(fm_stats_bootstrap(&column, 1, n, FM_STATS_DRAWS, 0.95, 1, &out, NULL) == FM_OK);
    return out;
}

Test(stats, a_column_has_the_same_interval_alone_and_beside_others)
{
    static double values[FM_STATS_COLUMNS][501];
    fm_stats_column columns[FM_STATS_COLUMNS];
    fm_stats_resampled out[FM_STATS_COLUMNS];

    for (size_t c = 0; c < FM_STATS_COLUMNS; c++) {
        skewed(values[c], 501, c + 1);
        columns[c] = (fm_stats_column){.sums = values[c]};
    }
    for (size_t k = 1; k <= FM_STATS_COLUMNS; k++) {
        cr_assert(fm_stats_bootstrap(columns, k, 501, 1000, 0.95, 9, out, NULL) == FM_OK);
        for (size_t c = 0; c < k; c++) {
            fm_interval alone;

            cr_assert(fm_stats_bootstrap_mean(values[c], 501, 1000, 0.95, 9, &alone, NULL) ==
                      FM_OK);
            cr_assert(out[c].interval.low == alone.low && out[c].interval.high == alone.high);
            cr_assert(out[c].drawn);
        }
    }
}

Test(stats, samples_are_resampled_with_all_their_values)
{
    static double values[200], sums[200], weights[200];

    skewed(values, 200, 3);
    for (size_t i = 0; i < 200; i++) {
        sums[i] = 5 * values[i];
        weights[i] = 5;
    }
    /* Five equal values of each sample say no more than one. */
    fm_stats_resampled once = resampled(values, NULL, 200), five = resampled(sums, weights, 200);
    cr_assert(fabs(once.interval.low - five.interval.low) < 1e-12);
    cr_assert(fabs(once.interval.high - five.interval.high) < 1e-12);
    /* A sample without weight in one draw moves sums and weights together: a constant stays one. */
    for (size_t i = 0; i < 200; i++)
        sums[i] = 3 * (weights[i] = (double)(i % 3 + 1));
    fm_stats_resampled constant = resampled(sums, weights, 200);
    cr_assert(constant.interval.low == 3 && constant.interval.high == 3);
}

Test(stats, quantiles_of_many_values_are_those_of_the_draws)
{
    enum { N = FM_STATS_DRAWN_MOST + 1 };
    static double values[N];
    fm_interval drawn;

    skewed(values, N, 5);
    fm_stats_resampled computed = resampled(values, NULL, N);
    cr_assert(fm_stats_bootstrap_mean(values, N, FM_STATS_DRAWS, 0.95, 1, &drawn, NULL) == FM_OK);
    /* The draws miss their own quantile by 0.0267 standard errors (one sigma); four of these. */
    double error = 1 / sqrt((double)N);
    cr_assert(computed.drawn == false);
    cr_assert(fabs(computed.interval.low - drawn.low) < 4 * 0.0267 * error);
    cr_assert(fabs(computed.interval.high - drawn.high) < 4 * 0.0267 * error);
    /* Without the skewness both ends would be off by more: 2 / sqrt(n) (z^2 - 1) / 6. */
    double centre = (computed.interval.low + computed.interval.high) / 2;
    double shift = 2 / sqrt((double)N) * (1.959964 * 1.959964 - 1) / 6 * error;
    cr_assert(fabs(centre - fm_stats_mean(values, N) - shift) < 0.1 * shift);
}

Test(stats, computed_intervals_cover_the_mean_as_often_as_they_say)
{
    enum { N = FM_STATS_DRAWN_MOST + 1, RUNS = 400 };
    static double values[N];
    int covered = 0;

    for (uint64_t run = 0; run < RUNS; run++) {
        skewed(values, N, 1000 + run);
        fm_stats_resampled got = resampled(values, NULL, N);
        covered += got.interval.low <= 1 && 1 <= got.interval.high;
    }
    /* 380 of 400, and four times the binomial 4.4 */
    cr_assert(covered >= 380 - 18 && covered <= 380 + 18, "%d", covered);
}

Test(stats, what_the_expansion_does_not_fit_is_drawn)
{
    enum { N = FM_STATS_DRAWN_MOST + 1 };
    static double values[N];

    values[0] = 1; /* one in ten thousand: the mean of a resample is a Poisson count */
    fm_stats_resampled one = resampled(values, NULL, N);
    cr_assert(one.drawn);
    cr_assert(one.interval.low == 0);
    values[0] = 0;
    fm_stats_resampled none = resampled(values, NULL, N);
    cr_assert(none.interval.low == 0 && none.interval.high == 0);
}
