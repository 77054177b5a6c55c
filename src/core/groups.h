/**
 * Results by category and by source, and the headline of a protocol that takes a mean of their
 * values, one over all points of the answers, or counts questions with all their copies (copies.h), instead
 * of one over all samples. Part of aggregate.h: samples are added in its order.
 */
#ifndef FM_CORE_GROUPS_H
#define FM_CORE_GROUPS_H

#include "base/json.h"
#include "core/catalog.h"

/* Categories (or sources) that results are broken down by. A suite with more of them has no
 * breakdown; a protocol that pools over them refuses it. */
#define FM_MAX_GROUPS 64

typedef struct fm_groups fm_groups;

fm_groups *fm_groups_new(const fm_protocol *protocol); /* NULL: out of memory */
void fm_groups_free(fm_groups *groups);                /* accepts NULL */

FM_MUST_CHECK fm_status fm_groups_add(fm_groups *groups, const fm_sample *sample,
                                      const fm_grade *grade, int repeat, fm_err *err);

/* The pooled value as one more member, "<primary>_macro", "_source", "_points" or "_copies", of the
 * aggregates that are open in w; nothing where every sample counts the same. The groups are the suite's,
 * not drawn. A mean of rates has the interval of Price and Bonett 2004 ("price-bonett"). A mean of
 * means, and of rates whose samples were asked several times with different outcomes, resamples within
 * each group ("bootstrap-stratified", of whole samples with all their askings). Points are of one group
 * ("bootstrap-percentile"). With more than FM_STATS_DRAWN_MOST samples what would be resampled is the
 * normal interval of the same variance ("normal-stratified", "normal"). */
FM_MUST_CHECK fm_status fm_groups_put_pooled(const fm_groups *groups, uint64_t seed,
                                             double confidence, fm_json_writer *w, fm_err *err);

/* The name of the pooled value; where every sample counts the same, the primary metric's. */
void fm_groups_headline(const fm_protocol *protocol, char *out, size_t size);

/* Members headline (the name of the pooled value), by_category and by_source; each only where there
 * is something to say. */
void fm_groups_put(const fm_groups *groups, fm_json_writer *w);

/* What a grade says for a metric: false where nothing counts, else a number, of a rate 0 or 1. */
bool fm_metric_counts(const fm_metric *metric, const fm_value *value, double *out);

#endif
