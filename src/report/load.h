#ifndef FM_REPORT_LOAD_H
#define FM_REPORT_LOAD_H

#include "core/view.h"
#include "report/model.h"

/* Read the views into `model`, which starts as {0} and is released by the caller whatever happens;
 * `samples`: with every sample, or with what stands in the results alone. The views stay open as
 * long as the model is used. */
FM_MUST_CHECK fm_status fm_report_load(fm_report_model *model, fm_view *const *views, size_t n,
                                       bool samples, fm_err *err);

/* Judge the stages and steps of every sample that was loaded, under each run's protocol: each trace is
 * graded again, with one thing put right at a time. jobs < 1: one thread a processor. */
FM_MUST_CHECK fm_status fm_report_diagnose(fm_report_model *model, fm_view *const *views, int jobs,
                                           fm_err *err);

#endif
