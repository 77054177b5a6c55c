/* Owns the figures of a diagnosis: where samples fail, and where reasoning does. */
#include "report/steps_internal.h"

#include <stdio.h>

#include "report/rows.h"
#include "report/writers.h"

enum { ROW_BYTES = 48 };

typedef bool share_of(const fm_diagnosis_totals *totals, size_t row, fm_share *out);

static bool has_share(const fm_diagnosis_totals *totals, size_t n, share_of *of)
{
    fm_share s;
    size_t i = 0;

    while (i < n && !(of(totals, i, &s) && s.n > 0))
        i++;
    return i < n;
}

/* Rows of shares, and in each a dot with its interval for every run. */
static fm_status draw(const char *dir, const char *file, const char *axis,
                      const fm_steps_report *report, const char (*labels)[ROW_BYTES], size_t n,
                      share_of *of, size_t *written, bool *found, fm_err *err)
{
    fm_figure f = {.name = file};
    fm_buf name = {0};
    const fm_rows rows = {&f, report->n, n};

    fm_rows_begin(&rows);
    fm_buf_printf(&f.body, "set xlabel '%s' noenhanced\nset xrange [0:100]\n", axis);
    for (size_t r = 0; r < report->n; r++) {
        const fm_steps_run *run = &report->runs[r];

        fm_buf_clear(&name);
        fm_buf_printf(&name, "%s%s", run->name, has_share(&run->totals, n, of) ? "" : " (none)");
        fm_names_put(&f.body, r, fm_buf_text(&name));
    }
    for (size_t i = 0; i < n; i++) {
        fm_rows_label(&rows, i, labels[i]);
        for (size_t r = 0; r < report->n; r++) {
            fm_share s;

            if (of(&report->runs[r].totals, i, &s) && s.n > 0)
                fm_rows_put(&rows, i, r, 100.0 * (double)s.hits / (double)s.n, 100 * s.interval.low,
                            100 * s.interval.high, s.n);
        }
    }
    fm_rows_plot(&rows);
    fm_status st = fm_figure_write(dir, &f, written, found, err);
    fm_buf_release(&name);
    fm_figure_release(&f);
    return st;
}

/* ---- stages ---- */

/* Of all samples that are judged: right, the first stage that fails, or none of them. */
static bool stage_share(const fm_diagnosis_totals *t, size_t row, fm_share *out)
{
    const size_t hits = row == 0 ? t->succeeded : row > FM_STAGES ? t->other : t->causes[row - 1];

    *out = (fm_share){hits, t->judged, fm_stats_wilson(hits, t->judged, 0.95)};
    return t->staged > 0;
}

static fm_status draw_stages(const char *dir, const fm_steps_report *report, size_t *written,
                             bool *found, fm_err *err)
{
    char labels[FM_STAGES + 2][ROW_BYTES] = {"nothing fails"};
    size_t staged = 0;

    for (size_t r = 0; r < report->n; r++)
        staged += report->runs[r].totals.staged;
    for (int i = 0; i < FM_STAGES; i++)
        snprintf(labels[i + 1], ROW_BYTES, "%s", fm_stage_name((fm_stage_kind)i));
    snprintf(labels[FM_STAGES + 1], ROW_BYTES, "something else");
    return staged ? draw(dir, "stages", "first stage that fails (% of samples)", report,
                         (const char(*)[ROW_BYTES])labels, FM_STAGES + 2, stage_share, written,
                         found, err)
                  : FM_OK;
}

/* ---- reasoning ---- */

static bool place_share(const fm_diagnosis_totals *t, size_t row, fm_share *out)
{
    *out = t->by_index[row];
    return true;
}

static fm_status draw_reasoning(const char *dir, const fm_steps_report *report, size_t *written,
                                bool *found, fm_err *err)
{
    char labels[FM_DIAGNOSIS_INDICES][ROW_BYTES];
    size_t last = 0;

    for (int i = 0; i < FM_DIAGNOSIS_INDICES; i++) {
        snprintf(labels[i], ROW_BYTES, i + 1 < FM_DIAGNOSIS_INDICES ? "step %d" : "step %d and on",
                 i + 1);
        for (size_t r = 0; r < report->n; r++)
            last = report->runs[r].totals.by_index[i].n > 0 ? (size_t)i + 1 : last;
    }
    return last ? draw(dir, "reasoning", "steps about a key step that are not right (%)", report,
                       (const char(*)[ROW_BYTES])labels, last, place_share, written, found, err)
                : FM_OK;
}

fm_status fm_steps_draw(const char *dir, const fm_steps_report *report,
                        const fm_report_options *options, fm_err *err)
{
    size_t written = 0;
    bool found = true;
    fm_status st = draw_stages(dir, report, &written, &found, err);

    if (st == FM_OK)
        st = draw_reasoning(dir, report, &written, &found, err);
    if (st == FM_OK && !found)
        fm_report_notice(options, "no gnuplot on this machine: there are data and scripts alone");
    return st;
}
