/* Owns the denominators: which samples a rate or a mean is over. The formulas are stats'. */
#include "core/aggregate.h"

#include <math.h>
#include <stdlib.h>

#include "base/size.h"
#include "base/threads.h"
#include "fathom/stats.h"

/* Recorded in results.json: an interval must be the same whenever the same run is graded again. */
#define BOOTSTRAP_SEED UINT64_C(20251213660)
#define CONFIDENCE     0.95

typedef struct {
    size_t hits, failures; /* rates; failures by absence are counted here too */
    double *values;        /* means */
    size_t n, capacity;
} column;

struct fm_aggregate {
    const fm_protocol *protocol;
    size_t n, by_status[FM_SAMPLE_STATUS_COUNT];
    column columns[FM_MAX_METRICS];
};

fm_aggregate *fm_aggregate_new(const fm_protocol *protocol)
{
    fm_aggregate *aggregate = calloc(1, sizeof(*aggregate));

    if (aggregate)
        aggregate->protocol = protocol;
    return aggregate;
}

void fm_aggregate_free(fm_aggregate *aggregate)
{
    if (!aggregate)
        return;
    for (size_t i = 0; i < FM_MAX_METRICS; i++)
        free(aggregate->columns[i].values);
    free(aggregate);
}

static bool push(column *c, double value)
{
    if (c->n == c->capacity) {
        size_t capacity = c->capacity ? c->capacity * 2 : 128, bytes;
        double *grown =
            fm_size_mul(capacity, sizeof(*grown), &bytes) ? realloc(c->values, bytes) : NULL;

        if (!grown)
            return false;
        c->values = grown;
        c->capacity = capacity;
    }
    c->values[c->n++] = value;
    return true;
}

fm_status fm_aggregate_add(fm_aggregate *aggregate, const fm_grade *grade, fm_err *err)
{
    aggregate->n++;
    aggregate->by_status[grade->status]++;
    for (size_t i = 0; i < aggregate->protocol->n_metrics; i++) {
        const fm_metric *metric = &aggregate->protocol->metrics[i];
        const fm_value *value = &grade->values[i];
        column *c = &aggregate->columns[i];

        if (metric->role == FM_METRIC_RATE && value->kind == FM_VALUE_BOOL) {
            c->hits += value->truth;
            c->failures += !value->truth;
        } else if (metric->role == FM_METRIC_RATE && value->kind == FM_VALUE_ABSENT) {
            c->failures += metric->over == FM_OVER_ALL;
        } else if (metric->role == FM_METRIC_MEAN && value->kind == FM_VALUE_NUMBER &&
                   isfinite(value->number) && !push(c, value->number)) {
            return fm_fail(err, FM_E_NOMEM, "no memory for the values of '%s'", metric->name);
        }
    }
    return FM_OK;
}

static void put_counts(const fm_aggregate *aggregate, fm_json_writer *w)
{
    static const char *const outcome_names[] = {
        [FM_OUTCOME_SCORED] = "scored",
        [FM_OUTCOME_UNPARSED] = "unparsed",
        [FM_OUTCOME_ERRORED] = "errored",
        [FM_OUTCOME_SKIPPED] = "skipped",
    };
    size_t outcomes[FM_COUNT_OF(outcome_names)] = {0};

    fm_json_put_int(w, "n", (int64_t)aggregate->n);
    fm_json_open(w, "counts", '{');
    for (size_t i = 0; i < FM_SAMPLE_STATUS_COUNT; i++) {
        fm_json_put_int(w, fm_sample_status_name((fm_sample_status)i),
                        (int64_t)aggregate->by_status[i]);
        outcomes[fm_sample_status_outcome((fm_sample_status)i)] += aggregate->by_status[i];
    }
    fm_json_close(w, '}');
    fm_json_open(w, "outcomes", '{');
    for (size_t i = 0; i < FM_COUNT_OF(outcome_names); i++)
        fm_json_put_int(w, outcome_names[i], (int64_t)outcomes[i]);
    fm_json_close(w, '}');
}

typedef struct {
    const fm_aggregate *aggregate;
    fm_interval by_metric[FM_MAX_METRICS];
} intervals;

/* One metric a call: with many samples the draws of a mean take seconds. */
static fm_status compute_interval(void *context, size_t index, int worker, fm_err *err)
{
    intervals *out = context;
    const column *c = &out->aggregate->columns[index];
    fm_interval *interval = &out->by_metric[index];
    size_t n = c->hits + c->failures;

    (void)worker;
    *interval = (fm_interval){NAN, NAN};
    switch (out->aggregate->protocol->metrics[index].role) {
    case FM_METRIC_RATE:
        if (n)
            *interval = fm_stats_wilson(c->hits, n, CONFIDENCE);
        return FM_OK;
    case FM_METRIC_MEAN:
        return fm_stats_bootstrap_mean(c->values, c->n, FM_STATS_DRAWS, CONFIDENCE, BOOTSTRAP_SEED,
                                       interval, err);
    case FM_METRIC_DETAIL:
        break;
    }
    return FM_OK;
}

static void put_column(const fm_metric *metric, const column *c, size_t n,
                       const fm_interval *interval, fm_json_writer *w)
{
    bool rate = metric->role == FM_METRIC_RATE;
    size_t denominator = rate ? c->hits + c->failures : c->n;
    double numerator = rate ? (double)c->hits : 0;

    for (size_t i = 0; !rate && i < c->n; i++)
        numerator += c->values[i];
    fm_json_open(w, metric->name, '{');
    fm_json_put_number(w, "value", denominator ? numerator / (double)denominator : NAN);
    fm_json_put_number(w, "numerator", numerator);
    fm_json_put_int(w, "denominator", (int64_t)denominator);
    fm_json_put_int(w, "excluded", (int64_t)(n - denominator));
    fm_json_put_number(w, "ci_low", interval->low);
    fm_json_put_number(w, "ci_high", interval->high);
    fm_json_put_string(w, "ci_method", rate ? "wilson" : "bootstrap-percentile");
    fm_json_put_string(w, "role", rate ? "rate" : "mean");
    fm_json_put_int(w, "better", metric->better);
    fm_json_put_string(w, "unit", metric->unit);
    fm_json_close(w, '}');
}

fm_status fm_aggregate_put(const fm_aggregate *aggregate, int jobs, fm_json_writer *w, fm_err *err)
{
    const fm_protocol *protocol = aggregate->protocol;
    intervals computed = {.aggregate = aggregate};
    fm_status st = fm_parallel_for(protocol->n_metrics, jobs, compute_interval, &computed, err);

    if (st != FM_OK)
        return st;
    put_counts(aggregate, w);
    fm_json_put_string(w, "primary", protocol->primary);
    fm_json_open(w, "aggregates", '{');
    for (size_t i = 0; i < protocol->n_metrics; i++)
        if (protocol->metrics[i].role != FM_METRIC_DETAIL)
            put_column(&protocol->metrics[i], &aggregate->columns[i], aggregate->n,
                       &computed.by_metric[i], w);
    fm_json_close(w, '}');
    fm_json_open(w, "bootstrap", '{');
    fm_json_put_int(w, "seed", (int64_t)BOOTSTRAP_SEED);
    fm_json_put_int(w, "draws", FM_STATS_DRAWS);
    fm_json_put_number(w, "confidence", CONFIDENCE);
    fm_json_close(w, '}');
    return FM_OK;
}
