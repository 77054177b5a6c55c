/* Owns which samples belong together, and the mean over groups with its interval. */
#include "core/groups.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/size.h"
#include "core/copies.h"
#include "fathom/stats.h"

typedef struct {
    double sum;
    size_t n; /* values */
} cell;

typedef struct {
    char *name;
    size_t n; /* askings */
    cell cells[FM_MAX_METRICS];
} group;

/* The groups by one property of the samples, in the order of the data. */
typedef struct {
    group *items; /* [FM_MAX_GROUPS] */
    size_t n;
    bool named, too_many;
} grouping;

/* Samples that the headline weighs alike: a category, or a source within one. Over points, all. Of
 * the primary metric each sample has a sum, over so many askings or points. */
typedef struct {
    size_t category, source;
    double *sums, *weights;
    size_t n, capacity;
    bool open; /* the sample that is being added has a value already */
} stratum;

struct fm_groups {
    const fm_protocol *protocol;
    size_t primary, points; /* indices of metrics; n_metrics: there is none */
    grouping categories, sources;
    stratum *strata; /* [n_strata] */
    size_t n_strata;
    size_t n_samples;  /* with a value */
    fm_copies *copies; /* FM_POOL_COPIES, else NULL */
};

/* What a sample without a category belongs to. */
#define UNNAMED "none"

bool fm_metric_counts(const fm_metric *metric, const fm_value *value, double *out)
{
    if (metric->role == FM_METRIC_RATE && value->kind == FM_VALUE_BOOL) {
        *out = value->truth;
        return true;
    }
    if (metric->role == FM_METRIC_RATE && value->kind == FM_VALUE_ABSENT) {
        *out = 0;
        return metric->over == FM_OVER_ALL;
    }
    *out = value->number;
    return metric->role == FM_METRIC_MEAN && value->kind == FM_VALUE_NUMBER &&
           isfinite(value->number);
}

static size_t index_of(const fm_protocol *protocol, const char *metric)
{
    size_t i = 0;

    while (i < protocol->n_metrics && strcmp(protocol->metrics[i].name, metric) != 0)
        i++;
    return i;
}

fm_groups *fm_groups_new(const fm_protocol *protocol)
{
    fm_groups *groups = calloc(1, sizeof(*groups));

    if (!groups)
        return NULL;
    groups->protocol = protocol;
    groups->primary = index_of(protocol, protocol->primary);
    groups->points = index_of(protocol, "points");
    groups->categories.items = calloc(FM_MAX_GROUPS, sizeof(group));
    groups->sources.items = calloc(FM_MAX_GROUPS, sizeof(group));
    if (protocol->pool == FM_POOL_COPIES)
        groups->copies = fm_copies_new(protocol->copies);
    if (!groups->categories.items || !groups->sources.items ||
        (protocol->pool == FM_POOL_COPIES && !groups->copies)) {
        fm_groups_free(groups);
        return NULL;
    }
    return groups;
}

static void free_grouping(grouping *g)
{
    for (size_t i = 0; i < g->n; i++)
        free(g->items[i].name);
    free(g->items);
}

void fm_groups_free(fm_groups *groups)
{
    if (!groups)
        return;
    free_grouping(&groups->categories);
    free_grouping(&groups->sources);
    for (size_t i = 0; i < groups->n_strata; i++) {
        free(groups->strata[i].sums);
        free(groups->strata[i].weights);
    }
    free(groups->strata);
    fm_copies_free(groups->copies);
    free(groups);
}

/* ---- adding ---- */

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "no memory for the values of a category");
}

/* *out becomes FM_MAX_GROUPS where the groups are too many to keep. */
static fm_status find_group(grouping *g, const char *name, size_t *out, fm_err *err)
{
    g->named |= name != NULL;
    if (!name)
        name = UNNAMED;
    for (*out = 0; *out < g->n; ++*out)
        if (strcmp(g->items[*out].name, name) == 0)
            return FM_OK;
    if (g->n == FM_MAX_GROUPS) {
        g->too_many = true;
        return FM_OK;
    }
    if (!(g->items[g->n].name = strdup(name)))
        return no_memory(err);
    g->n++;
    return FM_OK;
}

static void count(group *g, const fm_protocol *protocol, const fm_grade *grade)
{
    g->n++;
    for (size_t i = 0; i < protocol->n_metrics; i++) {
        double value;

        if (!fm_metric_counts(&protocol->metrics[i], &grade->values[i], &value))
            continue;
        g->cells[i].sum += value;
        g->cells[i].n++;
    }
}

