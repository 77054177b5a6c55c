/* The statistics against values that SciPy computed in another way (make_stats_values.py). */
#include <criterion/criterion.h>
#include <math.h>

#include "base/size.h"
#include "fathom/paired.h"
#include "fathom/sequential.h"
#include "golden/stats_values.h"

/* SciPy's exact intervals come from a search of its own: good to 1e-9, or 1e-11
 * absolute. */
static bool near(double got, double expected, double relative)
{
    return fabs(got - expected) <= relative * fabs(expected) + 1e-11;
}

Test(stats_values, t_quantiles)
{
    for (size_t i = 0; i < FM_COUNT_OF(t_quantiles); i++) {
        double got = fm_stats_t_quantile(t_quantiles[i].p, t_quantiles[i].df);

        cr_assert(near(got, t_quantiles[i].t, 1e-10), "p %g, df %g: %.17g", t_quantiles[i].p,
                  t_quantiles[i].df, got);
    }
}

Test(stats_values, clopper_pearson)
{
    for (size_t i = 0; i < FM_COUNT_OF(clopper_pearson); i++) {
        fm_interval got = fm_stats_clopper_pearson(clopper_pearson[i].hits, clopper_pearson[i].n,
                                                   clopper_pearson[i].confidence);

        cr_assert(near(got.low, clopper_pearson[i].low, 1e-9) &&
                      near(got.high, clopper_pearson[i].high, 1e-9),
                  "%zu of %zu: %.17g %.17g", clopper_pearson[i].hits, clopper_pearson[i].n, got.low,
                  got.high);
    }
}

Test(stats_values, mcnemar)
{
    for (size_t i = 0; i < FM_COUNT_OF(mcnemar); i++) {
        fm_paired_counts counts = {1000000, mcnemar[i].gained, mcnemar[i].lost};
        fm_paired_p got = fm_paired_mcnemar(&counts);

        cr_assert(near(got.exact, mcnemar[i].exact, 1e-9) && near(got.mid, mcnemar[i].mid, 1e-9),
                  "%zu-%zu: %.17g %.17g", counts.gained, counts.lost, got.exact, got.mid);
    }
}

/* The maker's search for the nuisance parameter is good to 1e-8. */
Test(stats_values, tango)
{
    for (size_t i = 0; i < FM_COUNT_OF(tango); i++) {
        fm_paired_counts counts = {tango[i].n, tango[i].gained, tango[i].lost};
        fm_interval got = fm_paired_tango(&counts, tango[i].confidence);

        cr_assert(fabs(got.low - tango[i].low) < 1e-7 && fabs(got.high - tango[i].high) < 1e-7,
                  "%zu-%zu of %zu: %.17g %.17g", counts.gained, counts.lost, counts.n, got.low,
                  got.high);
    }
}

/* The maker's mesh is finer in places, ours is refined where the largest value is. */
Test(stats_values, exact_test_against_a_bound)
{
    for (size_t i = 0; i < FM_COUNT_OF(above); i++) {
        fm_paired_counts counts = {above[i].n, above[i].gained, above[i].lost};
        double got = fm_paired_above(&counts, above[i].bound);

        cr_assert(near(got, above[i].p, 1e-4), "%zu-%zu of %zu above %g: %.17g, not %.17g",
                  counts.gained, counts.lost, counts.n, above[i].bound, got, above[i].p);
    }
}

Test(stats_values, means_with_and_without_clusters)
{
    double sums[FM_COUNT_OF(cluster_sizes)] = {0};
    size_t n = FM_COUNT_OF(cluster_values), at = 0;
    fm_stats_column clusters = {.sums = sums, .weights = cluster_sizes};

    for (size_t g = 0; g < FM_COUNT_OF(cluster_sizes); g++)
        for (size_t i = 0; i < (size_t)cluster_sizes[g]; i++)
            sums[g] += cluster_values[at++];
    fm_paired_mean got =
        fm_paired_mean_of(cluster_values, n, &clusters, FM_COUNT_OF(cluster_sizes), 0.95);
    cr_assert(near(got.mean, cluster_mean[0].mean, 1e-12));
    cr_assert(near(got.error, cluster_mean[0].error, 1e-12), "%.17g", got.error);
    cr_assert(near(got.design_effect, cluster_mean[0].design_effect, 1e-12));
    cr_assert(near(got.interval.low, cluster_mean[0].low, 1e-11));
    cr_assert(near(got.interval.high, cluster_mean[0].high, 1e-11));

    got = fm_paired_mean_of(cluster_values, n, NULL, 0, 0.95);
    cr_assert(near(got.error, plain_mean[0].error, 1e-12) && got.design_effect == 1);
    cr_assert(near(got.interval.low, plain_mean[0].low, 1e-11));
    cr_assert(near(got.interval.high, plain_mean[0].high, 1e-11));
    cr_assert(near(fm_paired_mean_above(&got, 0.1), plain_mean[0].p_above_tenth, 1e-11));
}

Test(stats_values, all_sign_flips)
{
    for (size_t i = 0; i < FM_COUNT_OF(sign_flips); i++) {
        double got = fm_paired_sign_flip(sign_flips[i].values, sign_flips[i].n, FM_STATS_DRAWS, 1);

        cr_assert(near(got, sign_flips[i].p, 1e-15), "case %zu: %.17g", i, got);
    }
}

Test(stats_values, wealth_of_a_mixture_over_the_share_of_gains)
{
    for (size_t i = 0; i < FM_COUNT_OF(discordant); i++) {
        fm_paired_counts counts = {1000, discordant[i].gained, discordant[i].lost};
        double two = fm_sequential_discordant(&counts);
        double one = fm_sequential_discordant_above(&counts);

        cr_assert(fabs(two - discordant[i].two_sided) < 1e-11, "case %zu: %.17g", i, two);
        cr_assert(fabs(one - discordant[i].one_sided) < 1e-11, "case %zu: %.17g", i, one);
    }
}
