/**
 * Plots that are not in the page, as files for whoever wants to draw them again (figure.h):
 *
 *   by-category, by-steps   the primary metric with its intervals, by what the data says of a sample
 *   error-length, error-depth   an error against the length, and the depth of the true trace
 *   depth-scale             predicted depth against the true one
 *   collision-path          how far the moved object is inside others, along the way
 *   tasks                   headlines of several tasks, a panel each
 *   trend                   headlines over the times at which the runs were made
 *
 * A figure that the runs have nothing for is left out.
 */
#ifndef FM_REPORT_FIGURES_H
#define FM_REPORT_FIGURES_H

#include "report/model.h"

/* Into `dir`, which is there. *found false: no gnuplot, and nothing drawn; data and scripts are
 * written all the same. *written counts the pictures. */
FM_MUST_CHECK fm_status fm_figures_write(const char *dir, fm_report_model *model,
                                         const fm_report_metric *metrics, size_t n_metrics,
                                         size_t *written, bool *found, fm_err *err);

#endif
