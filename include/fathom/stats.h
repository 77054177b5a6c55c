/**
 * Statistics of evaluation results: means, quantiles and the intervals that go with them.
 *
 * Pure functions, thread-safe, the same result for the same input everywhere: random draws come
 * from a seed and are made in a fixed order. An estimate over nothing is NaN.
 */
#ifndef FATHOM_STATS_H
#define FATHOM_STATS_H

#include <stdint.h>

#include "fathom/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The draws of a bootstrap where nothing else is asked for. */
#define FM_STATS_DRAWS 10000

typedef struct {
    double low, high;
} fm_interval;

FM_API double fm_stats_mean(const double *values, size_t n);

/* Quantile p in [0, 1] of values in ascending order, linear between neighbours: position p (n - 1),
 * as NumPy's default and R's type 7. */
FM_API double fm_stats_quantile(const double *sorted, size_t n, double p);

/* The x below which a standard normal variable falls with probability p; infinite at 0 and 1, NaN
 * outside. Source: Wichura 1988, AS 241, relative error about 1e-16. */
FM_API double fm_stats_normal_quantile(double p);

/**
 * Wilson's score interval for a proportion, with a two-sided confidence such as 0.95.
 * hits <= n; n = 0 gives the whole of [0, 1]. Keeps its coverage at 0 of n and for small n, where
 * the usual p +- z s leaves [0, 1]. Source: Wilson 1927; Brown, Cai and DasGupta 2001.
 */
FM_API fm_interval fm_stats_wilson(size_t hits, size_t n, double confidence);

/**
 * Percentile bootstrap of the mean: `draws` resamples of n values with replacement, the interval
 * between the (1 -+ confidence) / 2 quantiles of their means.
 * n = 0 gives NaN; n < 2^32, draws >= 1 (FM_E_INPUT otherwise), values finite. FM_E_NOMEM for the
 * means. 10,000 draws of n = 1000 take some tens of milliseconds. Source: Efron 1979.
 */
FM_API FM_MUST_CHECK fm_status fm_stats_bootstrap_mean(const double *values, size_t n, size_t draws,
                                                       double confidence, uint64_t seed,
                                                       fm_interval *out, fm_err *err);

#ifdef __cplusplus
}
#endif
#endif
