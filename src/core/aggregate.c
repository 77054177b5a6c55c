/* Owns the denominators: which samples a rate or a mean is over. The formulas are stats'. */
#include "core/aggregate.h"

#include <math.h>
#include <stdlib.h>

#include "base/size.h"
#include "base/threads.h"
#include "core/groups.h"
#include "fathom/stats.h"

/* Recorded in results.json: an interval must be the same whenever the same run is graded again. */
#define BOOTSTRAP_SEED UINT64_C(20251213660)
#define CONFIDENCE     0.95

/* The values of one metric: a number a sample, and, with repeats, how many askings it is the sum of. */
typedef struct {
    size_t hits, failures; /* rates; failures by absence are counted here too */
    double *sums;          /* means, and rates with repeats */
    double *weights;       /* with repeats */
    double squares;        /* with repeats: of all values */
    size_t n, capacity;
    size_t askings;
    bool open; /* the sample that is being added has a value already */
} column;

struct fm_aggregate {
    const fm_protocol *protocol;
    int repeats;
    size_t n, samples, by_status[FM_SAMPLE_STATUS_COUNT];
    column columns[FM_MAX_METRICS];
    fm_groups *groups;
};

fm_aggregate *fm_aggregate_new(const fm_protocol *protocol, int repeats)
{
    fm_aggregate *aggregate = calloc(1, sizeof(*aggregate));

    if (!aggregate)
        return NULL;
    aggregate->protocol = protocol;
    aggregate->repeats = repeats;
    aggregate->groups = fm_groups_new(protocol);
    if (!aggregate->groups) {
        free(aggregate);
        return NULL;
    }
    return aggregate;
}

void fm_aggregate_free(fm_aggregate *aggregate)
{
    if (!aggregate)
        return;
    for (size_t i = 0; i < FM_MAX_METRICS; i++) {
        free(aggregate->columns[i].sums);
        free(aggregate->columns[i].weights);
    }
    fm_groups_free(aggregate->groups);
    free(aggregate);
}

static bool grow(double **array, size_t capacity)
{
    size_t bytes;
    double *grown = fm_size_mul(capacity, sizeof(*grown), &bytes) ? realloc(*array, bytes) : NULL;

    if (grown)
        *array = grown;
    return grown != NULL;
}

static bool push(column *c, double value, bool repeats)
{
    c->askings++;
    c->squares += value * value;
    if (repeats && c->open) {
        c->sums[c->n - 1] += value;
        c->weights[c->n - 1]++;
        return true;
    }
    if (c->n == c->capacity) {
        size_t capacity = c->capacity ? c->capacity * 2 : 128;

        if (!grow(&c->sums, capacity) || (repeats && !grow(&c->weights, capacity)))
            return false;
        c->capacity = capacity;
    }
    c->sums[c->n] = value;
    if (repeats)
        c->weights[c->n] = 1;
    c->n++;
    c->open = true;
    return true;
}

