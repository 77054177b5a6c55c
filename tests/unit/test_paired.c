/* Paired tests, adjustment, power and sequential tests: the tables of docs/statistics.md, the ends,
 * and what must hold for every outcome. Values from elsewhere are in golden/test_stats_values.c. */
#include <criterion/criterion.h>
#include <math.h>

#include "base/rng.h"
#include "base/size.h"
#include "fathom/multiple.h"
#include "fathom/paired.h"
#include "fathom/power.h"
#include "fathom/sequential.h"

static bool near(double got, double expected, double tolerance)
{
    return fabs(got - expected) <= tolerance;
}

static fm_paired_counts exchanged(const fm_paired_counts *counts)
{
    return (fm_paired_counts){counts->n, counts->lost, counts->gained};
}

/* ---- right or wrong ---- */

Test(paired, the_least_gains_that_are_significant_for_a_number_of_losses)
{
    static const size_t least[] = {6, 8, 10, 12, 13, 15, 17, 18, 20};

    for (size_t lost = 0; lost < FM_COUNT_OF(least); lost++) {
        fm_paired_counts enough = {100, least[lost], lost}, fewer = {100, least[lost] - 1, lost};

        cr_assert(fm_paired_mcnemar(&enough).exact < 0.05, "%zu losses", lost);
        cr_assert(fm_paired_mcnemar(&fewer).exact >= 0.05, "%zu losses", lost);
    }
}

Test(paired, tango_is_symmetric_and_holds_the_estimate)
{
    for (size_t gained = 0; gained <= 20; gained++)
        for (size_t lost = 0; gained + lost <= 20; lost++) {
            fm_paired_counts counts = {20, gained, lost}, other = exchanged(&counts);
            fm_interval a = fm_paired_tango(&counts, 0.95), b = fm_paired_tango(&other, 0.95);
            double estimate = ((double)gained - (double)lost) / 20;

            cr_assert(a.low >= -1 && a.high <= 1 && a.low <= estimate && estimate <= a.high);
            cr_assert(near(a.low, -b.high, 1e-12) && near(a.high, -b.low, 1e-12));
        }
}

Test(paired, nothing_and_one_pair_say_nothing)
{
    fm_paired_counts none = {0, 0, 0}, one = {1, 1, 0};

    cr_assert(fm_paired_above(&none, -0.03) == 1 && fm_paired_above(&none, 0) == 1);
    cr_assert(fm_paired_tango(&none, 0.95).low == -1 && fm_paired_tango(&none, 0.95).high == 1);
    cr_assert(fm_paired_mcnemar(&none).exact == 1 && fm_paired_mcnemar(&none).mid == 1);
    cr_assert(fm_paired_above(&one, 0) == 0.5);
    cr_assert(fm_paired_above(&one, -0.03) > 0.4);
    fm_paired_mean mean = fm_paired_mean_of(&(double){3}, 1, NULL, 0, 0.95);
    cr_assert(mean.mean == 3 && isnan(mean.error) && isnan(mean.interval.low));
    cr_assert(isnan(fm_paired_mean_above(&mean, 0)));
    cr_assert(fm_paired_sign_flip(NULL, 0, 100, 1) == 1);
}

/* What a gate on right or wrong may do wrong, summed over every outcome: never more than alpha. */
static double size_of_test(size_t n, double bound, double share, double alpha)
{
    double sum = 0, gain = share + bound, rest = fmax(0, 1 - gain - share);

    for (size_t gained = 0; gained <= n; gained++)
        for (size_t lost = 0; gained + lost <= n; lost++) {
            fm_paired_counts counts = {n, gained, lost};
            double others = (double)(n - gained - lost);

            if (fm_paired_above(&counts, bound) > alpha)
                continue;
            sum += exp(lgamma((double)n + 1) - lgamma((double)gained + 1) -
                       lgamma((double)lost + 1) - lgamma(others + 1)) *
                   pow(gain, (double)gained) * pow(share, (double)lost) * pow(rest, others);
        }
    return sum;
}

