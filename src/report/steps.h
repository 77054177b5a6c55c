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
 * columns, as GitHub markdown, or as JSON (schema fathom.steps/1, with every sample). plots: a folder, made
 * where it is missing, for the figures `stages` and `reasoning` (report/figure.h); NULL: none. FM_E_INPUT where
 * there is nothing to diagnose: no traces, and no steps in any reply. */
FM_MUST_CHECK fm_status fm_report_steps(fm_buf *out, fm_view *const *views, size_t n,
                                        const fm_process_rules *rules, fm_report_form form,
                                        const char *plots, const fm_report_options *options,
                                        fm_err *err);

#endif
