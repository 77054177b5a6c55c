/**
 * Several systems on the same items: which of them can be told apart, and which places each may hold.
 *
 * Pure functions, thread-safe, the same result for the same input everywhere. Which pairs differ is
 * decided by the tests of fathom/paired.h, adjusted for their number (fathom/multiple.h).
 */
#ifndef FATHOM_RANKS_H
#define FATHOM_RANKS_H

#include <stddef.h>

#include "fathom/stats.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Systems that may be ranked together. */
#define FM_RANKS_MOST 64

/* Places from 1; low is the better one. */
typedef struct {
    size_t low, high;
} fm_rank_interval;

/**
 * Interval of each system's place from the joint bootstrap: items are resampled for all systems
 * together, so that what is hard for all of them moves none. A place counts the systems that are
 * better; of systems that are equal in a draw each holds all their places.
 *
 *   values [n][n_systems], NaN where a system has none for that item; better +1 or -1
 *   out    [n_systems]
 *
 * n_systems <= FM_RANKS_MOST, n < 2^32, draws >= 1 (FM_E_INPUT otherwise). A system without a value is
 * last. The time is that of n x n_systems x draws additions. Source: Xie, Singh and Zhang 2009.
 */
FM_API FM_MUST_CHECK fm_status fm_ranks_bootstrap(const double *values, size_t n, size_t n_systems,
                                                  int better, size_t draws, double confidence,
                                                  uint64_t seed, fm_rank_interval *out,
                                                  fm_err *err);

/**
 * The compact letter display: sets of systems of which no two differ, each as large as can be, such
 * that two systems share a set exactly where they do not differ.
 *
 *   differ [n][n], symmetric
 *   groups bit i of a set: system i is in it; at most `most`, in the order of their first systems
 *
 * Returns how many sets there are, 0 where they are more than `most` (or n is 0). Source: Piepho 2004,
 * insert and absorb.
 */
FM_API size_t fm_ranks_groups(const bool *differ, size_t n, uint64_t *groups, size_t most);

#ifdef __cplusplus
}
#endif
#endif
