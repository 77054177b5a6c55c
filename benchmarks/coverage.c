/*
 * How often the statistics keep their promises, by simulation with a fixed seed: the tables of
 * docs/statistics.md. Rows with a bar end in "ok" or "MISSED", and the exit code says so too.
 *
 *     coverage [SIMULATIONS]     default 10000
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/size.h"
#include "fathom/paired.h"
#include "fathom/sequential.h"

enum { MOST = 2000, MOST_DRAWS = 2000 };

static size_t simulations = 10000;
static bool missed;
static fm_rng rng;

/* Three standard errors of a simulated share. */
static double error_of(double share)
{
    return 3 * sqrt(share * (1 - share) / (double)simulations);
}

static void row(const char *what, double got, double low, double high)
{
    bool ok = got >= low && got <= high;

    missed |= !ok;
    printf("| %-58s | %6.2f %% | %s |\n", what, 100 * got, ok ? "ok" : "MISSED");
}

static void row_without_bar(const char *what, double got)
{
    printf("| %-58s | %6.2f %% | |\n", what, 100 * got);
}

static void heading(const char *text)
{
    printf("\n%s\n\n| case | share | bar |\n|:--|--:|:--|\n", text);
}

static bool holds(const fm_interval *interval, double truth)
{
    return interval->low <= truth && truth <= interval->high;
}

/* ---- proportions ---- */

static size_t binomial(size_t n, double p)
{
    size_t hits = 0;

    for (size_t i = 0; i < n; i++)
        hits += fm_rng_unit(&rng) < p;
    return hits;
}

/* Summed over every outcome. */
static double exact_coverage(fm_interval (*interval)(size_t, size_t, double), size_t n, double p)
{
    double sum = 0;

    for (size_t k = 0; k <= n; k++) {
        fm_interval i = interval(k, n, 0.95);

        if (holds(&i, p))
            sum += exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) +
                       (double)k * log(p) + (double)(n - k) * log1p(-p));
    }
    return sum;
}

static void proportions(void)
{
    static const struct {
        size_t n;
        double p;
    } cases[] = {{10, 0.3}, {30, 0.05}, {100, 0.02}, {100, 0.4}, {1000, 0.7}};

    heading(
        "Proportions, 95 %: simulated within three errors of exact (Wilson); exact, at least 95 % "
        "(Clopper-Pearson)");
    for (size_t c = 0; c < FM_COUNT_OF(cases); c++) {
        double exact = exact_coverage(fm_stats_wilson, cases[c].n, cases[c].p);
        size_t held = 0;
        char text[96];

        for (size_t i = 0; i < simulations; i++) {
            fm_interval got = fm_stats_wilson(binomial(cases[c].n, cases[c].p), cases[c].n, 0.95);

            held += holds(&got, cases[c].p);
        }
        snprintf(text, sizeof(text), "Wilson, n = %zu, p = %g (exact %.2f %%)", cases[c].n,
                 cases[c].p, 100 * exact);
        row(text, (double)held / (double)simulations, exact - error_of(exact),
            exact + error_of(exact));
        snprintf(text, sizeof(text), "Clopper-Pearson, n = %zu, p = %g", cases[c].n, cases[c].p);
        row(text, exact_coverage(fm_stats_clopper_pearson, cases[c].n, cases[c].p), 0.95, 1);
    }
}

/* ---- means ---- */

static double draw_normal(void)
{
    return fm_rng_normal(&rng);
}

static double draw_exponential(void)
{
    return -log1p(-fm_rng_unit(&rng));
}

static double draw_lognormal(void)
{
    return exp(fm_rng_normal(&rng));
}

/* A rate's difference: one in ten gained, one in ten lost. */
static double draw_sides(void)
{
    double u = fm_rng_unit(&rng);

    return u < 0.1 ? 1 : u < 0.2 ? -1 : 0;
}

