/*
 * What the summary says: one cell for a metric of a run, the outcome counts, and the samples about
 * which two protocols of one run disagree. How it is laid out is left to the writers.
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

void fm_report_cell_make(const fm_report_run *run, const char *metric, fm_report_cell *out)
{
    const cJSON *aggregate = aggregate_of(run, metric);
    const char *role = fm_json_string(aggregate, "role"), *unit = fm_json_string(aggregate, "unit");
    const char *primary = fm_json_string(run->results, "primary");
    bool rate = role && strcmp(role, "rate") == 0;
    double value = fm_json_number(aggregate, "value", NAN);
    double low = fm_json_number(aggregate, "ci_low", NAN);
    double high = fm_json_number(aggregate, "ci_high", NAN);
    size_t denominator = count_of(aggregate, "denominator");
    size_t excluded = count_of(aggregate, "excluded");

    *out = (fm_report_cell){.present = aggregate != NULL};
    if (!aggregate)
        return;
    out->primary = primary && strcmp(primary, metric) == 0;

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

    int used = rate ? snprintf(out->count, sizeof(out->count), "%zu/%zu",
                               count_of(aggregate, "numerator"), denominator)
                    : snprintf(out->count, sizeof(out->count), "n=%zu", denominator);
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

fm_report_verdict fm_report_verdict_of(const fm_report_sample *sample, const char *metric)
{
    const cJSON *value = sample ? fm_json_get(fm_json_get(sample->line, "metrics"), metric) : NULL;

    if (!value)
        return FM_REPORT_ABSENT;
    if (cJSON_IsBool(value))
        return cJSON_IsTrue(value) ? FM_REPORT_YES : FM_REPORT_NO;
    return FM_REPORT_UNKNOWN;
}

const char *fm_report_verdict_name(fm_report_verdict verdict)
{
    static const char *const names[] = {DASH, "unknown", "no", "yes"};

    return names[verdict];
}

/* The same sample in each of the runs that are compared; NULL where a run has no such line. */
typedef const fm_report_sample *sample_row[FM_REPORT_MAX_RUNS];

/* The reason that a reader needs: the one text, or each protocol's where they state different
 * ones. */
static fm_status reason_of(fm_report_model *model, const fm_report_comparison *c, sample_row row,
                           const char **out, fm_err *err)
{
    fm_buf text = {0};
    const char *first = NULL;
    bool several = false;

    for (size_t k = 0; k < c->n_runs; k++) {
        const char *reason = row[k] ? fm_json_string(row[k]->line, "reason") : NULL;

        several |= reason && first && strcmp(reason, first) != 0;
        first = first ? first : reason;
        if (reason)
            fm_buf_printf(&text, "%s%s: %s", text.size ? "; " : "",
                          model->runs[c->runs[k]].protocol, reason);
    }
    fm_status st = several ? fm_buf_check(&text, "reason", err) : FM_OK;
    *out = several ? fm_arena_strdup(&model->arena, fm_buf_text(&text)) : first;
    if (st == FM_OK && several && !*out)
        st = no_memory(err);
    fm_buf_release(&text);
    return st;
}

static bool is_primary(const fm_report_model *model, const fm_report_comparison *c,
                       const char *metric)
{
    for (size_t k = 0; k < c->n_runs; k++) {
        const char *primary = fm_json_string(model->runs[c->runs[k]].results, "primary");

        if (primary && strcmp(primary, metric) == 0)
            return true;
    }
    return false;
}

/* Append the differences of one sample; without c->items they are only counted. */
static fm_status collect(fm_report_model *model, fm_report_comparison *c, sample_row row,
                         size_t sample, const fm_report_metric *metrics, size_t n_metrics,
                         bool primary, fm_err *err)
{
    for (size_t m = 0; m < n_metrics; m++) {
        fm_report_verdict verdicts[FM_REPORT_MAX_RUNS];
        bool differs = false;

        if (!metrics[m].rate || is_primary(model, c, metrics[m].name) != primary)
            continue;
        for (size_t k = 0; k < c->n_runs; k++) {
            verdicts[k] = fm_report_verdict_of(row[k], metrics[m].name);
            differs |= verdicts[k] != verdicts[0];
        }
        if (!differs)
            continue;
        for (size_t k = 0; k < c->n_runs; k++)
            c->absent |= verdicts[k] == FM_REPORT_ABSENT;
        if (c->items) {
            fm_report_difference *d = &c->items[c->n_items];

            *d = (fm_report_difference){.sample = sample, .metric = m};
            d->verdicts = fm_arena_alloc(&model->arena, c->n_runs, sizeof(*d->verdicts));
            if (!d->verdicts)
                return no_memory(err);
            memcpy(d->verdicts, verdicts, c->n_runs * sizeof(*d->verdicts));
            fm_status st = reason_of(model, c, row, &d->reason, err);
            if (st != FM_OK)
                return st;
        }
        c->n_items++;
    }
    return FM_OK;
}

static fm_status walk(fm_report_model *model, fm_report_comparison *c,
                      const fm_report_metric *metrics, size_t n_metrics, fm_err *err)
{
    const fm_report_run *base = &model->runs[c->group];

    c->n_items = c->n_samples = 0;
    for (int rest = 0; rest < 2; rest++) {
        for (size_t s = 0; s < base->n_samples; s++) {
            sample_row row;

            for (size_t k = 0; k < c->n_runs; k++)
                row[k] = fm_report_find(&model->runs[c->runs[k]], base->samples[s].id);
            fm_status st = collect(model, c, row, s, metrics, n_metrics, rest == 0, err);
            if (st != FM_OK)
                return st;
        }
    }
    return FM_OK;
}

static fm_status compare_group(fm_report_model *model, fm_report_comparison *c,
                               const fm_report_metric *metrics, size_t n_metrics, fm_err *err)
{
    fm_status st = walk(model, c, metrics, n_metrics, err);

    if (st != FM_OK || c->n_items == 0)
        return st;
    c->items = fm_arena_alloc(&model->arena, c->n_items, sizeof(*c->items));
    bool *seen = fm_arena_alloc(&model->arena, model->runs[c->group].n_samples, sizeof(*seen));
    if (!c->items || !seen)
        return no_memory(err);
    st = walk(model, c, metrics, n_metrics, err);
    for (size_t i = 0; st == FM_OK && i < c->n_items; i++) {
        c->n_samples += !seen[c->items[i].sample];
        seen[c->items[i].sample] = true;
    }
    return st;
}

fm_status fm_report_compare(fm_report_model *model, const fm_report_metric *metrics,
                            size_t n_metrics, fm_report_comparison **out, size_t *n, fm_err *err)
{
    fm_report_comparison *list =
        fm_arena_alloc(&model->arena, model->n ? model->n : 1, sizeof(*list));
    size_t count = 0;

    if (!list)
        return no_memory(err);
    for (size_t i = 0; i < model->n; i++) {
        fm_report_comparison c = {.group = i};

        if (model->runs[i].group != i)
            continue;
        c.runs = fm_arena_alloc(&model->arena, model->n, sizeof(*c.runs));
        if (!c.runs)
            return no_memory(err);
        for (size_t k = i; k < model->n; k++)
            if (model->runs[k].group == i)
                c.runs[c.n_runs++] = k;
        if (c.n_runs < 2)
            continue;
        fm_status st = compare_group(model, &c, metrics, n_metrics, err);
        if (st != FM_OK)
            return st;
        list[count++] = c;
    }
    *out = list;
    *n = count;
    return FM_OK;
}
