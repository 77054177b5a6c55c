/*
 * The summary as GitHub markdown, for pull requests and job summaries. Texts from files are escaped
 * so that they can neither end a cell nor become markup, links, mentions or HTML.
 */
#include "report/usage.h"
#include "report/writers.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

static void put_data(fm_buf *out, const char *text)
{
    fm_text_for_markdown(out, text, strlen(text));
}

static void put_heading(fm_buf *out, const fm_report_model *model, const fm_report_run *run)
{
    if (!fm_report_same_name(model)) {
        put_data(out, run->name);
        if (run->sees_truth)
            fm_buf_puts(out, "<br>(sees the truth)");
        fm_buf_puts(out, "<br>");
    }
    put_data(out, fm_report_same_task(model) ? run->protocol : run->rules);
}

static void put_separator(fm_buf *out, size_t columns)
{
    fm_buf_puts(out, "|:--|");
    for (size_t i = 1; i < columns; i++)
        fm_buf_puts(out, ":--|");
    fm_buf_putc(out, '\n');
}

static void put_summary(fm_buf *out, const fm_report_model *model, const fm_report_metric *metrics,
                        size_t n_metrics)
{
    fm_report_outcome outcomes[4];

    fm_buf_puts(out, "| metric |");
    for (size_t r = 0; r < model->n; r++) {
        fm_buf_putc(out, ' ');
        put_heading(out, model, &model->runs[r]);
        fm_buf_puts(out, " |");
    }
    fm_buf_putc(out, '\n');
    put_separator(out, model->n + 1);
    for (size_t m = 0; m < n_metrics; m++) {
        fm_buf_puts(out, "| ");
        put_data(out, metrics[m].name);
        fm_buf_puts(out, " |");
        for (size_t r = 0; r < model->n; r++) {
            fm_report_cell cell;

            fm_report_cell_make(&model->runs[r], metrics[m].name, &cell);
            if (cell.present)
                fm_buf_printf(out, cell.primary ? " **%s**" : " %s", cell.value);
            if (cell.interval[0])
                fm_buf_printf(out, " %s", cell.interval);
            if (cell.count[0])
                fm_buf_printf(out, " %s", cell.count);
            fm_buf_puts(out, " |");
        }
        fm_buf_putc(out, '\n');
    }
    for (int o = 0; o < 4; o++) {
        fm_report_outcomes(&model->runs[0], outcomes);
        fm_buf_printf(out, "| %s |", outcomes[o].name);
        for (size_t r = 0; r < model->n; r++) {
            fm_report_outcomes(&model->runs[r], outcomes);
            fm_buf_printf(out, " %zu", outcomes[o].n);
            if (outcomes[o].detail[0]) {
                fm_buf_puts(out, " (");
                put_data(out, outcomes[o].detail);
                fm_buf_putc(out, ')');
            }
            fm_buf_puts(out, " |");
        }
        fm_buf_putc(out, '\n');
    }
}

static void put_verdict(fm_buf *out, const fm_report_difference *d, size_t k, const char *metric)
{
    fm_buf text = {0};

    fm_report_put_difference(&text, d, k, metric);
    fm_buf_putc(out, ' ');
    put_data(out, fm_buf_text(&text));
    fm_buf_puts(out, " |");
    out->failed |= text.failed;
    fm_buf_release(&text);
}