static void means(void)
{
    static const struct {
        const char *name;
        double (*draw)(void);
        double mean;
        bool normal;
    } laws[] = {{"normal", draw_normal, 0, true},
                {"right or wrong", draw_sides, 0, false},
                {"exponential", draw_exponential, 1, false},
                {"lognormal", draw_lognormal, 1.6487212707001282, false}};
    static const size_t sizes[] = {10, 30, 100};
    double values[MOST];

    heading("Means, 95 %: Student's t (bar on normal values) and percentile bootstrap");
    for (size_t l = 0; l < FM_COUNT_OF(laws); l++)
        for (size_t s = 0; s < FM_COUNT_OF(sizes); s++) {
            size_t student = 0, bootstrap = 0, n = sizes[s], rounds = simulations / 5;
            char text[96];

            for (size_t i = 0; i < simulations; i++) {
                fm_interval interval;

                for (size_t k = 0; k < n; k++)
                    values[k] = laws[l].draw();
                fm_paired_mean mean = fm_paired_mean_of(values, n, NULL, 0, 0.95);
                student += holds(&mean.interval, laws[l].mean);
                if (i < rounds && fm_stats_bootstrap_mean(values, n, MOST_DRAWS, 0.95, i + 1,
                                                          &interval, NULL) == FM_OK)
                    bootstrap += holds(&interval, laws[l].mean);
            }
            snprintf(text, sizeof(text), "t, %s, n = %zu", laws[l].name, n);
            if (laws[l].normal)
                row(text, (double)student / (double)simulations, 0.935, 0.965);
            else
                row_without_bar(text, (double)student / (double)simulations);
            snprintf(text, sizeof(text), "bootstrap, %s, n = %zu", laws[l].name, n);
            row_without_bar(text, (double)bootstrap / (double)rounds);
        }
}

/* Groups of five whose members share half of their variance. */
static void clusters(void)
{
    enum { EACH = 5 };
    static const size_t groups[] = {10, 30, 100};
    double values[MOST], sums[MOST], weights[MOST];

    heading("Means of clusters of five, half of the variance shared, 95 %");
    for (size_t g = 0; g < FM_COUNT_OF(groups); g++) {
        size_t plain = 0, robust = 0, bootstrap = 0, n = groups[g] * EACH;
        size_t rounds = simulations / 5;
        fm_stats_column column = {.sums = sums, .weights = weights};
        char text[96];

        for (size_t i = 0; i < simulations; i++) {
            fm_stats_resampled drawn;

            for (size_t c = 0; c < groups[g]; c++) {
                double common = fm_rng_normal(&rng);

                sums[c] = 0;
                weights[c] = EACH;
                for (size_t k = 0; k < EACH; k++)
                    sums[c] += values[c * EACH + k] = common + fm_rng_normal(&rng);
            }
            fm_paired_mean with = fm_paired_mean_of(values, n, &column, groups[g], 0.95);
            fm_paired_mean without = fm_paired_mean_of(values, n, NULL, 0, 0.95);
            robust += holds(&with.interval, 0);
            plain += holds(&without.interval, 0);
            if (i < rounds && fm_stats_bootstrap(&column, 1, groups[g], MOST_DRAWS, 0.95, i + 1,
                                                 &drawn, NULL) == FM_OK)
                bootstrap += holds(&drawn.interval, 0);
        }
        snprintf(text, sizeof(text), "cluster-robust t, %zu clusters", groups[g]);
        row(text, (double)robust / (double)simulations, 0.935, 0.965);
        snprintf(text, sizeof(text), "cluster bootstrap, %zu clusters", groups[g]);
        row_without_bar(text, (double)bootstrap / (double)rounds);
        snprintf(text, sizeof(text), "t that ignores the %zu clusters", groups[g]);
        row_without_bar(text, (double)plain / (double)simulations);
    }
}

/* ---- gates ---- */

static fm_paired_counts draw_counts(size_t n, double gain, double loss)
{
    fm_paired_counts counts = {.n = n};

    for (size_t i = 0; i < n; i++) {
        double u = fm_rng_unit(&rng);

        counts.gained += u < gain;
        counts.lost += u >= gain && u < gain + loss;
    }
    return counts;
}

/* p by outcome, each computed once. */
static double p_kept(double *kept, const fm_paired_counts *counts, double bound)
{
    double *p = &kept[counts->gained * (counts->n + 1) + counts->lost];

    if (*p == 0)
        *p = fm_paired_above(counts, bound);
    return *p;
}

