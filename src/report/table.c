/*
 * The summary on a terminal: metrics down, runs across, in as many bands as the width asks for.
 * Owns the layout; what stands in a cell is summary.c's business. Every text that came from a file
 * passes through fm_text_for_terminal.
 */
#include "report/screen.h"
#include "report/writers.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "base/text.h"

#define MARK   "\xE2\x96\xB8" /* small triangle: the primary metric */
#define MIDDOT "\xC2\xB7"
#define DASH   "\xE2\x80\x93"

enum { LABEL_GAP = 3, CELL_GAP = 2, HEADING_MOST = 40, LABEL_MOST = 32, WIDTH_LEAST = 60 };
enum { NUMBER = 7, PROTOCOL = 16, VERDICT_LEAST = 7, VERDICT_MOST = 24, REASON_LEAST = 16 };

/* The widths of the three parts of a run's cells; a part that is left out is 0. */
typedef struct {
    int value, interval, count;
} block;

/* ---- headings ---- */

/* What a column is called, in up to three lines; "" where all columns share it. */
static void heading(const fm_report_model *model, size_t run, int line, char *out, size_t size)
{
    const fm_report_run *r = &model->runs[run];

    out[0] = '\0';
    if (line == 0 && !fm_report_same_name(model))
        snprintf(out, size, "%s", r->name);
    else if (line == 1 && model->n > 1)
        snprintf(out, size, "%s", r->rules);
    else if (line == 2 && r->sees_truth && !fm_report_same_name(model))
        snprintf(out, size, "(sees the truth)");
}

static void title(screen *s, const fm_report_model *model)
{
    const fm_report_run *r = &model->runs[0];
    const char *version = fm_json_string(r->results, "suite_version");

    if (!fm_report_same_task(model)) {
        fm_buf tasks = {0};

        fm_report_put_tasks(&tasks, model);
        style(s, "1");
        put_data(s, fm_buf_text(&tasks), s->width);
        style(s, "0");
        fm_buf_putc(s->out, '\n');
        s->out->failed |= tasks.failed;
        fm_buf_release(&tasks);
        return;
    }
    /* What comes after the name takes 24 columns, or 41 with the note. */
    style(s, "1");
    int used = put_data(s, r->task, 24);
    if (model->n == 1) {
        fm_buf_putc(s->out, '@');
        used += put_data(s, r->protocol, 12);
    }
    style(s, "0");
    if (version) {
        fm_buf_puts(s->out, " v");
        used += put_data(s, version, 8);
    }
    if (fm_report_same_name(model)) {
        fm_buf_puts(s->out, " " MIDDOT " ");
        put_data(s, r->name, max(s->width - used - (r->sees_truth ? 41 : 24), 8));
        if (r->sees_truth)
            fm_buf_puts(s->out, " (sees the truth)");
    }
    fm_buf_puts(s->out, " " MIDDOT " ");
    fm_report_put_size(s->out, r);
    fm_buf_putc(s->out, '\n');
}

/* ---- the grid ---- */

static block measure(const fm_report_model *model, size_t run, const fm_report_metric *metrics,
                     size_t n_metrics)
{
    block b = {1, 0, 0};

    for (size_t m = 0; m < n_metrics; m++) {
        fm_report_cell cell;

        fm_report_cell_make(&model->runs[run], metrics[m].name, &cell);
        b.value = max(b.value, (int)fm_text_columns(cell.value));
        b.interval = max(b.interval, (int)fm_text_columns(cell.interval));
        b.count = max(b.count, (int)fm_text_columns(cell.count));
    }
    return b;
}

static int block_columns(const block *b)
{
    return b->value + (b->interval ? CELL_GAP + b->interval : 0) +
           (b->count ? CELL_GAP + b->count : 0);
}

/* The columns of a run with its headings and outcome lines, which may be wider than its cells. */
static int run_columns(const fm_report_model *model, size_t run, const block *b)
{
    fm_report_outcome outcomes[4];
    int columns = block_columns(b);

    for (int line = 0; line < 3; line++) {
        char text[256];

        heading(model, run, line, text, sizeof(text));
        columns = max(columns, at_most((int)fm_text_columns(text), HEADING_MOST));
    }
    fm_report_outcomes(&model->runs[run], outcomes);
    for (int o = 0; o < 4; o++)
        if (outcomes[o].detail[0])
            columns = max(columns, b->value + CELL_GAP +
                                       at_most((int)strlen(outcomes[o].detail), HEADING_MOST));
    return columns;
}

