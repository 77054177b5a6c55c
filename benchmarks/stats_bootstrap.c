/* Time of the percentile bootstrap: 10,000 draws of n = 1000 (DESIGN: 50 ms), and how it grows
 * with n. Prints every raw timing, their median and spread; beside them a bare loop over as many
 * sums, so that the figure can be read on another machine. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "fathom/stats.h"

enum { ROUNDS = 9, LARGEST = 100000 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double bootstrap_once(const double *values, size_t n)
{
    fm_interval interval;
    double start = fm_clock_seconds();

    if (fm_stats_bootstrap_mean(values, n, FM_STATS_DRAWS, 0.95, 1, &interval, NULL) != FM_OK)
        abort();
    return fm_clock_seconds() - start;
}

/* As a protocol's means are resampled: seven columns, in groups that share their draws. */
static double seven_once(const double *values, size_t n)
{
    fm_stats_column columns[FM_STATS_COLUMNS];
    fm_stats_resampled out[FM_STATS_COLUMNS];
    double start = fm_clock_seconds();

    for (size_t c = 0; c < FM_STATS_COLUMNS; c++)
        columns[c] = (fm_stats_column){.sums = values};
    if (fm_stats_bootstrap(columns, 4, n, FM_STATS_DRAWS, 0.95, 1, out, NULL) != FM_OK ||
        fm_stats_bootstrap(columns, 3, n, FM_STATS_DRAWS, 0.95, 1, out, NULL) != FM_OK)
        abort();
    return fm_clock_seconds() - start;
}

/* The same number of additions, from neighbouring places and without a generator. */
static double plain_once(const double *values, size_t n)
{
    volatile double sink = 0;
    double start = fm_clock_seconds();

    for (size_t draw = 0; draw < FM_STATS_DRAWS; draw++) {
        double sum = 0;

        for (size_t i = 0; i < n; i++)
            sum += values[i];
        sink = sink + sum;
    }
    return fm_clock_seconds() - start;
}

static void report(const char *what, size_t n, double times[ROUNDS])
{
    printf("%-10s n %6zu  ", what, n);
    for (int i = 0; i < ROUNDS; i++)
        printf(" %.2f", times[i] * 1e3);
    qsort(times, ROUNDS, sizeof(*times), ascending);
    printf("   median %.2f ms, %.2f to %.2f\n", times[ROUNDS / 2] * 1e3, times[0] * 1e3,
           times[ROUNDS - 1] * 1e3);
}

int main(void)
{
    static const size_t sizes[] = {100, 1000, 10000, LARGEST};
    static double values[LARGEST];
    fm_rng rng;

    fm_rng_seed(&rng, 1);
    for (int i = 0; i < LARGEST; i++)
        values[i] = fm_rng_unit(&rng);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        double bootstrap[ROUNDS], seven[ROUNDS], plain[ROUNDS];

        if (sizes[s] > FM_STATS_DRAWN_MOST) { /* nothing is drawn */
            for (int i = 0; i < ROUNDS; i++)
                seven[i] = seven_once(values, sizes[s]);
            report("seven", sizes[s], seven);
            break;
        }
        (void)bootstrap_once(values, sizes[s]); /* warm up */
        for (int i = 0; i < ROUNDS; i++) {
            bootstrap[i] = bootstrap_once(values, sizes[s]);
            seven[i] = seven_once(values, sizes[s]);
            plain[i] = plain_once(values, sizes[s]);
        }
        report("bootstrap", sizes[s], bootstrap);
        report("seven", sizes[s], seven);
        report("plain sum", sizes[s], plain);
    }
    return 0;
}