static void put_comparison(fm_buf *out, const fm_report_model *model,
                           const fm_report_metric *metrics, const fm_report_comparison *c,
                           size_t listed)
{
    const fm_report_run *base = &model->runs[c->group];
    size_t shown = c->n_items < listed ? c->n_items : listed;

    fm_buf_puts(out, "\n**Verdicts that differ");
    if (!fm_report_same_name(model)) {
        fm_buf_puts(out, " in ");
        put_data(out, base->name);
    }
    fm_buf_printf(out, "**: %zu of %zu samples", c->n_samples, base->n_samples);
    if (shown < c->n_items)
        fm_buf_printf(out, ", %zu of %zu verdicts shown", shown, c->n_items);
    fm_buf_putc(out, '\n');
    if (shown == 0)
        return;

    fm_buf_puts(out, "\n| id | metric |");
    for (size_t k = 0; k < c->n_runs; k++) {
        fm_buf_putc(out, ' ');
        put_data(out, model->runs[c->runs[k]].protocol);
        fm_buf_puts(out, " |");
    }
    fm_buf_puts(out, " reason |\n");
    put_separator(out, c->n_runs + 3);
    for (size_t i = 0; i < shown; i++) {
        const fm_report_difference *d = &c->items[i];

        fm_buf_puts(out, "| ");
        put_data(out, base->samples[d->sample].id);
        fm_buf_puts(out, " | ");
        put_data(out, metrics[d->metric].name);
        fm_buf_puts(out, " |");
        for (size_t k = 0; k < c->n_runs; k++)
            put_verdict(out, d, k, metrics[d->metric].name);
        fm_buf_putc(out, ' ');
        if (d->reason)
            put_data(out, d->reason);
        fm_buf_puts(out, " |\n");
    }
}

/* What each run took, once for all its protocols. */
static void put_usages(fm_buf *out, const fm_report_model *model)
{
    for (size_t i = 0; i < model->n; i++) {
        const fm_report_run *run = &model->runs[i];
        fm_buf text = {0};

        if (run->group == i)
            fm_report_put_usage(&text, run->usage, (double)fm_report_run_n(run), "; ");
        if (text.size) {
            fm_buf_putc(out, '\n');
            if (!fm_report_same_name(model)) {
                put_data(out, run->name);
                fm_buf_putc(out, ' ');
            }
            fm_buf_append(out, text.data, text.size);
            fm_buf_puts(out, ".\n");
        }
        fm_buf_release(&text);
    }
}

static void put_title(fm_buf *out, const fm_report_model *model)
{
    const fm_report_run *run = &model->runs[0];
    fm_buf tasks = {0};

    fm_report_put_tasks(&tasks, model);
    fm_buf_puts(out, "### ");
    fm_text_for_markdown(out, fm_buf_text(&tasks), tasks.size);
    if (fm_report_same_name(model)) {
        fm_buf_puts(out, " \xC2\xB7 ");
        put_data(out, run->name);
        if (run->sees_truth)
            fm_buf_puts(out, " (sees the truth)");
    }
    if (fm_report_same_task(model)) {
        fm_buf_puts(out, " \xC2\xB7 ");
        fm_report_put_size(out, run);
    }
    fm_buf_puts(out, "\n\n");
    out->failed |= tasks.failed;
    fm_buf_release(&tasks);
}

fm_status fm_report_write_markdown(fm_buf *out, fm_report_model *model,
                                   const fm_report_options *options, fm_err *err)
{
    fm_report_metric *metrics;
    fm_report_comparison *comparisons;
    fm_buf methods = {0};
    size_t n_metrics, n_comparisons;

    if (model->n == 0)
        return FM_OK;
    fm_status st = fm_report_metrics(model, &metrics, &n_metrics, err);
    if (st == FM_OK)
        st = fm_report_compare(model, metrics, n_metrics, &comparisons, &n_comparisons, err);
    if (st != FM_OK)
        return st;

    put_title(out, model);
    put_summary(out, model, metrics, n_metrics);
    for (size_t i = 0; i < n_comparisons; i++)
        put_comparison(out, model, metrics, &comparisons[i], fm_report_listed(options));
    put_usages(out, model);
    fm_buf_puts(out, "\nBold: the metric that ranks the protocol. Intervals hold 95 %: ");
    fm_report_put_methods(&methods, model);
    fm_text_for_markdown(out, fm_buf_text(&methods), methods.size);
    fm_buf_release(&methods);
    fm_buf_puts(out, ".\n");
    return fm_buf_check(out, "report", err);
}