static void put_cell(screen *s, const block *b, const fm_report_cell *cell, int columns)
{
    int used = b->value;

    spaces(s, b->value - (int)fm_text_columns(cell->value));
    style(s, cell->primary ? "1" : "0");
    put_data(s, cell->value, b->value);
    style(s, "0");
    style(s, "2");
    if (b->interval) {
        spaces(s, CELL_GAP);
        put_padded(s, cell->interval, b->interval);
        used += CELL_GAP + b->interval;
    }
    style(s, "0");
    if (b->count) {
        spaces(s, CELL_GAP);
        put_padded(s, cell->count, b->count);
        used += CELL_GAP + b->count;
    }
    spaces(s, columns - used);
}

/* Runs first .. last-1 side by side, with the label column before them. */
typedef struct {
    size_t first, last;
    int label;
    const block *blocks;
    const int *columns;
} band;

static void put_headings(screen *s, const fm_report_model *model, const band *b)
{
    for (int line = 0; line < 3; line++) {
        bool any = false;
        char text[256];

        for (size_t r = b->first; r < b->last; r++) {
            heading(model, r, line, text, sizeof(text));
            any |= text[0] != '\0';
        }
        if (!any)
            continue;
        spaces(s, b->label);
        for (size_t r = b->first; r < b->last; r++) {
            heading(model, r, line, text, sizeof(text));
            spaces(s, LABEL_GAP);
            style(s, line < 2 ? "1" : "2");
            put_padded(s, text, b->columns[r]);
            style(s, "0");
        }
        end_line(s);
    }
}

static void put_outcomes(screen *s, const fm_report_model *model, const band *b)
{
    for (int o = 0; o < 4; o++) {
        fm_report_outcome all[4];

        fm_report_outcomes(&model->runs[b->first], all);
        fm_buf_puts(s->out, "  ");
        put_padded(s, all[o].name, b->label - 2);
        for (size_t r = b->first; r < b->last; r++) {
            char number[24];
            const block *k = &b->blocks[r];

            fm_report_outcomes(&model->runs[r], all);
            snprintf(number, sizeof(number), "%zu", all[o].n);
            bool bad = all[o].n > 0 && o != FM_OUTCOME_SCORED;
            spaces(s, LABEL_GAP + k->value - (int)strlen(number));
            if (bad)
                style(s, "33");
            fm_buf_puts(s->out, number);
            spaces(s, CELL_GAP);
            put_padded(s, all[o].detail, b->columns[r] - k->value - CELL_GAP);
            if (bad)
                style(s, "0");
        }
        end_line(s);
    }
}

static void put_band(screen *s, const fm_report_model *model, const fm_report_metric *metrics,
                     size_t n_metrics, const band *b)
{
    int total = b->label;

    for (size_t r = b->first; r < b->last; r++)
        total += LABEL_GAP + b->columns[r];
    put_headings(s, model, b);
    rule(s, total);
    for (size_t m = 0; m < n_metrics; m++) {
        fm_report_cell cells[FM_REPORT_MAX_RUNS];
        bool primary = false;

        for (size_t r = b->first; r < b->last; r++) {
            fm_report_cell_make(&model->runs[r], metrics[m].name, &cells[r]);
            primary |= cells[r].primary;
        }
        style(s, primary ? "1" : "0");
        fm_buf_puts(s->out, primary ? MARK " " : "  ");
        put_padded(s, metrics[m].name, b->label - 2);
        style(s, "0");
        for (size_t r = b->first; r < b->last; r++) {
            spaces(s, LABEL_GAP);
            put_cell(s, &b->blocks[r], &cells[r], b->columns[r]);
        }
        end_line(s);
    }
    rule(s, total);
    put_outcomes(s, model, b);
}

