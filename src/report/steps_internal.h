/* What steps.c gathers and the writers of a diagnosis print. */
#ifndef FM_REPORT_STEPS_INTERNAL_H
#define FM_REPORT_STEPS_INTERNAL_H

#include "report/steps.h"

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

/* `stages` and `reasoning` into a folder that is there, each where there is something to show. */
FM_MUST_CHECK fm_status fm_steps_draw(const char *dir, const fm_steps_report *report,
                                      const fm_report_options *options, fm_err *err);

#endif
