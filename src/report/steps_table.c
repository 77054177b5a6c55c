/* Owns the table of a diagnosis: rows of text cells, a column a run, printed for a terminal or as
 * markdown, and the sentences above it. */
#include "report/steps_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "report/writers.h"

#define DASH  "\xE2\x80\x93"
#define RULE  "\xE2\x94\x80"
#define POINT "\xE2\x96\xB8"

enum { LABEL = 29, CELL = 17, MAX_COLUMNS = FM_REPORT_MAX_RUNS, CELL_BYTES = 48 };

typedef struct {
    fm_buf *out;
    const fm_steps_report *report;
    bool markdown, colour;
    size_t first, n; /* the runs that stand side by side now */
    size_t columns;  /* of the terminal */
} table;

/* ---- rows ---- */

static void put_name(const table *t, const char *text)
{
    if (t->markdown)
        fm_text_for_markdown(t->out, text, strlen(text));
    else
        fm_text_for_terminal(t->out, text, strlen(text));
}

static void pad(fm_buf *out, size_t columns)
{
    for (size_t i = 0; i < columns; i++)
        fm_buf_putc(out, ' ');
}

/* To the right in a terminal. */
static void put_cell(const table *t, const char *text)
{
    if (t->markdown) {
        fm_buf_printf(t->out, " %s |", text);
        return;
    }
    size_t width = fm_text_columns(text);
    pad(t->out, width < CELL ? CELL - width : 1);
    fm_buf_puts(t->out, text);
}

static void put_label(const table *t, const char *label, bool indented)
{
    if (t->markdown) {
        fm_buf_puts(t->out, "| ");
        put_name(t, label);
        fm_buf_puts(t->out, " |");
        return;
    }
    size_t at = t->out->size, width;

    pad(t->out, indented ? 4 : 2);
    put_name(t, label);
    width = fm_text_columns(fm_buf_text(t->out) + at);
    pad(t->out, width < LABEL ? LABEL - width : 1);
}

typedef void (*cell_writer)(char out[CELL_BYTES], const fm_diagnosis_totals *totals, int which);

/* A row about which no run has anything to say is left out. */
static void put_row(const table *t, const char *label, bool indented, cell_writer write, int which)
{
    char cells[MAX_COLUMNS][CELL_BYTES];
    bool said = false;

    for (size_t i = 0; i < t->n; i++) {
        snprintf(cells[i], sizeof(cells[i]), DASH);
        write(cells[i], &t->report->runs[t->first + i].totals, which);
        said = said || strcmp(cells[i], DASH) != 0;
    }
    if (!said)
        return;
    put_label(t, label, indented);
    for (size_t i = 0; i < t->n; i++)
        put_cell(t, cells[i]);
    fm_buf_putc(t->out, '\n');
}

/* A heading over rows that follow, with what its numbers are. */
static void put_section(const table *t, const char *title, const char *unit)
{
    if (t->markdown) {
        fm_buf_printf(t->out, "| **%s**%s%s |", title, unit[0] ? ", " : "", unit);
        for (size_t i = 0; i < t->n; i++)
            fm_buf_puts(t->out, " |");
        fm_buf_putc(t->out, '\n');
        return;
    }
    fm_buf_printf(t->out, "\n  %s%s%s", t->colour ? "\033[1m" : "", title,
                  t->colour ? "\033[0m" : "");
    if (unit[0])
        fm_buf_printf(t->out, "  %s%s%s", t->colour ? "\033[2m" : "", unit,
                      t->colour ? "\033[0m" : "");
    fm_buf_putc(t->out, '\n');
}

/* A run's name cut at its front, where runs of one model differ least. */
static void put_run_name(const table *t, const char *name)
{
    fm_buf clean = {0};

    fm_text_for_terminal(&clean, name, strlen(name));
    const char *text = fm_buf_text(&clean);
    char cut[64];
    if (clean.size > CELL - 2)
        snprintf(cut, sizeof(cut), "%.*s\xE2\x80\xA6", CELL - 3, text);
    put_cell(t, clean.size > CELL - 2 ? cut : text);
    fm_buf_release(&clean);
}

static void put_heading(const table *t)
{
    if (t->markdown) {
        fm_buf_puts(t->out, "| |");
        for (size_t i = t->first; i < t->first + t->n; i++) {
            fm_buf_putc(t->out, ' ');
            put_name(t, t->report->runs[i].name);
            fm_buf_puts(t->out, " |");
        }
        fm_buf_puts(t->out, "\n|:--|");
        for (size_t i = 0; i < t->n; i++)
            fm_buf_puts(t->out, "--:|");
        fm_buf_putc(t->out, '\n');
        return;
    }
    pad(t->out, LABEL);
    for (size_t i = t->first; i < t->first + t->n; i++)
        put_run_name(t, t->report->runs[i].name);
    fm_buf_puts(t->out, "\n  ");
    for (size_t i = 2; i < LABEL + CELL * t->n; i++)
        fm_buf_puts(t->out, RULE);
    fm_buf_putc(t->out, '\n');
}