static void gates(void)
{
    static const struct {
        size_t n;
        double margin, loss;
    } cases[] = {{50, 0.1, 0.15}, {100, 0.03, 0.08}, {100, 0.1, 0.2}, {400, 0.03, 0.1}};

    heading("Gate on a rate at the margin itself, alpha 5 %: wrong passes, and wrong fails");
    for (size_t c = 0; c < FM_COUNT_OF(cases); c++) {
        size_t n = cases[c].n, passes = 0, fails = 0, covered = 0;
        double gain = cases[c].loss - cases[c].margin;
        double *above = calloc((n + 1) * (n + 1), sizeof(*above));
        double *below = calloc((n + 1) * (n + 1), sizeof(*below));
        char text[96];

        for (size_t i = 0; above && below && i < simulations; i++) {
            fm_paired_counts counts = draw_counts(n, gain, cases[c].loss);
            fm_paired_counts other = {n, counts.lost, counts.gained};
            fm_interval tango = fm_paired_tango(&counts, 0.95);

            passes += p_kept(above, &counts, -cases[c].margin) <= 0.05;
            fails += p_kept(below, &other, cases[c].margin) <= 0.05;
            covered += holds(&tango, -cases[c].margin);
        }
        free(above);
        free(below);
        snprintf(text, sizeof(text), "wrong passes, n = %zu, margin %g, losses %g", n,
                 cases[c].margin, cases[c].loss);
        row(text, (double)passes / (double)simulations, 0, 0.05 + error_of(0.05));
        snprintf(text, sizeof(text), "wrong fails, n = %zu, margin %g, losses %g", n,
                 cases[c].margin, cases[c].loss);
        row(text, (double)fails / (double)simulations, 0, 0.05 + error_of(0.05));
        snprintf(text, sizeof(text), "Tango's interval, n = %zu, difference -%g", n,
                 cases[c].margin);
        row_without_bar(text, (double)covered / (double)simulations);
    }
}

/* ---- at any time ---- */

/* Looked at after each of MOST items: how often a true hypothesis is ever refuted. */
static void sequential(void)
{
    size_t discordant = 0, one_sided = 0, bets = 0, sequence = 0;
    double threshold = log(1 / 0.05), rho = fm_sequential_rho(0.05, 500);

    heading("Looked at after each of 2000 items, alpha 5 %: true hypotheses ever refuted");
    for (size_t i = 0; i < simulations; i++) {
        fm_paired_counts counts = {0};
        bool a = false, b = false, c = false, d = false;
        double mean = 0, squares = 0;
        fm_sequential_bet bet;

        fm_sequential_bet_init(&bet, -1, -0.03);
        for (size_t n = 1; n <= MOST; n++) {
            double u = fm_rng_unit(&rng), x = draw_exponential() - 1, before = mean;

            counts = (fm_paired_counts){n, counts.gained + (u < 0.1),
                                        counts.lost + (u >= 0.1 && u < 0.2)};
            a = a || fm_sequential_discordant(&counts) >= threshold;
            b = b || fm_sequential_discordant_above(&counts) >= threshold;
            fm_sequential_bet_add(&bet, u < 0.085 ? 1 : u < 0.2 ? -1 : 0);
            c = c || fm_sequential_bet_log_e(&bet) >= threshold;
            mean += (x - mean) / (double)n;
            squares += (x - before) * (x - mean);
            double sd = sqrt(squares / fmax(1, (double)(n - 1)));
            d = d || fabs(mean) > fm_sequential_half_width((double)n, sd, 0.05, rho, false);
        }
        discordant += a;
        one_sided += b;
        bets += c;
        sequence += d;
    }
    row("discordant pairs, two-sided", (double)discordant / (double)simulations, 0, 0.05);
    row("discordant pairs, one-sided", (double)one_sided / (double)simulations, 0, 0.05);
    row("bets against a margin of 3 points", (double)bets / (double)simulations, 0, 0.05);
    row_without_bar("confidence sequence, exponential (asymptotic)",
                    (double)sequence / (double)simulations);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        simulations = (size_t)strtoul(argv[1], NULL, 10);
    if (simulations < 100) {
        fprintf(stderr, "coverage: at least 100 simulations\n");
        return 2;
    }
    fm_rng_seed(&rng, 20251213660);
    printf("%zu simulations a row, a fifth of them for a bootstrap, of %d draws\n", simulations,
           MOST_DRAWS);
    proportions();
    means();
    clusters();
    gates();
    simulations /= 5; /* each looks 2000 times */
    sequential();
    return missed;
}