static void put_grid(screen *s, const fm_report_model *model, const fm_report_metric *metrics,
                     size_t n_metrics)
{
    block blocks[FM_REPORT_MAX_RUNS];
    int columns[FM_REPORT_MAX_RUNS];
    int label = (int)strlen("unparsed");

    for (size_t m = 0; m < n_metrics; m++)
        label = max(label, (int)fm_text_columns(metrics[m].name));
    label = at_most(label, LABEL_MOST) + 2;

    /* A run that does not fit loses its counts first, then its intervals. */
    for (size_t r = 0; r < model->n; r++) {
        blocks[r] = measure(model, r, metrics, n_metrics);
        if (label + LABEL_GAP + block_columns(&blocks[r]) > s->width)
            blocks[r].count = 0;
        if (label + LABEL_GAP + block_columns(&blocks[r]) > s->width)
            blocks[r].interval = 0;
        columns[r] = at_most(run_columns(model, r, &blocks[r]), s->width - label - LABEL_GAP);
        columns[r] = max(columns[r], block_columns(&blocks[r]));
    }
    for (size_t first = 0, last; first < model->n; first = last) {
        int total = label;

        for (last = first; last < model->n; last++) {
            if (last > first && total + LABEL_GAP + columns[last] > s->width)
                break;
            total += LABEL_GAP + columns[last];
        }
        end_line(s);
        put_band(s, model, metrics, n_metrics, &(band){first, last, label, blocks, columns});
    }
}

/* ---- how far protocols lie apart ---- */

static void format_spread(char *out, size_t size, const fm_report_spread *s, double value)
{
    snprintf(out, size, s->rate ? "%.1f" : "%.4g", value * (s->rate ? 100 : 1));
}

/* "34.0 % paper" */
static void put_end(screen *s, const fm_report_spread *spread, double value, const char *protocol,
                    int columns)
{
    char text[32];

    format_spread(text, sizeof(text), spread, value);
    spaces(s, CELL_GAP + NUMBER - at_most((int)strlen(text), NUMBER));
    fm_buf_puts(s->out, text);
    fm_buf_puts(s->out, spread->rate ? " % " : " ");
    put_padded(s, protocol, columns);
}

/* Columns of a spread's parts; where the line does not fit, the difference stands below. */
typedef struct {
    int label, protocol;
    bool broken;
} spread_layout;

static void put_spread(screen *s, const fm_report_model *model, const fm_report_spread *spread,
                       const spread_layout *l)
{
    const char *headline = fm_report_headline(&model->runs[spread->low]);
    bool ranks = !spread->metric || (headline && strcmp(headline, spread->metric) == 0);
    char text[32];

    style(s, ranks ? "1" : "0");
    fm_buf_puts(s->out, ranks ? MARK " " : "  ");
    put_padded(s, spread->metric ? spread->metric : "headline", l->label);
    style(s, "0");
    put_end(s, spread, spread->lowest, model->runs[spread->low].protocol, l->protocol);
    put_end(s, spread, spread->highest, model->runs[spread->high].protocol, l->protocol);
    if (l->broken) {
        end_line(s);
        spaces(s, 2 + l->label);
    }
    format_spread(text, sizeof(text), spread, spread->highest - spread->lowest);
    spaces(s, CELL_GAP + NUMBER - at_most((int)strlen(text), NUMBER));
    fm_buf_puts(s->out, text);
    if (spread->rate)
        fm_buf_puts(s->out, " points");
    else if (*spread->unit) {
        fm_buf_putc(s->out, ' ');
        put_data(s, spread->unit, 6);
    }
    if (spread->flips)
        fm_buf_printf(s->out, ", %zu flip%s", spread->flips, spread->flips == 1 ? "" : "s");
    end_line(s);
}

/* Two protocols may sum the same numbers in another order. */
static bool is_apart(const fm_report_spread *spread)
{
    double most = fmax(fabs(spread->lowest), fabs(spread->highest));

    return spread->flips > 0 || spread->highest - spread->lowest > 1e-6 * most;
}