/* ---- cells ---- */

static void share_cell(char out[CELL_BYTES], size_t hits, size_t n)
{
    if (n)
        snprintf(out, CELL_BYTES, "%.0f %% %zu/%zu", 100.0 * (double)hits / (double)n, hits, n);
}

static void success_cell(char out[CELL_BYTES], const fm_diagnosis_totals *t, int which)
{
    (void)which;
    share_cell(out, t->succeeded, t->judged);
}

static void unknown_cell(char out[CELL_BYTES], const fm_diagnosis_totals *t, int which)
{
    (void)which;
    snprintf(out, CELL_BYTES, "%zu", t->without_verdict);
}

static void cause_cell(char out[CELL_BYTES], const fm_diagnosis_totals *t, int which)
{
    snprintf(out, CELL_BYTES, "%zu", which < FM_STAGES ? t->causes[which] : t->other);
}

static void stage_cell(char out[CELL_BYTES], const fm_diagnosis_totals *t, int which)
{
    share_cell(out, t->stages[which].hits, t->stages[which].n);
}

static void oracle_cell(char out[CELL_BYTES], const fm_diagnosis_totals *t, int which)
{
    if (t->oracles[which].known)
        snprintf(out, CELL_BYTES, "%+.1f [%.0f, %.0f]", 100 * t->oracles[which].change,
                 100 * t->oracles[which].interval.low, 100 * t->oracles[which].interval.high);
}

enum { DEPTH_SCALE, DEPTH_RMS, DEPTH_AFTER_SCALE, DEPTH_AFTER_AFFINE, DEPTH_SHARE };

static void depth_cell(char out[CELL_BYTES], const fm_diagnosis_totals *t, int which)
{
    double before = t->rms_m * t->rms_m, after = t->after_scale_m * t->after_scale_m;

    if (!t->with_depth)
        return;
    switch (which) {
    case DEPTH_SCALE:
        snprintf(out, CELL_BYTES, "%.2f [%.2f\xE2\x80\x93%.2f]", t->scale, t->scale_low,
                 t->scale_high);
        break;
    case DEPTH_RMS:
        snprintf(out, CELL_BYTES, "%.3f m", t->rms_m);
        break;
    case DEPTH_AFTER_SCALE:
        snprintf(out, CELL_BYTES, "%.3f m", t->after_scale_m);
        break;
    case DEPTH_AFTER_AFFINE:
        snprintf(out, CELL_BYTES, "%.3f m", t->after_affine_m);
        break;
    default:
        if (before > 0)
            snprintf(out, CELL_BYTES, "%.0f %%", 100 * (before - after) / before);
        break;
    }
}

enum { END_ERROR, END_NONE, STEP_ERROR, STEP_NONE, OUTCOME_ERROR, OUTCOME_NONE };

static void propagation_cell(char out[CELL_BYTES], const fm_diagnosis_totals *t, int which)
{
    const fm_share *const shares[] = {
        [END_ERROR] = &t->end_after_start,         [END_NONE] = &t->end_after_none,
        [STEP_ERROR] = &t->step_after_error,       [STEP_NONE] = &t->step_after_none,
        [OUTCOME_ERROR] = &t->outcome_after_error, [OUTCOME_NONE] = &t->outcome_after_none};
    const fm_share *s = shares[which];

    if (s->n)
        snprintf(out, CELL_BYTES, "%.0f %% [%.0f, %.0f]", 100.0 * (double)s->hits / (double)s->n,
                 100 * s->interval.low, 100 * s->interval.high);
}

/* Of the steps of a kind about an annotated target: how many are right; those missed count. */
static void kind_cell(char out[CELL_BYTES], const fm_diagnosis_totals *t, int which)
{
    const size_t *v = t->verdicts[which];
    size_t n = v[FM_STEP_RIGHT] + v[FM_STEP_PARTLY] + v[FM_STEP_WRONG] + v[FM_STEP_UNREADABLE] +
               v[FM_STEP_MISSED];

    share_cell(out, v[FM_STEP_RIGHT], n);
}

static void verdict_cell(char out[CELL_BYTES], const fm_diagnosis_totals *t, int which)
{
    size_t n = 0;

    for (int kind = 0; kind < FM_STEP_KINDS; kind++)
        n += t->verdicts[kind][which];
    snprintf(out, CELL_BYTES, "%zu", n);
}

static void index_cell(char out[CELL_BYTES], const fm_diagnosis_totals *t, int which)
{
    share_cell(out, t->by_index[which].hits, t->by_index[which].n);
}