Test(paired, the_exact_test_keeps_its_level)
{
    static const double bounds[] = {-0.2, 0, 0.15}, shares[] = {0.2, 0.25, 0.31, 0.4};

    for (size_t i = 0; i < FM_COUNT_OF(bounds); i++)
        for (size_t j = 0; j < FM_COUNT_OF(shares); j++) {
            double size = size_of_test(14, bounds[i], shares[j], 0.05);

            cr_assert(size <= 0.05, "bound %g, losses %g: %g", bounds[i], shares[j], size);
        }
    /* And is no empty promise: somewhere it comes near. */
    cr_assert(size_of_test(14, -0.2, 0.25, 0.05) > 0.02);
}

Test(paired, p_falls_with_gains_and_with_the_bound)
{
    for (size_t gained = 0; gained < 30; gained++) {
        fm_paired_counts fewer = {60, gained, 10}, more = {60, gained + 1, 10};

        cr_assert(fm_paired_above(&more, -0.05) <= fm_paired_above(&fewer, -0.05) + 1e-9);
        cr_assert(fm_paired_above(&fewer, -0.1) <= fm_paired_above(&fewer, -0.05) + 1e-9);
    }
}

Test(paired, losses_beyond_what_the_bound_leaves_room_for_speak_for_the_hypothesis)
{
    fm_paired_counts all_lost = {32, 0, 32}, nearly = {32, 0, 31}, all_gained = {32, 32, 0};

    cr_assert(fm_paired_above(&all_lost, -0.01) > 0.9);
    cr_assert(fm_paired_above(&nearly, -0.01) > 0.9 && fm_paired_above(&nearly, 0.01) > 0.9);
    cr_assert(fm_paired_above(&all_gained, 0.01) < 1e-4);
}

Test(paired, the_test_of_many_pairs_continues_the_exact_one)
{
    fm_paired_counts most = {FM_PAIRED_EXACT_MOST, 90, 110};
    fm_paired_counts more = {FM_PAIRED_EXACT_MOST + 1, 90, 110};
    double exact = fm_paired_above(&most, -0.02), normal = fm_paired_above(&more, -0.02);

    cr_assert(exact > 0.001 && near(exact, normal, 0.1 * exact), "%g %g", exact, normal);
}

/* ---- numbers ---- */

Test(paired, equal_differences_are_as_sure_as_their_number)
{
    double same[] = {0.5, 0.5, 0.5}, none[] = {0, 0, 0};
    fm_paired_mean mean = fm_paired_mean_of(same, 3, NULL, 0, 0.95);

    cr_assert(mean.error == 0 && mean.interval.low == 0.5 && mean.interval.high == 0.5);
    cr_assert(fm_paired_mean_above(&mean, 0.4) == 0.125 && fm_paired_mean_above(&mean, 0.5) == 1);
    cr_assert(fm_paired_sign_flip(none, 3, 1000, 1) == 1);
}

Test(paired, clusters_of_one_are_no_clusters)
{
    double values[] = {1, 4, 2, 8, 5}, ones[] = {1, 1, 1, 1, 1};
    fm_stats_column clusters = {.sums = values, .weights = ones};
    fm_paired_mean with = fm_paired_mean_of(values, 5, &clusters, 5, 0.95);
    fm_paired_mean without = fm_paired_mean_of(values, 5, NULL, 0, 0.95);

    cr_assert(near(with.error, without.error, 1e-15) && near(with.design_effect, 1, 1e-15));
    cr_assert(with.degrees == without.degrees);
}

