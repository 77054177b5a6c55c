/*
 * Where the protocols of one run disagree: how far their numbers lie apart, and the samples that one
 * judges so and another otherwise, with what each read in the reply. Also as JSON. How it is laid out
 * for people is left to the writers.
 */
#include "report/model.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "report/writers.h"

/* An absent verdict reads as a dash, never as a no. */
#define DASH     "\xE2\x80\x93"
#define ELLIPSIS "\xE2\x80\xA6"

static fm_status no_memory(fm_err *err)
{
    return fm_fail(err, FM_E_NOMEM, "out of memory for the report");
}

/* ---- one sample under one protocol ---- */

static const cJSON *value_of(const fm_report_sample *sample, const char *metric)
{
    return sample ? fm_json_get(fm_json_get(sample->line, "metrics"), metric) : NULL;
}

fm_report_verdict fm_report_verdict_of(const fm_report_sample *sample, const char *metric)
{
    const cJSON *value = value_of(sample, metric);

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

void fm_report_put_verdict(fm_buf *out, const fm_report_sample *sample, const char *metric)
{
    const cJSON *value = value_of(sample, metric);

    if (cJSON_IsNumber(value))
        fm_buf_printf(out, "%.4g", value->valuedouble);
    else
        fm_buf_puts(out, fm_report_verdict_name(fm_report_verdict_of(sample, metric)));
}

/* A trace is told by its first point: of two readings of one reply that is where they part, in the
 * order of the axes or their scale. */
void fm_report_put_answer(fm_buf *out, const fm_report_sample *sample)
{
    const cJSON *answer = sample ? fm_json_get(sample->line, "answer") : NULL;
    const cJSON *points = fm_json_get(answer, "points"), *number;
    const char *text = fm_json_string(answer, "text");
    int n = cJSON_GetArraySize(points);
    bool first = true;

    if (text) {
        fm_buf_puts(out, text);
        return;
    }
    if (n == 0)
        return;
    fm_buf_putc(out, '(');
    cJSON_ArrayForEach(number, cJSON_GetArrayItem(points, 0))
    {
        fm_buf_printf(out, "%s%.3g", first ? "" : ", ", number->valuedouble);
        first = false;
    }
    fm_buf_puts(out, n > 1 ? ") " ELLIPSIS : ")");
}

void fm_report_put_difference(fm_buf *out, const fm_report_difference *difference, size_t k,
                              const char *metric)
{
    fm_buf answer = {0};

    fm_report_put_verdict(out, difference->samples[k], metric);
    if (difference->answers)
        fm_report_put_answer(&answer, difference->samples[k]);
    if (answer.size)
        fm_buf_printf(out, ": %s", fm_buf_text(&answer));
    out->failed |= answer.failed;
    fm_buf_release(&answer);
}

/* ---- which samples differ ---- */

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

/* True where two numbers are not the same but for rounding. */
static bool numbers_differ(const cJSON *a, const cJSON *b)
{
    if (!cJSON_IsNumber(a) || !cJSON_IsNumber(b))
        return cJSON_IsNumber(a) != cJSON_IsNumber(b);
    double most = fmax(fabs(a->valuedouble), fabs(b->valuedouble));

    return fabs(a->valuedouble - b->valuedouble) > 1e-9 * most;
}

/* Whether a protocol judges by this metric at all. */
static bool judges_by(const fm_report_run *run, const char *metric)
{
    const cJSON *aggregate = fm_json_get(fm_json_get(run->results, "aggregates"), metric);

    return fm_json_number(aggregate, "denominator", 0) > 0;
}

static bool row_differs(const fm_report_model *model, const fm_report_comparison *c, sample_row row,
                        const char *metric)
{
    const fm_report_sample *first = NULL;
    bool any = false;

    for (size_t k = 0; k < c->n_runs; k++) {
        if (!judges_by(&model->runs[c->runs[k]], metric))
            continue;
        if (any && (fm_report_verdict_of(row[k], metric) != fm_report_verdict_of(first, metric) ||
                    numbers_differ(value_of(row[k], metric), value_of(first, metric))))
            return true;
        if (!any)
            first = row[k];
        any = true;
    }
    return false;
}

static fm_status answers_differ(const fm_report_comparison *c, sample_row row, bool *out,
                                fm_err *err)
{
    fm_buf first = {0}, other = {0};

    *out = false;
    fm_report_put_answer(&first, row[0]);
    for (size_t k = 1; k < c->n_runs; k++) {
        fm_buf_clear(&other);
        fm_report_put_answer(&other, row[k]);
        *out |= strcmp(fm_buf_text(&first), fm_buf_text(&other)) != 0;
    }
    fm_status st = first.failed || other.failed ? no_memory(err) : FM_OK;
    fm_buf_release(&first);
    fm_buf_release(&other);
    return st;
}

/* One item of c->items. */
static fm_status keep(fm_report_model *model, fm_report_comparison *c, sample_row row,
                      const char *metric, fm_report_difference *d, fm_err *err)
{
    d->verdicts = fm_arena_alloc(&model->arena, c->n_runs, sizeof(*d->verdicts));
    d->samples = fm_arena_alloc(&model->arena, c->n_runs, sizeof(*d->samples));
    if (!d->verdicts || !d->samples)
        return no_memory(err);
    for (size_t k = 0; k < c->n_runs; k++) {
        d->verdicts[k] = fm_report_verdict_of(row[k], metric);
        d->samples[k] = row[k];
    }
    fm_status st = answers_differ(c, row, &d->answers, err);
    return st == FM_OK ? reason_of(model, c, row, &d->reason, err) : st;
}

/* Append the differences of one sample; without c->items they are only counted. */
static fm_status collect(fm_report_model *model, fm_report_comparison *c, sample_row row,
                         size_t sample, const fm_report_metric *metrics, size_t n_metrics,
                         bool primary, fm_err *err)
{
    for (size_t m = 0; m < n_metrics; m++) {
        bool ranks = is_primary(model, c, metrics[m].name);

        if (ranks != primary || (!metrics[m].rate && !ranks) ||
            !row_differs(model, c, row, metrics[m].name))
            continue;
        for (size_t k = 0; k < c->n_runs; k++)
            c->absent |= fm_report_verdict_of(row[k], metrics[m].name) == FM_REPORT_ABSENT;
        if (c->items) {
            fm_report_difference *d = &c->items[c->n_items];

            *d = (fm_report_difference){.sample = sample, .metric = m};
            fm_status st = keep(model, c, row, metrics[m].name, d, err);
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

/* ---- how far the numbers lie apart ---- */

/* The value of a run for a metric, NULL its headline; NaN where it has none. */
static double value_in(const fm_report_run *run, const char *metric)
{
    const char *name = metric ? metric : fm_report_headline(run);
    const cJSON *all = fm_json_get(run->results, "aggregates");

    return fm_json_number(name ? fm_json_get(all, name) : NULL, "value", NAN);
}

static const fm_report_metric *find_metric(const fm_report_metric *metrics, size_t n,
                                           const char *name)
{
    for (size_t i = 0; name && i < n; i++)
        if (strcmp(metrics[i].name, name) == 0)
            return &metrics[i];
    return NULL;
}

/* Headlines of different names are compared where they are numbers of the same kind. */
static bool headlines_compare(const fm_report_model *model, const fm_report_comparison *c,
                              const fm_report_metric *metrics, size_t n_metrics,
                              const fm_report_metric **kind)
{
    bool other_names = false;

    *kind = NULL;
    for (size_t k = 0; k < c->n_runs; k++) {
        const char *name = fm_report_headline(&model->runs[c->runs[k]]);
        const fm_report_metric *m = find_metric(metrics, n_metrics, name);

        if (!m)
            return false;
        if (*kind && (m->rate != (*kind)->rate || strcmp(m->unit, (*kind)->unit) != 0))
            return false;
        other_names |= *kind && strcmp(m->name, (*kind)->name) != 0;
        *kind = *kind ? *kind : m;
    }
    return other_names;
}

/* metric NULL: the headlines, of the kind of `kind`. Nothing where fewer than two have a value. */
static void add_spread(const fm_report_model *model, fm_report_comparison *c, const char *metric,
                       const fm_report_metric *kind, const fm_report_metric *metrics)
{
    fm_report_spread s = {.metric = metric, .rate = kind->rate, .unit = kind->unit};
    size_t n = 0;

    for (size_t k = 0; k < c->n_runs; k++) {
        double value = value_in(&model->runs[c->runs[k]], metric);

        if (!isfinite(value))
            continue;
        if (n == 0 || value < s.lowest) {
            s.low = c->runs[k];
            s.lowest = value;
        }
        if (n == 0 || value > s.highest) {
            s.high = c->runs[k];
            s.highest = value;
        }
        n++;
    }
    for (size_t i = 0; i < c->n_items; i++)
        s.flips += metric && strcmp(metrics[c->items[i].metric].name, metric) == 0;
    if (n > 1)
        c->spreads[c->n_spreads++] = s;
}

static fm_status spread(fm_report_model *model, fm_report_comparison *c,
                        const fm_report_metric *metrics, size_t n_metrics, fm_err *err)
{
    const fm_report_metric *kind;

    c->spreads = fm_arena_alloc(&model->arena, n_metrics + 1, sizeof(*c->spreads));
    if (!c->spreads)
        return no_memory(err);
    if (headlines_compare(model, c, metrics, n_metrics, &kind))
        add_spread(model, c, NULL, kind, metrics);
    for (size_t m = 0; m < n_metrics; m++)
        add_spread(model, c, metrics[m].name, &metrics[m], metrics);
    return FM_OK;
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
        if (st == FM_OK)
            st = spread(model, &c, metrics, n_metrics, err);
        if (st != FM_OK)
            return st;
        list[count++] = c;
    }
    *out = list;
    *n = count;
    return FM_OK;
}

/* ---- as JSON ---- */

static void put_protocol(fm_json_writer *w, const fm_report_run *run)
{
    static const char *const members[] = {"protocol_version", "policy", "n", "counts", "primary"};

    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "protocol", run->protocol);
    for (size_t i = 0; i < FM_COUNT_OF(members); i++)
        if (fm_json_get(run->results, members[i]))
            fm_json_put_tree(w, members[i], fm_json_get(run->results, members[i]));
    fm_json_put_string(w, "headline", fm_report_headline(run));
    fm_json_put_tree(w, "aggregates", fm_json_get(run->results, "aggregates"));
    fm_json_close(w, '}');
}

static void put_end(fm_json_writer *w, const char *key, const fm_report_run *run, double value)
{
    fm_json_open(w, key, '{');
    fm_json_put_string(w, "protocol", run->protocol);
    fm_json_put_number(w, "value", value);
    fm_json_close(w, '}');
}

static void put_spreads(fm_json_writer *w, const fm_report_model *model,
                        const fm_report_comparison *c)
{
    fm_json_open(w, "spread", '[');
    for (size_t i = 0; i < c->n_spreads; i++) {
        const fm_report_spread *s = &c->spreads[i];

        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "metric", s->metric ? s->metric : "headline");
        put_end(w, "lowest", &model->runs[s->low], s->lowest);
        put_end(w, "highest", &model->runs[s->high], s->highest);
        fm_json_put_number(w, "difference", s->highest - s->lowest);
        if (s->metric)
            fm_json_put_int(w, "flips", (int64_t)s->flips);
        fm_json_close(w, '}');
    }
    fm_json_close(w, ']');
}

/* One member a protocol; those that have nothing to say are absent. */
static void put_flip(fm_json_writer *w, const fm_report_model *model, const fm_report_comparison *c,
                     const fm_report_difference *d, const char *metric)
{
    fm_buf answer = {0};

    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "id", model->runs[c->group].samples[d->sample].id);
    fm_json_put_string(w, "metric", metric);
    fm_json_open(w, "verdicts", '{');
    for (size_t k = 0; k < c->n_runs; k++)
        if (value_of(d->samples[k], metric))
            fm_json_put_tree(w, model->runs[c->runs[k]].protocol, value_of(d->samples[k], metric));
    fm_json_close(w, '}');
    fm_json_open(w, "answers", '{');
    for (size_t k = 0; k < c->n_runs; k++) {
        fm_buf_clear(&answer);
        fm_report_put_answer(&answer, d->samples[k]);
        if (answer.size)
            fm_json_put_string(w, model->runs[c->runs[k]].protocol, fm_buf_text(&answer));
    }
    fm_json_close(w, '}');
    fm_json_open(w, "reasons", '{');
    for (size_t k = 0; k < c->n_runs; k++) {
        const char *reason = d->samples[k] ? fm_json_string(d->samples[k]->line, "reason") : NULL;

        if (reason)
            fm_json_put_string(w, model->runs[c->runs[k]].protocol, reason);
    }
    fm_json_close(w, '}');
    fm_json_close(w, '}');
    w->out->failed |= answer.failed;
    fm_buf_release(&answer);
}