/* ---- sections ---- */

static bool any(const table *t, bool (*holds)(const fm_diagnosis_totals *))
{
    for (size_t i = t->first; i < t->first + t->n; i++)
        if (holds(&t->report->runs[i].totals))
            return true;
    return false;
}

static bool has_stages(const fm_diagnosis_totals *t)
{
    return t->staged > 0;
}

static bool has_unknown(const fm_diagnosis_totals *t)
{
    return t->without_verdict > 0;
}

static bool has_other(const fm_diagnosis_totals *t)
{
    return t->other > 0;
}

static bool has_depth(const fm_diagnosis_totals *t)
{
    return t->with_depth > 0;
}

static bool has_keys(const fm_diagnosis_totals *t)
{
    return t->keyed > 0 && t->reasoned > 0;
}

static bool has_oracles(const fm_diagnosis_totals *t)
{
    bool known = false;

    for (int i = 0; i < FM_ORACLES; i++)
        known = known || t->oracles[i].known;
    return known;
}

static void put_stages(const table *t)
{
    put_section(t, "first stage that fails", "samples");
    for (int i = 0; i < FM_STAGES; i++)
        put_row(t, fm_stage_name((fm_stage_kind)i), true, cause_cell, i);
    if (any(t, has_other))
        put_row(t, "none of them", true, cause_cell, FM_STAGES);
    put_section(t, "each stage fails in", "of those that can be told");
    for (int i = 0; i < FM_STAGES; i++)
        put_row(t, fm_stage_name((fm_stage_kind)i), true, stage_cell, i);
}

static void put_depth(const table *t)
{
    put_section(t, "depth", "predicted against true");
    put_row(t, "scale [quartiles]", true, depth_cell, DEPTH_SCALE);
    put_row(t, "error", true, depth_cell, DEPTH_RMS);
    put_row(t, "scale put right", true, depth_cell, DEPTH_AFTER_SCALE);
    put_row(t, "and offset", true, depth_cell, DEPTH_AFTER_AFFINE);
    put_row(t, "due to scale", true, depth_cell, DEPTH_SHARE);
}

static void put_oracles(const table *t)
{
    static const char *const labels[] = {[FM_ORACLE_START] = "the true start",
                                         [FM_ORACLE_DEPTH] = "the true depth",
                                         [FM_ORACLE_SCALE] = "the true depth scale",
                                         [FM_ORACLE_END] = "the true end"};

    put_section(t, "success with one thing right", "points gained [95 %]");
    for (int i = 0; i < FM_ORACLES; i++)
        put_row(t, labels[i], true, oracle_cell, i);
}

static void put_steps(const table *t)
{
    put_section(t, "annotated steps that are right", "");
    for (int i = 0; i < FM_STEP_KINDS; i++)
        put_row(t, fm_step_kind_name((fm_step_kind)i), true, kind_cell, i);
    put_section(t, "verdicts", "steps");
    for (int i = 0; i < FM_STEP_VERDICTS; i++)
        put_row(t, fm_step_verdict_name((fm_step_verdict)i), true, verdict_cell, i);
    put_section(t, "not right, by place in the reply", "");
    for (int i = 0; i < FM_DIAGNOSIS_INDICES; i++) {
        char label[24];

        snprintf(label, sizeof(label), i < FM_DIAGNOSIS_INDICES - 1 ? "step %d" : "step %d on",
                 i + 1);
        put_row(t, label, true, index_cell, i);
    }
}

static void put_propagation(const table *t)
{
    put_section(t, "how an early error goes on", "failures [95 %]");
    if (any(t, has_stages)) {
        put_row(t, "end, start or depth off", true, propagation_cell, END_ERROR);
        put_row(t, "end, both right", true, propagation_cell, END_NONE);
    }
    if (any(t, has_keys)) {
        put_row(t, "step, behind a wrong one", true, propagation_cell, STEP_ERROR);
        put_row(t, "step, all right before", true, propagation_cell, STEP_NONE);
        put_row(t, "sample, a step wrong", true, propagation_cell, OUTCOME_ERROR);
        put_row(t, "sample, all steps right", true, propagation_cell, OUTCOME_NONE);
    }
}