fm_status fm_aggregate_add(fm_aggregate *aggregate, const fm_sample *sample, const fm_grade *grade,
                           int repeat, fm_err *err)
{
    bool repeats = aggregate->repeats > 1;

    aggregate->n++;
    aggregate->samples += repeat == 1;
    aggregate->by_status[grade->status]++;
    for (size_t i = 0; i < aggregate->protocol->n_metrics; i++) {
        const fm_metric *metric = &aggregate->protocol->metrics[i];
        column *c = &aggregate->columns[i];
        bool rate = metric->role == FM_METRIC_RATE;
        double value;

        c->open &= repeat > 1;
        if (!fm_metric_counts(metric, &grade->values[i], &value))
            continue;
        c->hits += rate && value != 0;
        c->failures += rate && value == 0;
        if ((!rate || repeats) && !push(c, value, repeats))
            return fm_fail(err, FM_E_NOMEM, "no memory for the values of '%s'", metric->name);
    }
    return fm_groups_add(aggregate->groups, sample, grade, repeat, err);
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
    if (aggregate->repeats > 1) {
        fm_json_put_int(w, "samples", (int64_t)aggregate->samples);
        fm_json_put_int(w, "repeats", aggregate->repeats);
    }
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

/* ---- intervals ---- */

typedef struct {
    fm_interval interval;
    const char *method;
} uncertainty;

/* Metrics that are resampled together: as many samples, and room for them in one call. */
typedef struct {
    size_t metrics[FM_STATS_COLUMNS], n;
} group;

typedef struct {
    const fm_aggregate *aggregate;
    group groups[FM_MAX_METRICS];
    size_t n_groups;
    uncertainty by_metric[FM_MAX_METRICS];
} intervals;

/* Equal answers to every asking leave a bootstrap nothing to vary. */
static bool is_extreme(const column *c)
{
    return c->hits == 0 || c->failures == 0;
}

static bool is_resampled(const fm_aggregate *aggregate, size_t metric)
{
    const column *c = &aggregate->columns[metric];

    switch (aggregate->protocol->metrics[metric].role) {
    case FM_METRIC_RATE:
        return aggregate->repeats > 1 && !is_extreme(c);
    case FM_METRIC_MEAN:
        return true;
    case FM_METRIC_DETAIL:
        break;
    }
    return false;
}

static void join_group(intervals *out, size_t metric)
{
    const column *columns = out->aggregate->columns;
    size_t g = 0;

    while (g < out->n_groups && (out->groups[g].n == FM_STATS_COLUMNS ||
                                 columns[out->groups[g].metrics[0]].n != columns[metric].n))
        g++;
    out->n_groups += g == out->n_groups;
    out->groups[g].metrics[out->groups[g].n++] = metric;
}

/* Wilson's interval. Of samples with equal askings only the number of samples is known to count:
 * that of the askings would have them independent. */
static uncertainty score_interval(const column *c, bool repeats)
{
    size_t n = repeats ? c->n : c->hits + c->failures;
    size_t hits = repeats ? (c->hits ? n : 0) : c->hits;

    return (uncertainty){.interval =
                             n ? fm_stats_wilson(hits, n, CONFIDENCE) : (fm_interval){NAN, NAN},
                         .method = repeats ? "wilson-cluster" : "wilson"};
}

/* One group a call: with many samples the draws take a while. */
static fm_status resample_group(void *context, size_t index, int worker, fm_err *err)
{
    intervals *out = context;
    const group *g = &out->groups[index];
    const column *columns = out->aggregate->columns;
    bool repeats = out->aggregate->repeats > 1;
    fm_stats_column resampled[FM_STATS_COLUMNS];
    fm_stats_resampled got[FM_STATS_COLUMNS];

    (void)worker;
    for (size_t i = 0; i < g->n; i++)
        resampled[i] = (fm_stats_column){.sums = columns[g->metrics[i]].sums,
                                         .weights = columns[g->metrics[i]].weights};
    fm_status st = fm_stats_bootstrap(resampled, g->n, columns[g->metrics[0]].n, FM_STATS_DRAWS,
                                      CONFIDENCE, BOOTSTRAP_SEED, got, err);
    for (size_t i = 0; st == FM_OK && i < g->n; i++)
        out->by_metric[g->metrics[i]] = (uncertainty){
            .interval = got[i].interval,
            .method = got[i].drawn ? (repeats ? "bootstrap-cluster" : "bootstrap-percentile")
                                   : (repeats ? "cornish-fisher-cluster" : "cornish-fisher")};
    return st;
}

static fm_status compute_intervals(intervals *out, int jobs, fm_err *err)
{
    const fm_aggregate *aggregate = out->aggregate;

    for (size_t i = 0; i < aggregate->protocol->n_metrics; i++) {
        if (is_resampled(aggregate, i))
            join_group(out, i);
        else if (aggregate->protocol->metrics[i].role == FM_METRIC_RATE)
            out->by_metric[i] = score_interval(&aggregate->columns[i], aggregate->repeats > 1);
    }
    return fm_parallel_for(out->n_groups, jobs, resample_group, out, err);
}

/* An estimated variance may come out below zero. */
static double root(double variance)
{
    return variance < 0 ? 0 : sqrt(variance);
}

/* Standard deviations within the askings of a sample (the model's noise) and between the samples'
 * own means (how hard they are): one-way analysis of variance. */
static void put_spread(const column *c, double sum, fm_json_writer *w)
{
    double of_samples = 0, n = (double)c->n, askings = (double)c->askings, weights2 = 0;

    for (size_t i = 0; i < c->n; i++) {
        of_samples += c->sums[i] * c->sums[i] / c->weights[i];
        weights2 += c->weights[i] * c->weights[i];
    }
    double within = (c->squares - of_samples) / (askings - n);
    double between = (of_samples - sum * sum / askings) / (n - 1);
    double a_sample =
        (askings - weights2 / askings) / (n - 1); /* askings of one, unless complete */
    double items = (between - within) / a_sample;

    fm_json_put_number(w, "sd_within", root(within));
    fm_json_put_number(w, "sd_between", root(items));
}

static void put_column(const fm_aggregate *aggregate, size_t metric, const uncertainty *u,
                       fm_json_writer *w)
{
    const fm_metric *m = &aggregate->protocol->metrics[metric];
    const column *c = &aggregate->columns[metric];
    bool rate = m->role == FM_METRIC_RATE;
    size_t denominator = rate ? c->hits + c->failures : c->askings;
    double numerator = rate ? (double)c->hits : 0;

    for (size_t i = 0; !rate && i < c->n; i++)
        numerator += c->sums[i];
    fm_json_open(w, m->name, '{');
    fm_json_put_number(w, "value", denominator ? numerator / (double)denominator : NAN);
    fm_json_put_number(w, "numerator", numerator);
    fm_json_put_int(w, "denominator", (int64_t)denominator);
    fm_json_put_int(w, "excluded", (int64_t)(aggregate->n - denominator));
    if (aggregate->repeats > 1) {
        fm_json_put_int(w, "samples", (int64_t)c->n);
        put_spread(c, numerator, w);
    }
    fm_json_put_number(w, "ci_low", u->interval.low);
    fm_json_put_number(w, "ci_high", u->interval.high);
    fm_json_put_string(w, "ci_method", u->method);
    fm_json_put_string(w, "role", rate ? "rate" : "mean");
    fm_json_put_int(w, "better", m->better);
    fm_json_put_string(w, "unit", m->unit);
    fm_json_close(w, '}');
}

fm_status fm_aggregate_put(const fm_aggregate *aggregate, int jobs, fm_json_writer *w, fm_err *err)
{
    const fm_protocol *protocol = aggregate->protocol;
    intervals computed = {.aggregate = aggregate};
    fm_status st = compute_intervals(&computed, jobs, err);

    if (st != FM_OK)
        return st;
    put_counts(aggregate, w);
    fm_json_put_string(w, "primary", protocol->primary);
    fm_json_open(w, "aggregates", '{');
    for (size_t i = 0; i < protocol->n_metrics; i++)
        if (protocol->metrics[i].role != FM_METRIC_DETAIL)
            put_column(aggregate, i, &computed.by_metric[i], w);
    st = fm_groups_put_pooled(aggregate->groups, BOOTSTRAP_SEED, CONFIDENCE, w, err);
    fm_json_close(w, '}');
    fm_json_open(w, "bootstrap", '{');
    fm_json_put_int(w, "seed", (int64_t)BOOTSTRAP_SEED);
    fm_json_put_int(w, "draws", FM_STATS_DRAWS);
    fm_json_put_number(w, "confidence", CONFIDENCE);
    fm_json_close(w, '}');
    fm_groups_put(aggregate->groups, w);
    return st;
}
