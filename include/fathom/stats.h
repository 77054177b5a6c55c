/**
 * Statistics of evaluation results: means, quantiles and the intervals that go with them.
 *
 * Pure functions, thread-safe, the same result for the same input everywhere: random draws come
 * from a seed and are made in a fixed order. An estimate over nothing is NaN.
 */
#ifndef FATHOM_STATS_H
#define FATHOM_STATS_H

#include <stdbool.h>
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

/* Clopper and Pearson's exact interval for a proportion: its coverage is at least `confidence`
 * whatever the proportion is, at the price of being wider than Wilson's. Source: 1934. */
FM_API fm_interval fm_stats_clopper_pearson(size_t hits, size_t n, double confidence);

/* The t below which Student's variable with df > 0 degrees of freedom falls with probability p;
 * infinite at 0 and 1, NaN outside. */
FM_API double fm_stats_t_quantile(double p, double df);

/**
 * Percentile bootstrap of the mean: `draws` resamples of n values with replacement, the interval
 * between the (1 -+ confidence) / 2 quantiles of their means.
 * n = 0 gives NaN; n < 2^32, draws >= 1 (FM_E_INPUT otherwise), values finite. FM_E_NOMEM for the
 * means. 10,000 draws of n = 1000 take some tens of milliseconds. Source: Efron 1979.
 */
FM_API FM_MUST_CHECK fm_status fm_stats_bootstrap_mean(const double *values, size_t n, size_t draws,
                                                       double confidence, uint64_t seed,
                                                       fm_interval *out, fm_err *err);

/* Columns that one call can resample together. */
#define FM_STATS_COLUMNS 4

/* With more values than this, the quantiles of the bootstrap's distribution are computed instead of
 * drawn. */
#define FM_STATS_DRAWN_MOST 10000

/* A mean over samples of which each has several values: sums / weights, where a sample's weight is
 * the number of its values. weights NULL: one each. */
typedef struct {
    const double *sums, *weights; /* [n]; weights over 0 */
} fm_stats_column;

typedef struct {
    fm_interval interval;
    bool drawn; /* else by the expansion below */
} fm_stats_resampled;

/**
 * Percentile bootstrap of several means over the same n samples (resampled whole: the cluster
 * bootstrap where they have several values), from one set of draws: the indices are made once for
 * all columns, and a column's interval does not depend on the others beside it; without weights it
 * is that of fm_stats_bootstrap_mean(). n_columns <= FM_STATS_COLUMNS; else as there.
 *
 * Where n > FM_STATS_DRAWN_MOST nothing is drawn: the quantiles of the distribution that the draws
 * would come from are computed from its first four cumulants (Cornish and Fisher 1938, third order),
 * with an error of the order n^-3/2, where 10,000 draws miss the quantile by a fortieth of the
 * standard error. Values whose skewness or kurtosis is too large for the expansion are drawn all the
 * same. With weights that differ it is that of the linearized ratio.
 */
FM_API FM_MUST_CHECK fm_status fm_stats_bootstrap(const fm_stats_column *columns, size_t n_columns,
                                                  size_t n, size_t draws, double confidence,
                                                  uint64_t seed, fm_stats_resampled *out,
                                                  fm_err *err);

#ifdef __cplusplus
}
#endif
#endif