static void put_spreads(screen *s, const fm_report_model *model, const fm_report_comparison *c)
{
    size_t same = 0;
    spread_layout l = {.label = (int)strlen("headline"), .protocol = 1};

    for (size_t k = 0; k < c->n_runs; k++)
        l.protocol = max(l.protocol, (int)fm_text_columns(model->runs[c->runs[k]].protocol));
    for (size_t i = 0; i < c->n_spreads; i++) {
        const fm_report_spread *spread = &c->spreads[i];

        if (spread->metric)
            l.label = max(l.label, at_most((int)fm_text_columns(spread->metric), LABEL_MOST));
        same += !is_apart(spread);
    }
    if (c->n_spreads == 0)
        return;
    int ends = 2 + l.label + 2 * (CELL_GAP + NUMBER + (int)strlen(" % "));
    l.protocol = max(1, at_most(at_most(l.protocol, PROTOCOL), (s->width - ends) / 2));
    l.broken =
        ends + 2 * l.protocol + CELL_GAP + NUMBER + (int)strlen(" points, 1000 flips") > s->width;
    end_line(s);
    style(s, "1");
    fm_buf_printf(s->out, "spread over %zu protocols", c->n_runs);
    style(s, "0");
    if (same)
        fm_buf_printf(s->out, ", %zu of %zu metrics the same", same, c->n_spreads);
    end_line(s);
    for (size_t i = 0; i < c->n_spreads; i++)
        if (is_apart(&c->spreads[i]))
            put_spread(s, model, &c->spreads[i], &l);
}

/* ---- verdicts that differ ---- */

static void put_verdict(screen *s, const fm_report_difference *d, size_t k, const char *metric,
                        int columns)
{
    fm_buf text = {0};

    fm_report_put_difference(&text, d, k, metric);
    put_padded(s, fm_buf_text(&text), columns - CELL_GAP);
    spaces(s, CELL_GAP);
    s->out->failed |= text.failed;
    fm_buf_release(&text);
}

static int verdict_columns(const fm_report_model *model, const fm_report_comparison *c, size_t k,
                           size_t shown, int most)
{
    int columns = max(VERDICT_LEAST, (int)fm_text_columns(model->runs[c->runs[k]].protocol));

    for (size_t i = 0; i < shown; i++) {
        fm_buf answer = {0};

        if (c->items[i].answers)
            fm_report_put_answer(&answer, c->items[i].samples[k]);
        if (answer.size)
            columns =
                max(columns, (int)strlen("yes: ") + (int)fm_text_columns(fm_buf_text(&answer)));
        fm_buf_release(&answer);
    }
    return CELL_GAP + at_most(columns, most);
}

/* By how many samples, and of which verdicts only a part is shown. */
static void put_counts(screen *s, const fm_report_model *model, const fm_report_comparison *c,
                       const fm_report_metric *metrics, size_t shown)
{
    const char *primary = fm_json_string(model->runs[c->group].results, "primary");
    size_t n = 0;

    for (size_t i = 0; i < c->n_items; i++)
        n += primary && strcmp(metrics[c->items[i].metric].name, primary) == 0;
    if (n > 0 && n < c->n_samples) {
        fm_buf_printf(s->out, ": %zu of %zu samples by ", n, model->runs[c->group].n_samples);
        put_data(s, primary, LABEL_MOST);
        fm_buf_printf(s->out, ",\n  %zu by any metric", c->n_samples);
    } else {
        fm_buf_printf(s->out, ": %zu of %zu samples", c->n_samples,
                      model->runs[c->group].n_samples);
    }
    end_line(s);
    if (shown < c->n_items)
        fm_buf_printf(s->out, "  %zu of %zu verdicts shown\n", shown, c->n_items);
}

/* The one reason, or each protocol's in the order of the columns where they state different ones. */
static void put_reason(screen *s, const fm_report_comparison *c, const fm_report_difference *d,
                       int most)
{
    fm_buf text = {0};
    const char *first = NULL;
    bool several = false;

    for (size_t k = 0; k < c->n_runs; k++) {
        const char *reason = d->samples[k] ? fm_json_string(d->samples[k]->line, "reason") : NULL;

        several |= reason && first && strcmp(reason, first) != 0;
        first = first ? first : reason;
        fm_buf_printf(&text, "%s%s", k ? " / " : "", reason ? reason : DASH);
    }
    if (first)
        put_data(s, several ? fm_buf_text(&text) : first, most);
    s->out->failed |= text.failed;
    fm_buf_release(&text);
}

