/* One metric over the pairs of two runs. Part of compare.h. */
#ifndef FM_CORE_COMPARE_INTERNAL_H
#define FM_CORE_COMPARE_INTERNAL_H

#include "core/compare.h"
#include "core/compare_pooled.h"

typedef struct {
    size_t base, candidate; /* indices of the samples */
    uint32_t cluster;       /* 0 where there are none */
} fm_pair;

/* All borrowed. */
typedef struct {
    const fm_compare_options *options;
    const fm_graded *base, *candidate;
    const fm_pair *pairs;
    size_t n_pairs;
    size_t n_clusters; /* 0: the pairs are independent */
    bool failures;     /* some pair has a side that did not end ok */
    /* The pooled headline, or NULL. Where it is over categories, clusters by category are none of its
     * own: its groups are not drawn. */
    const fm_headline *headline;
} fm_pairing;

/* In both protocols; the metric that a pooled headline is made of, with `pooled`. */
typedef struct {
    size_t base, candidate;
    bool pooled, gated;
} fm_compare_slot;

/* Everything of *out but what is adjusted over several metrics: p_holm, p_bh and the gate's verdict;
 * out->gate.p_pass and p_fail come out as of this metric alone. Thread-safe. */
FM_MUST_CHECK fm_status fm_compare_metric(const fm_pairing *pairing, const fm_compare_slot *slot,
                                          fm_compared_metric *out, fm_err *err);

/* The verdict from the adjusted p. */
void fm_compare_decide(const fm_compare_options *options, fm_compared_metric *metric);

#endif