fm_status fm_report_write_protocols(fm_buf *out, fm_report_model *model,
                                    const fm_report_options *options, fm_err *err)
{
    fm_json_writer w = {.out = out, .pretty = true};
    fm_report_metric *metrics;
    fm_report_comparison *comparisons;
    size_t n_metrics, n = 0;
    const fm_report_comparison none = {0}, *c = &none;

    (void)options;
    fm_status st = fm_report_metrics(model, &metrics, &n_metrics, err);
    if (st == FM_OK)
        st = fm_report_compare(model, metrics, n_metrics, &comparisons, &n, err);
    if (st != FM_OK)
        return st;
    if (n > 0)
        c = &comparisons[0];
    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", "fathom.protocols/1");
    fm_json_put_string(&w, "run", model->runs[0].dir);
    fm_json_put_string(&w, "task", model->runs[0].task);
    fm_json_open(&w, "protocols", '[');
    for (size_t i = 0; i < model->n; i++)
        put_protocol(&w, &model->runs[i]);
    fm_json_close(&w, ']');
    put_spreads(&w, model, c);
    fm_json_put_int(&w, "samples", (int64_t)model->runs[0].n_samples);
    fm_json_put_int(&w, "samples_that_flip", (int64_t)c->n_samples);
    fm_json_open(&w, "flips", '[');
    for (size_t i = 0; i < c->n_items; i++)
        put_flip(&w, model, c, &c->items[i], metrics[c->items[i].metric].name);
    fm_json_close(&w, ']');
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
    return fm_buf_check(out, "report", err);
}
