/**
 * Two systems on the same items: is the difference real, and how large can it be?
 *
 * A difference is candidate less base, everywhere. Pure functions, thread-safe; random draws come
 * from a seed. Which items count, and what a failed reply is worth, is decided by the caller.
 */
#ifndef FATHOM_PAIRED_H
#define FATHOM_PAIRED_H

#include "fathom/stats.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- right or wrong ---- */

/* Of n items: those that only the candidate has right, and those that only the base has. */
typedef struct {
    size_t n, gained, lost; /* gained + lost <= n */
} fm_paired_counts;

typedef struct {
    double exact; /* never too small: for decisions */
    double mid;   /* counts half of what was seen: nearer to its level, for display */
} fm_paired_p;

/* Two-sided p of "neither is better". 1 where the two never differ. Source: McNemar 1947 as a
 * binomial test; mid-p: Fagerland, Lydersen and Laake 2013. */
FM_API fm_paired_p fm_paired_mcnemar(const fm_paired_counts *counts);

/* Score interval of the difference (gained - lost) / n, whose z is that of the exact test below.
 * n = 0: [-1, 1]. Source: Tango 1998. */
FM_API fm_interval fm_paired_tango(const fm_paired_counts *counts, double confidence);

/* Up to this many items fm_paired_above() is exact whatever the difference tested against. */
#define FM_PAIRED_EXACT_MOST 2000

/**
 * One-sided p of "the difference is at most `bound`", -1 < bound < 1; a small one says that it is
 * above. (That it is below: exchange gained and lost, and negate the bound.)
 *
 * bound 0: the exact binomial tail. Else the exact unconditional test that orders outcomes by
 * Tango's score, its p the largest over the share of losses within that share's 99.999 % interval,
 * with the remaining 1e-5 added (Berger and Boos 1994): never too small but for the mesh of that
 * search. With more than FM_PAIRED_EXACT_MOST items, the normal tail of the score with a
 * continuity correction. n = 0 gives 1.
 */
FM_API double fm_paired_above(const fm_paired_counts *counts, double bound);

/* ---- numbers ---- */

typedef struct {
    double mean, error;   /* of the mean, clusters respected; NaN where there are fewer than two */
    double degrees;       /* of freedom: items or clusters, less one */
    double design_effect; /* what clusters do to the variance of the mean; 1 without */
    fm_interval interval; /* Student's */
} fm_paired_mean;

/**
 * Mean of n differences with its standard error. clusters NULL: the items are independent. Else
 * items come in n_clusters groups (questions of one picture), sums[g] is the sum of a group's
 * differences and weights[g] (required) their number: a robust variance with the factor G / (G - 1).
 * Source: Miller 2024, section 2.2.
 */
FM_API fm_paired_mean fm_paired_mean_of(const double *differences, size_t n,
                                        const fm_stats_column *clusters, size_t n_clusters,
                                        double confidence);

/* One-sided p of "the mean is at most `bound`", by Student's t. Without any spread a t would be
 * sure after two items: then it is that of the sign test, 2^-n (or 1). NaN without an error. */
FM_API double fm_paired_mean_above(const fm_paired_mean *mean, double bound);

/* With more differences than this, the tail of the flips is computed instead of drawn. */
#define FM_PAIRED_FLIPPED_MOST 1000

/**
 * Two-sided p of "the signs of the differences are chance": sums[i], of an item or of a cluster, is
 * flipped with probability 1/2. All 2^n flips where they are no more than the draws, else `draws`
 * random ones and p = (1 + those as extreme) / (1 + draws). With n > FM_PAIRED_FLIPPED_MOST nothing
 * is drawn, unless a few differences are most of all: the tail of the distribution that would be
 * drawn from by its second and fourth cumulant, nearer than 10,000 draws come. n = 0: 1. The interval that goes with it is fm_stats_bootstrap() of the differences.
 */
FM_API double fm_paired_sign_flip(const double *sums, size_t n, size_t draws, uint64_t seed);

#ifdef __cplusplus
}
#endif
#endif