/* Random flips miss the p of all flips by their own error; the expansion by the sixth cumulant. */
Test(paired, random_and_expanded_flips_agree_with_all_of_them)
{
    static double many[FM_PAIRED_FLIPPED_MOST + 1];
    double values[16];
    fm_rng rng;

    fm_rng_seed(&rng, 11);
    for (size_t i = 0; i < FM_COUNT_OF(values); i++)
        values[i] = fm_rng_normal(&rng) + 0.3;
    double all = fm_paired_sign_flip(values, 16, 1 << 16, 1);
    double some = fm_paired_sign_flip(values, 16, (1 << 16) - 1, 1);
    cr_assert(all > 0.01 && all < 0.9 && near(some, all, 4 * sqrt(all * (1 - all) / 65536)),
              "%g %g", all, some);

    for (size_t i = 0; i < FM_COUNT_OF(many); i++)
        many[i] = fm_rng_normal(&rng) + 0.07;
    double expanded = fm_paired_sign_flip(many, FM_COUNT_OF(many), 20000, 1);
    double drawn = fm_paired_sign_flip(many, FM_COUNT_OF(many) - 1, 20000, 1);
    cr_assert(drawn > 0.005 && near(expanded, drawn, 0.005 + 0.05 * drawn), "%g %g", expanded,
              drawn);
    /* One difference that is nearly all: the others decide, on its side. A normal tail would say 0.3. */
    many[0] = 1e6;
    cr_assert(near(fm_paired_sign_flip(many, FM_COUNT_OF(many), 20000, 1), drawn / 2, 0.01));
}

/* ---- several at once ---- */

Test(multiple, holm_and_benjamini_hochberg_by_hand)
{
    double p[] = {0.04, NAN, 0.01, 0.03, 0.005}, out[5];
    static const double holm[] = {0.06, NAN, 0.03, 0.06, 0.02};
    static const double bh[] = {0.04, NAN, 0.02, 0.04, 0.02};

    cr_assert(fm_multiple_holm(p, 5, out, NULL) == FM_OK);
    for (size_t i = 0; i < 5; i++)
        cr_assert(isnan(holm[i]) ? isnan(out[i]) : near(out[i], holm[i], 1e-15), "%zu: %g", i,
                  out[i]);
    cr_assert(fm_multiple_benjamini_hochberg(p, 5, p, NULL) == FM_OK);
    for (size_t i = 0; i < 5; i++)
        cr_assert(isnan(bh[i]) ? isnan(p[i]) : near(p[i], bh[i], 1e-15), "%zu: %g", i, p[i]);
    cr_assert(fm_multiple_holm(NULL, 0, NULL, NULL) == FM_OK);
}

/* ---- power ---- */

Test(power, differences_that_a_number_of_items_shows)
{
    static const struct {
        double n, points[4];
    } table[] = {{100, {8.9, 12.5, 15.3, 19.4}},
                 {253, {5.6, 7.9, 9.6, 12.2}},
                 {500, {4.0, 5.6, 6.9, 8.7}},
                 {1000, {2.8, 4.0, 4.9, 6.1}},
                 {2000, {2.0, 2.8, 3.4, 4.3}}};
    static const double variances[] = {0.1, 0.2, 0.3, 2 * 0.4 * 0.6};

    for (size_t i = 0; i < FM_COUNT_OF(table); i++)
        for (size_t j = 0; j < 4; j++) {
            fm_power_plan plan = {.alpha = 0.05, .power = 0.8, .variance = variances[j]};
            double got = 100 * fm_power_detectable(&plan, table[i].n);

            cr_assert(near(got, table[i].points[j], 0.0501), "n %g: %g", table[i].n, got);
        }
}

Test(power, items_that_show_a_difference)
{
    static const struct {
        double share, difference, items;
    } table[] = {{0.1, 0.03, 873},  {0.2, 0.03, 1745},  {0.3, 0.03, 2617},
                 {0.1, 0.01, 7849}, {0.2, 0.01, 15698}, {0.3, 0.01, 23547}};

    for (size_t i = 0; i < FM_COUNT_OF(table); i++) {
        fm_power_plan plan = {.alpha = 0.05, .power = 0.8, .variance = table[i].share};

        cr_assert(near(fm_power_items(&plan, table[i].difference), table[i].items, 1));
    }
    fm_power_plan plan = {.alpha = 0.05, .power = 0.8, .variance = 0.1};
    cr_assert(isinf(fm_power_items(&plan, 0)) && isnan(fm_power_detectable(&plan, 0)));
}

