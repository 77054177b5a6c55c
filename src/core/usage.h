/**
 * What a run took: attempts, tokens, money, time. Summed over the records of the journal, one an
 * attempt, so that it is the same whenever it is computed; usage.json (docs/run-directory.md).
 */
#ifndef FM_CORE_USAGE_H
#define FM_CORE_USAGE_H

#include "base/json.h"
#include "fathom/adapter.h"

#define FM_USAGE_SCHEMA "fathom.usage/1"

/* One attempt, as a record of the journal tells it. */
typedef struct {
    const fm_reply *reply;
    double cost;    /* NaN: not known */
    double queue_s; /* from the sample's turn to its being sent, pauses included; NaN: not known */
} fm_attempt;

typedef struct fm_usage_totals fm_usage_totals;

fm_usage_totals *fm_usage_new(void);         /* NULL: out of memory */
void fm_usage_free(fm_usage_totals *totals); /* accepts NULL */
FM_MUST_CHECK fm_status fm_usage_add(fm_usage_totals *totals, const fm_attempt *attempt,
                                     fm_err *err);
double fm_usage_cost(const fm_usage_totals *totals); /* NaN: no attempt had a known cost */

/* Attempts by status, those from the cache, tokens, cost, latency, server and queue time with mean,
 * p50, p95, p99 and maximum, into the object that is open in w. Sorts the times it has. */
void fm_usage_put(fm_usage_totals *totals, fm_json_writer *w);

#endif
