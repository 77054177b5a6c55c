/**
 * The headline of a protocol that pools (groups.h), over the pairs of two runs: a mean over categories
 * or sources, over all points of the answers, or the share of questions with every copy right.
 *
 * A pooled value is no mean over samples, but to first order the difference of two is: each pair has a
 * share in it (the influence of the pair on the pooled difference, Hampel 1974). Tests and intervals of
 * means are taken over those shares, so that one machinery serves both. Pure but for the first; thread-safe.
 */
#ifndef FM_CORE_COMPARE_POOLED_H
#define FM_CORE_COMPARE_POOLED_H

#include "core/graded.h"

typedef struct {
    fm_metric metric; /* the primary one by its pooled name */
    char name[128];   /* it points here */
    fm_pool pool;
    size_t points;       /* FM_POOL_POINTS: that metric in the base's protocol */
    size_t points_there; /* and in the candidate's */
    uint32_t
        *of_sample;  /* [samples of the base]: its group, or its question where copies are pooled */
    double *weights; /* [n_groups] in the headline, their sum 1; NULL where copies are pooled */
    size_t n_groups;
} fm_headline;

/* Whether both protocols pool in the same way and can be compared so: then *out names the metric.
 * repeats: a run asked its samples several times, whose copies and points its means no longer tell. */
bool fm_headline_name(const fm_protocol *base, const fm_protocol *candidate, bool repeats,
                      fm_headline *out);

/* Number the groups of the base's samples. FM_E_NOMEM alone. */
FM_MUST_CHECK fm_status fm_headline_group(const fm_graded *base, fm_headline *out, fm_err *err);
void fm_headline_release(fm_headline *headline); /* accepts {0} */

/* What a sample weighs within its group: its answer's points, which is metric `points` of that run; else 1. */
double fm_headline_weight(const fm_headline *headline, const fm_graded *run, size_t sample,
                          size_t points);

/* A pair that has a value on both sides. Weights are 1, or the points of the answers. */
typedef struct {
    uint32_t group, cluster;
    double base, base_weight, candidate, candidate_weight;
} fm_headline_pair;

/* The pairs of one question become one, right where all of them are: how many are left, in the order of
 * their first. first: [n_groups], overwritten. */
size_t fm_headline_fold(fm_headline_pair *pairs, size_t n, size_t *first);

/**
 * The pooled values of both sides and the shares of the n pairs in their difference.
 *   shares[n]  their mean is the difference; the squared error of their mean is, without clusters, the
 *              stratified variance: the groups are the suite's, not drawn. A group of one pair, which has
 *              no spread of its own, lends that around the pooled difference.
 *   flips[n]   change their sign where base and candidate of a pair are exchanged (for the permutation)
 * NaN for all where a group has no pair. FM_E_NOMEM alone.
 */
FM_MUST_CHECK fm_status fm_headline_shares(const fm_headline *headline,
                                           const fm_headline_pair *pairs, size_t n, double *shares,
                                           double *flips, double *base, double *candidate,
                                           fm_err *err);

#endif
