/*
 * What the summary says: one cell for a metric of a run, and the outcome counts. How it is laid out
 * is left to the writers; where protocols of one run disagree is protocols.c's business.
 */
#include "report/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"

/* An absent number reads as a dash, never as a zero. */
#define DASH "\xE2\x80\x93"

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "out of memory for the report");
}

static const cJSON *aggregate_of(const fm_report_run *run, const char *metric)
{
    return fm_json_get(fm_json_get(run->results, "aggregates"), metric);
}

fm_status fm_report_metrics(fm_report_model *model, fm_report_metric **out, size_t *n, fm_err *err)
{
    size_t most = 0, count = 0;
    const cJSON *item;

    for (size_t i = 0; i < model->n; i++)
        most += (size_t)cJSON_GetArraySize(fm_json_get(model->runs[i].results, "aggregates"));
    fm_report_metric *metrics =
        fm_arena_alloc(&model->arena, most ? most : 1, sizeof(fm_report_metric));
    if (!metrics)
        return no_memory(err);

    for (size_t i = 0; i < model->n; i++) {
        cJSON_ArrayForEach(item, fm_json_get(model->runs[i].results, "aggregates"))
        {
            const char *role = fm_json_string(item, "role"), *unit = fm_json_string(item, "unit");
            size_t k = 0;

            while (k < count && strcmp(metrics[k].name, item->string) != 0)
                k++;
            if (k < count)
                continue;
            metrics[count++] = (fm_report_metric){
                .name = item->string,
                .unit = unit ? unit : "",
                .rate = role && strcmp(role, "rate") == 0,
                .better = (int)fm_json_number(item, "better", 0),
            };
        }
    }
    *out = metrics;
    *n = count;
    return FM_OK;
}

bool fm_report_has(const fm_report_run *run, const fm_report_metric *metric)
{
    const cJSON *a = fm_json_get(fm_json_get(run->results, "aggregates"), metric->name);
    const char *unit = fm_json_string(a, "unit");

    return a && strcmp(unit ? unit : "", metric->unit) == 0;
}

/* Digits after the point of a mean: three figures of the value, and two of its interval's half
 * width. */
static int decimals_of(double value, double low, double high)
{
    double half = (high - low) / 2;
    double of_value = value != 0 ? 2 - floor(log10(fabs(value))) : 0;
    double of_half = half > 0 ? 1 - floor(log10(half)) : 0;
    double wanted = fmax(of_value, of_half);

    return wanted < 0 ? 0 : wanted > 6 ? 6 : (int)wanted;
}

static void format_number(char *out, size_t size, double value, int decimals)
{
    if (fabs(value) >= 1e7)
        snprintf(out, size, "%.4g", value);
    else
        snprintf(out, size, "%.*f", decimals, value);
}

/* Counts come from a file: anything that is no count shows as 0. */
static size_t count_of(const cJSON *object, const char *key)
{
    double value = fm_json_number(object, key, 0);

    return value >= 0 && value < 1e15 ? (size_t)value : 0;
}

const char *fm_report_headline(const fm_report_run *run)
{
    const char *pooled = fm_json_string(run->results, "headline");

    return pooled ? pooled : fm_json_string(run->results, "primary");
}

/* ---- by which methods ---- */

static const struct {
    const char *method, *words; /* ci_method of results.json */
} methods[] = {
    {"wilson", "Wilson"},
    {"wilson-cluster", "Wilson over the samples"},
    {"bootstrap-percentile", "bootstrap"},
    {"bootstrap-cluster", "bootstrap over the samples with all their askings"},
    {"cornish-fisher", "Cornish and Fisher"},
    {"cornish-fisher-cluster", "Cornish and Fisher over the samples"},
    {"price-bonett", "Price and Bonett"},
    {"bootstrap-stratified", "stratified bootstrap"},
    {"normal-stratified", "stratified normal"},
    {"normal", "normal"},
};

/* What one method is used for: the roles, and the first pooled headline, which is named. */
typedef struct {
    bool rates, means;
    const char *pooled;
} uses;

static void find_uses(const fm_report_run *run, const char *method, uses *out)
{
    const char *headline = fm_json_string(run->results, "headline");
    const cJSON *item;

    cJSON_ArrayForEach(item, fm_json_get(run->results, "aggregates"))
    {
        const char *by = fm_json_string(item, "ci_method"), *role = fm_json_string(item, "role");

        if (!by || !role || strcmp(by, method) != 0)
            continue;
        if (headline && strcmp(item->string, headline) == 0)
            out->pooled = item->string;
        else if (strcmp(role, "rate") == 0)
            out->rates = true;
        else
            out->means = true;
    }
}

void fm_report_put_methods(fm_buf *out, const fm_report_model *model)
{
    bool any = false;

    for (size_t i = 0; i < FM_COUNT_OF(methods); i++) {
        uses found = {0};

        for (size_t r = 0; r < model->n; r++)
            find_uses(&model->runs[r], methods[i].method, &found);
        const char *whom[] = {found.rates ? "rates" : NULL, found.means ? "means" : NULL,
                              found.pooled};
        size_t n = 0;

        for (size_t k = 0; k < FM_COUNT_OF(whom); k++) {
            if (whom[k] && n++ == 0)
                fm_buf_printf(out, "%s%s for %s", any ? ", " : "", methods[i].words, whom[k]);
            else if (whom[k])
                fm_buf_printf(out, " and %s", whom[k]);
        }
        any |= n > 0;
    }
}

