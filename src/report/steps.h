/**
 * Why runs fail, for a reader: stages, depth, what fixing one thing would be worth, steps of reasoning.
 * The numbers are core/diagnosis.h's; runs stand side by side in the order of the caller. One thread.
 */
#ifndef FM_REPORT_STEPS_H
#define FM_REPORT_STEPS_H

#include "core/diagnosis.h"
#include "report/report.h"

typedef enum {
    FM_REPORT_STEPS_TEXT,
    FM_REPORT_STEPS_MARKDOWN,
    FM_REPORT_STEPS_JSON
} fm_report_form;

/* Diagnose the views and write what was found, appended to `out`: for a terminal of options->width
 * columns, as GitHub markdown, or as JSON (schema fathom.steps/1, with every sample). FM_E_INPUT where
 * there is nothing to diagnose: no traces, and no steps in any reply. */
FM_MUST_CHECK fm_status fm_report_steps(fm_buf *out, fm_view *const *views, size_t n,
                                        const fm_process_rules *rules, fm_report_form form,
                                        const fm_report_options *options, fm_err *err);

/* ---- shared by the writers ---- */

typedef struct {
    const char *name; /* adapter and model, or the run's folder */
    fm_diagnosis diagnosis;
    fm_diagnosis_totals totals;
} fm_steps_run;

#define FM_STEPS_MAX_CATEGORIES 32

typedef struct {
    fm_steps_run *runs;
    size_t n;
    const char *categories[FM_STEPS_MAX_CATEGORIES]; /* of any run, in order of appearance */
    size_t n_categories;
} fm_steps_report;

FM_MUST_CHECK fm_status fm_steps_write_table(fm_buf *out, const fm_steps_report *report,
                                             bool markdown, const fm_report_options *options,
                                             fm_err *err);
FM_MUST_CHECK fm_status fm_steps_write_json(fm_buf *out, const fm_steps_report *report,
                                            fm_err *err);

#endif