static void put_difference(screen *s, const fm_report_model *model, const fm_report_comparison *c,
                           const fm_report_metric *metrics, size_t shown, int id, int metric)
{
    int columns[FM_REPORT_MAX_RUNS], used = 2 + id + metric + 2 * CELL_GAP;
    int most = (s->width - used - REASON_LEAST) / (int)c->n_runs - CELL_GAP;

    most = max(VERDICT_LEAST, at_most(most, VERDICT_MOST));

    style(s, "2");
    fm_buf_puts(s->out, "  ");
    put_padded(s, "id", id + CELL_GAP);
    put_padded(s, "metric", metric + CELL_GAP);
    for (size_t k = 0; k < c->n_runs; k++) {
        columns[k] = verdict_columns(model, c, k, shown, most);
        put_padded(s, model->runs[c->runs[k]].protocol, columns[k]);
        used += columns[k];
    }
    fm_buf_puts(s->out, "reason\n");
    style(s, "0");
    for (size_t i = 0; i < shown; i++) {
        const fm_report_difference *d = &c->items[i];
        const char *name = metrics[d->metric].name;

        fm_buf_puts(s->out, "  ");
        put_padded(s, model->runs[c->group].samples[d->sample].id, id);
        spaces(s, CELL_GAP);
        put_padded(s, name, metric);
        spaces(s, CELL_GAP);
        for (size_t k = 0; k < c->n_runs; k++)
            put_verdict(s, d, k, name, columns[k]);
        put_reason(s, c, d, max(s->width - used, REASON_LEAST));
        end_line(s);
    }
}

static void put_comparison(screen *s, const fm_report_model *model, const fm_report_metric *metrics,
                           const fm_report_comparison *c, size_t listed)
{
    const fm_report_run *base = &model->runs[c->group];
    size_t shown = c->n_items < listed ? c->n_items : listed;
    int id = 2, metric = (int)strlen("metric");

    put_spreads(s, model, c);
    end_line(s);
    style(s, "1");
    fm_buf_puts(s->out, "verdicts that differ");
    style(s, "0");
    if (!fm_report_same_name(model)) {
        fm_buf_puts(s->out, " in ");
        put_data(s, base->name, HEADING_MOST);
    }
    put_counts(s, model, c, metrics, shown);
    for (size_t i = 0; i < shown; i++) {
        id = max(id, (int)fm_text_columns(base->samples[c->items[i].sample].id));
        metric = max(metric, (int)fm_text_columns(metrics[c->items[i].metric].name));
    }
    if (shown > 0)
        put_difference(s, model, c, metrics, shown, at_most(id, 24), at_most(metric, LABEL_MOST));
}

static void put_methods(screen *s, const fm_report_model *model)
{
    fm_buf text = {0};

    fm_report_put_methods(&text, model);
    if (text.size) {
        fm_buf_puts(s->out, "  intervals hold 95 %: ");
        put_data(s, fm_buf_text(&text), s->width);
        fm_buf_putc(s->out, '\n');
    }
    fm_buf_release(&text);
}

fm_status fm_report_write_table(fm_buf *out, fm_report_model *model,
                                const fm_report_options *options, fm_err *err)
{
    screen s = {.out = out,
                .width = options && options->width ? max(options->width, WIDTH_LEAST) : 100,
                .colour = options && options->colour};
    fm_report_metric *metrics;
    fm_report_comparison *comparisons;
    size_t n_metrics, n_comparisons;
    bool absent = false;

    if (model->n == 0)
        return FM_OK;
    fm_status st = fm_report_metrics(model, &metrics, &n_metrics, err);
    if (st == FM_OK)
        st = fm_report_compare(model, metrics, n_metrics, &comparisons, &n_comparisons, err);
    if (st != FM_OK)
        return st;
    title(&s, model);
    put_grid(&s, model, metrics, n_metrics);
    for (size_t i = 0; i < n_comparisons; i++) {
        put_comparison(&s, model, metrics, &comparisons[i], fm_report_listed(options));
        absent |= comparisons[i].absent;
    }
    fm_buf_putc(out, '\n');
    style(&s, "2");
    fm_buf_puts(out, MARK " ranks the protocol\n");
    put_methods(&s, model);
    if (absent)
        fm_buf_puts(out, DASH " the protocol leaves that sample out\n");
    style(&s, "0");
    return fm_buf_check(out, "report", err);
}
