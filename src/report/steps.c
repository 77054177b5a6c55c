/* Owns the gathering of what the writers print: the runs, their names and their totals. */
#include "report/steps_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "report/load.h"
#include "report/writers.h"

static void add_category(fm_steps_report *report, const char *category)
{
    for (size_t i = 0; i < report->n_categories; i++)
        if (strcmp(report->categories[i], category) == 0)
            return;
    if (report->n_categories < FM_STEPS_MAX_CATEGORIES)
        report->categories[report->n_categories++] = category;
}

static fm_status diagnose(fm_steps_report *report, fm_view *view, const fm_report_run *run,
                          const fm_process_rules *rules, const fm_report_options *options,
                          fm_err *err)
{
    fm_steps_run *out = &report->runs[report->n];
    fm_status st = fm_diagnosis_make(view, rules, fm_report_jobs(options), &out->diagnosis, err);

    if (st != FM_OK)
        return st;
    report->n++;
    out->name = run->name;
    for (size_t i = 0; i < out->diagnosis.n; i++)
        if (out->diagnosis.items[i].category)
            add_category(report, out->diagnosis.items[i].category);
    if (out->diagnosis.notice)
        fm_report_notice(options, out->diagnosis.notice);
    st = fm_diagnosis_sum(&out->diagnosis, NULL, &out->totals, err);
    if (st == FM_OK && out->totals.staged == 0 && out->totals.reasoned == 0)
        st = fm_fail(err, FM_E_INPUT,
                     "'%s' has neither traces with their truth nor steps in its replies",
                     out->diagnosis.run_dir);
    return st;
}

fm_status fm_report_steps(fm_buf *out, fm_view *const *views, size_t n,
                          const fm_process_rules *rules, fm_report_form form, const char *plots,
                          const fm_report_options *options, fm_err *err)
{
    fm_report_model model = {0};
    fm_steps_report report = {.runs = calloc(n ? n : 1, sizeof(*report.runs))};
    fm_status st = n > FM_REPORT_MAX_RUNS
                       ? fm_fail(err, FM_E_USAGE, "%zu runs: at most %d stand side by side", n,
                                 FM_REPORT_MAX_RUNS)
                       : fm_report_load(&model, views, n, false, err);

    if (st == FM_OK && !report.runs)
        st = fm_fail(err, FM_E_NOMEM, "no memory for %zu runs", n);
    for (size_t i = 0; st == FM_OK && i < n; i++)
        st = diagnose(&report, views[i], &model.runs[i], rules, options, err);
    if (st == FM_OK)
        st = form == FM_REPORT_STEPS_JSON
                 ? fm_steps_write_json(out, &report, err)
                 : fm_steps_write_table(out, &report, form == FM_REPORT_STEPS_MARKDOWN, options,
                                        err);
    if (st == FM_OK && plots)
        st = fm_dir_make(plots, err);
    if (st == FM_OK && plots)
        st = fm_steps_draw(plots, &report, options, err);
    for (size_t i = 0; i < report.n; i++)
        fm_diagnosis_release(&report.runs[i].diagnosis);
    free(report.runs);
    fm_report_model_release(&model);
    return st;
}
