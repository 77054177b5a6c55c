/* Time of the percentile bootstrap: 10,000 draws of n = 1000 (DESIGN: 50 ms), and how it grows
 * with n. Prints every raw timing, their median and spread; beside them a bare loop over as many
 * sums, so that the figure can be read on another machine. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "fathom/stats.h"

enum { ROUNDS = 9, LARGEST = 10000 };

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
    printf("%-10s n %5zu  ", what, n);
    for (int i = 0; i < ROUNDS; i++)
        printf(" %.2f", times[i] * 1e3);
    qsort(times, ROUNDS, sizeof(*times), ascending);
    printf("   median %.2f ms, %.2f to %.2f\n", times[ROUNDS / 2] * 1e3, times[0] * 1e3,
           times[ROUNDS - 1] * 1e3);
}

int main(void)
{
    static const size_t sizes[] = {100, 1000, LARGEST};
    static double values[LARGEST];
    fm_rng rng;

    fm_rng_seed(&rng, 1);
    for (int i = 0; i < LARGEST; i++)
        values[i] = fm_rng_unit(&rng);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        double bootstrap[ROUNDS], plain[ROUNDS];

        (void)bootstrap_once(values, sizes[s]); /* warm up */
        for (int i = 0; i < ROUNDS; i++) {
            bootstrap[i] = bootstrap_once(values, sizes[s]);
            plain[i] = plain_once(values, sizes[s]);
        }
        report("bootstrap", sizes[s], bootstrap);
        report("plain sum", sizes[s], plain);
    }
    return 0;
}
