/**
 * From the grades of all samples to counts, rates and means with their intervals: results.json.
 * Samples are added in order, by one thread; the result depends on nothing else, the number of
 * threads that compute the intervals included.
 */
#ifndef FM_CORE_AGGREGATE_H
#define FM_CORE_AGGREGATE_H

#include "base/json.h"
#include "core/catalog.h"

#define FM_RESULTS_SCHEMA "fathom.results/1"

typedef struct fm_aggregate fm_aggregate;

fm_aggregate *fm_aggregate_new(const fm_protocol *protocol); /* NULL: out of memory */
void fm_aggregate_free(fm_aggregate *aggregate);             /* accepts NULL */

FM_MUST_CHECK fm_status fm_aggregate_add(fm_aggregate *aggregate, const fm_grade *grade,
                                         fm_err *err);

/* Members n, counts, outcomes, primary, aggregates, bootstrap into the object that is open in w. */
FM_MUST_CHECK fm_status fm_aggregate_put(const fm_aggregate *aggregate, int jobs, fm_json_writer *w,
                                         fm_err *err);

#endif