/* Success and the most frequent cause of each category. */
static fm_status put_categories(const table *t, fm_err *err)
{
    const fm_steps_report *r = t->report;

    if (r->n_categories < 2)
        return FM_OK;
    put_section(t, "by category", "success, most frequent cause");
    for (size_t c = 0; c < r->n_categories; c++) {
        put_label(t, r->categories[c], true);
        for (size_t i = t->first; i < t->first + t->n; i++) {
            fm_diagnosis_totals sums;
            char text[CELL_BYTES] = DASH;
            int most = 0;
            fm_status st = fm_diagnosis_sum(&r->runs[i].diagnosis, r->categories[c], &sums, err);

            if (st != FM_OK)
                return st;
            for (int k = 1; k < FM_STAGES; k++)
                most = sums.causes[k] > sums.causes[most] ? k : most;
            if (sums.judged)
                snprintf(text, sizeof(text), "%.0f %%%s%s",
                         100.0 * (double)sums.succeeded / (double)sums.judged,
                         sums.causes[most] ? ", " : "",
                         sums.causes[most] ? fm_stage_name((fm_stage_kind)most) : "");
            put_cell(t, text);
        }
        fm_buf_putc(t->out, '\n');
    }
    return FM_OK;
}

static fm_status put_table(const table *t, fm_err *err)
{
    put_heading(t);
    put_row(t, t->report->runs[0].diagnosis.primary, false, success_cell, 0);
    if (any(t, has_unknown))
        put_row(t, "not known (no rasters)", false, unknown_cell, 0);
    if (any(t, has_stages))
        put_stages(t);
    if (any(t, has_depth))
        put_depth(t);
    if (any(t, has_oracles))
        put_oracles(t);
    if (any(t, has_keys))
        put_steps(t);
    if (any(t, has_stages) || any(t, has_keys))
        put_propagation(t);
    return any(t, has_stages) ? put_categories(t, err) : FM_OK;
}

/* ---- sentences ---- */

static bool is_one_task(const fm_steps_report *report)
{
    const fm_diagnosis *first = &report->runs[0].diagnosis;

    for (size_t i = 1; i < report->n; i++)
        if (strcmp(report->runs[i].diagnosis.task, first->task) != 0 ||
            strcmp(report->runs[i].diagnosis.protocol, first->protocol) != 0)
            return false;
    return true;
}

static void put_task(const table *t, const fm_steps_run *run)
{
    fm_buf_putc(t->out, ' ');
    put_name(t, run->diagnosis.task);
    fm_buf_putc(t->out, '@');
    put_name(t, run->diagnosis.protocol);
}

/* "Gemini3Pro: 41 of 47 failures begin at depth; putting depth right is worth +30.0 points." */
static void put_sentence(const table *t, const fm_steps_run *run)
{
    const fm_diagnosis_totals *s = &run->totals;
    size_t failures = s->judged - s->succeeded;
    int cause = 0, best = 0;

    for (int i = 1; i < FM_STAGES; i++)
        cause = s->causes[i] > s->causes[cause] ? i : cause;
    for (int i = 1; i < FM_ORACLES; i++)
        best = s->oracles[i].change > s->oracles[best].change ? i : best;
    if (!failures || !s->causes[cause])
        return;
    fm_buf_puts(t->out, t->markdown ? "- " : "  " POINT " ");
    put_name(t, run->name);
    if (!is_one_task(t->report))
        put_task(t, run);
    fm_buf_printf(t->out, ": %zu of %zu failures begin at %s", s->causes[cause], failures,
                  fm_stage_name((fm_stage_kind)cause));
    if (s->oracles[best].known && s->oracles[best].change > 0)
        fm_buf_printf(t->out, "%sputting %s right is worth %+.1f points",
                      t->markdown ? "; " : ";\n    ", fm_oracle_name((fm_oracle)best),
                      100 * s->oracles[best].change);
    fm_buf_putc(t->out, '\n');
}

fm_status fm_steps_write_table(fm_buf *out, const fm_steps_report *report, bool markdown,
                               const fm_report_options *options, fm_err *err)
{
    table t = {.out = out,
               .report = report,
               .markdown = markdown,
               .colour = !markdown && options->colour,
               .columns = options->width ? (size_t)options->width : 100};
    size_t beside = markdown ? report->n : (t.columns - LABEL) / CELL;
    fm_status st = FM_OK;

    if (beside < 1)
        beside = 1;
    fm_buf_puts(out, markdown ? "### Why" : "why");
    if (is_one_task(report)) {
        put_task(&t, &report->runs[0]);
        fm_buf_printf(out, " fails \xC2\xB7 %zu samples\n\n", report->runs[0].diagnosis.n);
    } else {
        fm_buf_puts(out, " runs fail\n\n");
    }
    for (size_t i = 0; i < report->n; i++)
        put_sentence(&t, &report->runs[i]);
    fm_buf_putc(out, '\n');
    for (t.first = 0; st == FM_OK && t.first < report->n; t.first += t.n) {
        t.n = report->n - t.first < beside ? report->n - t.first : beside;
        if (t.first)
            fm_buf_putc(out, '\n');
        st = put_table(&t, err);
    }
    return st == FM_OK ? fm_buf_check(out, "the table of steps", err) : st;
}