void fm_report_cell_make(const fm_report_run *run, const char *metric, fm_report_cell *out)
{
    const cJSON *aggregate = aggregate_of(run, metric);
    const char *role = fm_json_string(aggregate, "role"), *unit = fm_json_string(aggregate, "unit");
    const char *headline = fm_report_headline(run);
    bool rate = role && strcmp(role, "rate") == 0;
    double value = fm_json_number(aggregate, "value", NAN);
    double low = fm_json_number(aggregate, "ci_low", NAN);
    double high = fm_json_number(aggregate, "ci_high", NAN);
    size_t denominator = count_of(aggregate, "denominator");
    size_t excluded = count_of(aggregate, "excluded");

    *out = (fm_report_cell){.present = aggregate != NULL};
    if (!aggregate)
        return;
    out->primary = headline && strcmp(headline, metric) == 0;

    double scale = rate ? 100 : 1;
    int decimals = rate ? 1 : decimals_of(value, low, high);
    if (isfinite(value)) {
        format_number(out->value, sizeof(out->value) - 8, value * scale, decimals);
        size_t used = strlen(out->value);
        if (rate)
            snprintf(out->value + used, sizeof(out->value) - used, " %%");
        else if (unit && *unit)
            snprintf(out->value + used, sizeof(out->value) - used, " %.6s", unit);
    } else {
        snprintf(out->value, sizeof(out->value), DASH);
    }
    if (isfinite(value) && isfinite(low) && isfinite(high)) {
        char a[24], b[24];

        format_number(a, sizeof(a), low * scale, decimals);
        format_number(b, sizeof(b), high * scale, decimals);
        snprintf(out->interval, sizeof(out->interval), "[%s, %s]", a, b);
    }

    bool counted = rate && fm_json_get(aggregate, "numerator"); /* a pooled rate has none */
    int used = counted ? snprintf(out->count, sizeof(out->count), "%zu/%zu",
                                  count_of(aggregate, "numerator"), denominator)
                       : snprintf(out->count, sizeof(out->count), "n=%zu", denominator);
    if (fm_json_get(aggregate, "groups"))
        used += snprintf(out->count + used, sizeof(out->count) - (size_t)used, " in %zu groups",
                         count_of(aggregate, "groups"));
    if (excluded > 0)
        snprintf(out->count + used, sizeof(out->count) - (size_t)used, " (%zu left out)", excluded);
}

static const struct {
    const char *name;
    fm_outcome outcome;
} statuses[] = {
#define STATUS_ROW(code, text, group, meaning) {text, FM_OUTCOME_##group},
    FM_SAMPLE_STATUS_MAP(STATUS_ROW)
#undef STATUS_ROW
};

bool fm_report_status_outcome(const char *status, fm_outcome *out)
{
    for (size_t i = 0; status && i < FM_COUNT_OF(statuses); i++) {
        if (strcmp(statuses[i].name, status) == 0) {
            *out = statuses[i].outcome;
            return true;
        }
    }
    return false;
}

void fm_report_outcomes(const fm_report_run *run, fm_report_outcome out[4])
{
    static const char *const names[4] = {"scored", "unparsed", "errored", "skipped"};
    const cJSON *counts = fm_json_get(run->results, "counts");

    for (int o = 0; o < 4; o++) {
        char *detail = out[o].detail;
        size_t used = 0, room = sizeof(out[o].detail);

        out[o] = (fm_report_outcome){.name = names[o]};
        for (size_t i = 0; i < FM_COUNT_OF(statuses); i++) {
            size_t n = count_of(counts, statuses[i].name);

            if ((int)statuses[i].outcome != o || n == 0)
                continue;
            out[o].n += n;
            /* "scored" is "ok" and "skipped" is "skipped": nothing to add */
            if (o == FM_OUTCOME_UNPARSED || o == FM_OUTCOME_ERRORED)
                used += (size_t)snprintf(detail + used, room - used, "%s%s %zu", used ? ", " : "",
                                         statuses[i].name, n);
        }
    }
}

void fm_report_put_tasks(fm_buf *out, const fm_report_model *model)
{
    for (size_t r = 0; r < model->n; r++) {
        size_t k = 0;

        while (k < r && strcmp(model->runs[k].task, model->runs[r].task) != 0)
            k++;
        if (k == r)
            fm_buf_printf(out, "%s%s", r ? ", " : "", model->runs[r].task);
    }
}

size_t fm_report_run_n(const fm_report_run *run)
{
    return count_of(run->results, "n");
}

bool fm_report_repeats(const fm_report_run *run)
{
    return count_of(run->results, "repeats") > 1;
}

void fm_report_put_size(fm_buf *out, const fm_report_run *run)
{
    if (fm_report_repeats(run))
        fm_buf_printf(out, "%zu samples, %zu times", count_of(run->results, "samples"),
                      count_of(run->results, "repeats"));
    else
        fm_buf_printf(out, "%zu samples", fm_report_run_n(run));
}