static stratum *find_stratum(fm_groups *groups, size_t category, size_t source)
{
    stratum *grown;

    for (size_t i = 0; i < groups->n_strata; i++)
        if (groups->strata[i].category == category && groups->strata[i].source == source)
            return &groups->strata[i];
    grown = realloc(groups->strata, (groups->n_strata + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    groups->strata = grown;
    grown[groups->n_strata] = (stratum){.category = category, .source = source};
    return &grown[groups->n_strata++];
}

static bool grow(stratum *s)
{
    size_t capacity = s->capacity ? s->capacity * 2 : 64, bytes;
    double *sums, *weights;

    if (!fm_size_mul(capacity, sizeof(double), &bytes) || !(sums = realloc(s->sums, bytes)))
        return false;
    s->sums = sums;
    if (!(weights = realloc(s->weights, bytes)))
        return false;
    s->weights = weights;
    s->capacity = capacity;
    return true;
}

static fm_status pool(fm_groups *groups, size_t category, size_t source, const fm_grade *grade,
                      int repeat, fm_err *err)
{
    const fm_metric *metric = &groups->protocol->metrics[groups->primary];
    stratum *s = find_stratum(groups, category, source);
    double value, weight = 1;

    if (!s)
        return no_memory(err);
    s->open &= repeat > 1;
    if (!fm_metric_counts(metric, &grade->values[groups->primary], &value))
        return FM_OK;
    if (groups->protocol->pool == FM_POOL_POINTS &&
        (groups->points == groups->protocol->n_metrics ||
         !fm_metric_counts(&groups->protocol->metrics[groups->points],
                           &grade->values[groups->points], &weight)))
        return FM_OK;
    if (!s->open) {
        if (s->n == s->capacity && !grow(s))
            return no_memory(err);
        s->sums[s->n] = s->weights[s->n] = 0;
        s->n++;
        groups->n_samples++;
        s->open = true;
    }
    s->sums[s->n - 1] += value * weight;
    s->weights[s->n - 1] += weight;
    return FM_OK;
}

static fm_status add_copy(fm_groups *groups, size_t category, const char *id, const fm_grade *grade,
                          int repeat, fm_err *err)
{
    const fm_metric *metric = &groups->protocol->metrics[groups->primary];
    double value;

    if (!fm_metric_counts(metric, &grade->values[groups->primary], &value))
        return FM_OK;
    return fm_copies_add(groups->copies, id, repeat, category, value != 0, err);
}

static bool pools_groups(fm_pool pool)
{
    return pool == FM_POOL_MACRO || pool == FM_POOL_SOURCE;
}

fm_status fm_groups_add(fm_groups *groups, const fm_sample *sample, const fm_grade *grade,
                        int repeat, fm_err *err)
{
    fm_pool over = groups->protocol->pool;
    size_t category, source = 0;
    fm_status st = find_group(&groups->categories, sample->category, &category, err);

    if (st == FM_OK && over == FM_POOL_SOURCE)
        st = find_group(&groups->sources, sample->source, &source, err);
    if (st != FM_OK)
        return st;
    if (pools_groups(over) && (category == FM_MAX_GROUPS || source == FM_MAX_GROUPS))
        return fm_fail(err, FM_E_INPUT, "protocol '%s' pools over more than %d %s",
                       groups->protocol->name, FM_MAX_GROUPS,
                       source == FM_MAX_GROUPS ? "sources" : "categories");
    if (category < FM_MAX_GROUPS)
        count(&groups->categories.items[category], groups->protocol, grade);
    if (over == FM_POOL_MICRO)
        return FM_OK;
    if (over == FM_POOL_COPIES)
        return add_copy(groups, category, sample->id, grade, repeat, err);
    if (over == FM_POOL_POINTS)
        return pool(groups, 0, 0, grade, repeat, err);
    if (over == FM_POOL_SOURCE)
        count(&groups->sources.items[source], groups->protocol, grade);
    return pool(groups, category, source, grade, repeat, err);
}

/* ---- the headline ---- */

/* Each category weighs the same, and within one each of its sources. */
static double weight_of(const fm_groups *groups, const stratum *s)
{
    size_t beside = 0;

    if (groups->protocol->pool == FM_POOL_POINTS)
        return 1;
    for (size_t i = 0; i < groups->n_strata; i++)
        beside += groups->strata[i].category == s->category;
    return 1 / ((double)groups->categories.n * (double)beside);
}

static double weight_in(const stratum *s)
{
    double weight = 0;

    for (size_t i = 0; i < s->n; i++)
        weight += s->weights[i];
    return weight;
}

static double mean_of(const stratum *s)
{
    double sum = 0, weight = weight_in(s);

    for (size_t i = 0; i < s->n; i++)
        sum += s->sums[i];
    if (s->n == 0)
        return NAN;                       /* a group without a value leaves no mean over groups */
    return weight > 0 ? sum / weight : 0; /* answers without a single point */
}

static double pooled(const fm_groups *groups)
{
    double value = groups->n_strata ? 0 : NAN;

    for (size_t i = 0; i < groups->n_strata; i++)
        value += weight_of(groups, &groups->strata[i]) * mean_of(&groups->strata[i]);
    return value;
}

static double draw_mean(const stratum *s, fm_rng *rng)
{
    double sum = 0, weight = 0;

    for (size_t i = 0; i < s->n; i++) {
        size_t k = (size_t)fm_rng_below(rng, s->n);

        sum += s->sums[k];
        weight += s->weights[k];
    }
    return weight > 0 ? sum / weight : 0;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static fm_status resample(const fm_groups *groups, uint64_t seed, double confidence,
                          fm_interval *out, fm_err *err)
{
    double *means = malloc(FM_STATS_DRAWS * sizeof(*means));
    fm_rng rng;

    if (!means)
        return fm_fail(err, FM_E_NOMEM, "no memory for an interval");
    fm_rng_seed(&rng, seed);
    for (size_t d = 0; d < FM_STATS_DRAWS; d++) {
        means[d] = 0;
        for (size_t i = 0; i < groups->n_strata; i++)
            means[d] += weight_of(groups, &groups->strata[i]) * draw_mean(&groups->strata[i], &rng);
    }
    qsort(means, FM_STATS_DRAWS, sizeof(*means), ascending);
    out->low = fm_stats_quantile(means, FM_STATS_DRAWS, (1 - confidence) / 2);
    out->high = fm_stats_quantile(means, FM_STATS_DRAWS, (1 + confidence) / 2);
    free(means);
    return FM_OK;
}

/* Of the linearized ratio of sums to weights. */
static double variance_of_mean(const stratum *s)
{
    double mean = mean_of(s), squares = 0, weight = 0;

    for (size_t i = 0; i < s->n; i++) {
        double off = s->sums[i] - mean * s->weights[i];

        squares += off * off;
        weight += s->weights[i];
    }
    return weight > 0 ? squares / (weight * weight) : 0;
}

static fm_interval approximate(const fm_groups *groups, double value, double confidence)
{
    double z = fm_stats_normal_quantile((1 + confidence) / 2), variance = 0;

    for (size_t i = 0; i < groups->n_strata; i++) {
        double weight = weight_of(groups, &groups->strata[i]);

        variance += weight * weight * variance_of_mean(&groups->strata[i]);
    }
    return (fm_interval){value - z * sqrt(variance), value + z * sqrt(variance)};
}

/* The samples of a stratum as right and wrong ones: the number of those right. False where some were
 * asked several times with different outcomes: then they are neither. */
static bool as_trials(const stratum *s, size_t *hits)
{
    double sum = 0, weight = weight_in(s);

    for (size_t i = 0; i < s->n; i++)
        sum += s->sums[i];
    if (sum == 0 || sum == weight) /* equal askings say no more than one */
        *hits = sum == 0 ? 0 : s->n;
    else
        *hits = (size_t)sum;
    return sum == 0 || sum == weight || weight == (double)s->n;
}

/* With 2/k right and 2/k wrong samples added to each of k groups, the normal interval: a resampled group of
 * equal samples would claim to be known exactly. Source: Price and Bonett 2004, "An improved confidence
 * interval for a linear function of binomial proportions". False: as_trials(). */
static bool adjusted(const fm_groups *groups, double confidence, fm_interval *out)
{
    double z = fm_stats_normal_quantile((1 + confidence) / 2), center = 0, variance = 0;
    double added = 2 / (double)groups->n_strata;

    for (size_t i = 0; i < groups->n_strata; i++) {
        const stratum *s = &groups->strata[i];
        double weight = weight_of(groups, s), n = (double)s->n + 2 * added;
        size_t hits;

        if (!as_trials(s, &hits))
            return false;
        double rate = ((double)hits + added) / n;
        center += weight * rate;
        variance += weight * weight * rate * (1 - rate) / n;
    }
    *out =
        (fm_interval){fmax(center - z * sqrt(variance), 0), fmin(center + z * sqrt(variance), 1)};
    return true;
}

/* The interval of the pooled value, which is finite, and by which method it was made. */
static fm_status estimate(const fm_groups *groups, double value, uint64_t seed, double confidence,
                          fm_interval *out, const char **method, fm_err *err)
{
    bool grouped = pools_groups(groups->protocol->pool);
    bool rate = groups->protocol->metrics[groups->primary].role == FM_METRIC_RATE;

    if (grouped && rate && adjusted(groups, confidence, out)) {
        *method = "price-bonett";
        return FM_OK;
    }
    if (groups->n_samples <= FM_STATS_DRAWN_MOST) {
        *method = grouped ? "bootstrap-stratified" : "bootstrap-percentile";
        return resample(groups, seed, confidence, out, err);
    }
    *method = grouped ? "normal-stratified" : "normal";
    *out = approximate(groups, value, confidence);
    return FM_OK;
}

void fm_groups_headline(const fm_protocol *protocol, char *out, size_t size)
{
    static const char *const endings[] = {[FM_POOL_MICRO] = "",
                                          [FM_POOL_MACRO] = "_macro",
                                          [FM_POOL_SOURCE] = "_source",
                                          [FM_POOL_POINTS] = "_points",
                                          [FM_POOL_COPIES] = "_copies"};

    snprintf(out, size, "%s%s", protocol->primary, endings[protocol->pool]);
}

fm_status fm_groups_put_pooled(const fm_groups *groups, uint64_t seed, double confidence,
                               fm_json_writer *w, fm_err *err)
{
    const fm_metric *metric = &groups->protocol->metrics[groups->primary];
    bool grouped = pools_groups(groups->protocol->pool);
    double value = pooled(groups);
    fm_interval interval = {NAN, NAN};
    const char *method = NULL; /* nothing to estimate */
    fm_status st = FM_OK;
    char name[128];

    if (groups->protocol->pool == FM_POOL_MICRO)
        return FM_OK;
    fm_groups_headline(groups->protocol, name, sizeof(name));
    if (groups->copies)
        return fm_copies_put(groups->copies, name, metric->better, seed, confidence, w, err);
    if (isfinite(value))
        st = estimate(groups, value, seed, confidence, &interval, &method, err);
    if (st != FM_OK)
        return st;
    fm_json_open(w, name, '{');
    fm_json_put_number(w, "value", value);
    if (grouped)
        fm_json_put_int(w, "groups", (int64_t)groups->n_strata);
    else
        fm_json_put_number(w, "points", groups->n_strata ? weight_in(&groups->strata[0]) : 0);
    fm_json_put_int(w, "denominator", (int64_t)groups->n_samples);
    fm_json_put_number(w, "ci_low", interval.low);
    fm_json_put_number(w, "ci_high", interval.high);
    fm_json_put_string(w, "ci_method", method);
    fm_json_put_string(w, "role", metric->role == FM_METRIC_RATE ? "rate" : "mean");
    fm_json_put_int(w, "better", metric->better);
    fm_json_put_string(w, "unit", metric->unit);
    fm_json_close(w, '}');
    return FM_OK;
}

/* ---- the breakdown ---- */

static void put_share(const char *name, double numerator, size_t denominator, fm_json_writer *w)
{
    fm_json_open(w, name, '{');
    fm_json_put_number(w, "value", denominator ? numerator / (double)denominator : NAN);
    fm_json_put_number(w, "numerator", numerator);
    fm_json_put_int(w, "denominator", (int64_t)denominator);
    fm_json_close(w, '}');
}

static void put_copies(const fm_groups *groups, size_t category, fm_json_writer *w)
{
    size_t right, askings;
    char name[128];

    fm_groups_headline(groups->protocol, name, sizeof(name));
    fm_copies_count(groups->copies, category, &right, &askings);
    put_share(name, (double)right, askings, w);
}

static void put_grouping(const fm_groups *groups, const grouping *g, const char *key,
                         fm_json_writer *w)
{
    if (!g->named || g->too_many)
        return;
    fm_json_open(w, key, '{');
    for (size_t i = 0; i < g->n; i++) {
        const group *item = &g->items[i];

        fm_json_open(w, item->name, '{');
        fm_json_put_int(w, "n", (int64_t)item->n);
        for (size_t m = 0; m < groups->protocol->n_metrics; m++) {
            const cell *c = &item->cells[m];

            if (groups->protocol->metrics[m].role == FM_METRIC_DETAIL)
                continue;
            put_share(groups->protocol->metrics[m].name, c->sum, c->n, w);
        }
        if (groups->copies && g == &groups->categories)
            put_copies(groups, i, w);
        fm_json_close(w, '}');
    }
    fm_json_close(w, '}');
}

void fm_groups_put(const fm_groups *groups, fm_json_writer *w)
{
    char name[128];

    if (groups->protocol->pool != FM_POOL_MICRO) {
        fm_groups_headline(groups->protocol, name, sizeof(name));
        fm_json_put_string(w, "headline", name);
    }
    put_grouping(groups, &groups->categories, "by_category", w);
    put_grouping(groups, &groups->sources, "by_source", w);
}
