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

/* repeats: askings a sample. NULL: out of memory */
fm_aggregate *fm_aggregate_new(const fm_protocol *protocol, int repeats);
void fm_aggregate_free(fm_aggregate *aggregate); /* accepts NULL */

/* Of the sample only id, category and source are looked at. repeat: which asking of it this is. Those of
 * a sample come one after another, the first before the others. FM_E_INPUT where a protocol pools over
 * more groups than groups.h keeps. */
FM_MUST_CHECK fm_status fm_aggregate_add(fm_aggregate *aggregate, const fm_sample *sample,
                                         const fm_grade *grade, int repeat, fm_err *err);

/* Members n (askings), with repeats samples and repeats, counts, outcomes, primary, aggregates,
 * bootstrap and those of groups.h into the object that is open in w. */
FM_MUST_CHECK fm_status fm_aggregate_put(const fm_aggregate *aggregate, int jobs, fm_json_writer *w,
                                         fm_err *err);

#endif