Test(power, repeats_take_the_noise_of_an_answer_down_and_nothing_else)
{
    fm_power_plan once = {
        .alpha = 0.05, .power = 0.8, .variance = 0.1, .base_noise = 0.2, .candidate_noise = 0.1};
    fm_power_plan often = once, plain = {.alpha = 0.05, .power = 0.8, .variance = 0.4};

    often.base_repeats = 4;
    often.candidate_repeats = 4;
    cr_assert(near(fm_power_detectable(&once, 100), fm_power_detectable(&plain, 100), 1e-12));
    plain.variance = 0.1 + 0.3 / 4;
    cr_assert(near(fm_power_detectable(&often, 100), fm_power_detectable(&plain, 100), 1e-12));
    plain.one_sided = true;
    plain.alpha = 0.025;
    cr_assert(near(fm_power_detectable(&often, 100), fm_power_detectable(&plain, 100), 1e-12));
}

/* ---- at any time ---- */

/* The wealth of a fair game is, on average, what it was: over every outcome of m fair flips. */
Test(sequential, wealth_is_one_on_average_where_nothing_is_to_be_found)
{
    enum { M = 20 };
    double two = 0, one = 0, bets = 0;

    for (size_t gained = 0; gained <= M; gained++) {
        fm_paired_counts counts = {M, gained, M - gained};
        double p = exp(lgamma(M + 1) - lgamma((double)gained + 1) -
                       lgamma((double)(M - gained) + 1) - M * M_LN2);
        fm_sequential_bet bet;

        fm_sequential_bet_init(&bet, -1, 0);
        for (size_t i = 0; i < M; i++)
            fm_sequential_bet_add(&bet, i < gained ? 1 : -1);
        two += p * exp(fm_sequential_discordant(&counts));
        one += p * exp(fm_sequential_discordant_above(&counts));
        bets += p * exp(fm_sequential_bet_log_e(&bet));
    }
    cr_assert(near(two, 1, 1e-12) && near(one, 1, 1e-12) && near(bets, 1, 1e-12), "%g %g %g", two,
              one, bets);
}

Test(sequential, bets_win_where_the_mean_is_above_the_bound_and_never_lose_all)
{
    fm_sequential_bet bet;

    fm_sequential_bet_init(&bet, -1, -0.05);
    for (size_t i = 0; i < 1000; i++)
        fm_sequential_bet_add(&bet, i % 20 == 0 ? -1 : i % 20 == 10 ? 1 : 0);
    cr_assert(fm_sequential_bet_log_e(&bet) > log(20), "%g", fm_sequential_bet_log_e(&bet));
    for (size_t i = 0; i < 1000; i++)
        fm_sequential_bet_add(&bet, -1);
    cr_assert(isfinite(fm_sequential_bet_log_e(&bet)) && fm_sequential_bet_log_e(&bet) < 0);
}

/* docs/statistics.md: at 1000 items 0.096 standard deviations, against 0.062 of a fixed size. */
Test(sequential, the_price_of_looking_at_any_time)
{
    cr_assert(near(fm_sequential_half_width(1000, 1, 0.05, 0.1, false), 0.096, 0.0005), "%g",
              fm_sequential_half_width(1000, 1, 0.05, 0.1, false));
    cr_assert(isinf(fm_sequential_half_width(FM_SEQUENTIAL_WARM_UP - 1, 1, 0.05, 0.1, true)));
    double rho = fm_sequential_rho(0.05, 500),
           best = fm_sequential_half_width(500, 1, 0.05, rho, false);
    cr_assert(best < fm_sequential_half_width(500, 1, 0.05, rho * 1.3, false));
    cr_assert(best < fm_sequential_half_width(500, 1, 0.05, rho / 1.3, false));
    double one_sided = fm_sequential_half_width(500, 1, 0.05, rho, true);
    cr_assert(one_sided < best);
    cr_assert(near(fm_sequential_mean_above(500, 2 + one_sided, 1, 2, rho), 0.05, 1e-12));
    cr_assert(fm_sequential_mean_above(500, 2, 1, 2, rho) == 1);
    cr_assert(fm_sequential_mean_above(FM_SEQUENTIAL_WARM_UP - 1, 9, 1, 2, rho) == 1);
}
