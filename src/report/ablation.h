/**
 * Arms of an experiment held against each other, all in one table: a block a contrast, a row a task and
 * metric. The numbers are those of core/compare.h, and are said as a comparison says them.
 */
#ifndef FM_REPORT_ABLATION_H
#define FM_REPORT_ABLATION_H

#include "report/compare.h"

typedef struct {
    const char *title, *base; /* "scale supervision", "no-scale" */
    const char *const *arms;  /* [n_arms]: what stands against the base */
    size_t n_arms;
    fm_comparison *comparisons; /* [n]: a task each, with n_arms runs */
    size_t n;
} fm_ablation_contrast;

/* For a terminal of `width` columns (0: 100). */
FM_MUST_CHECK fm_status fm_ablation_table(fm_buf *out, const fm_ablation_contrast *contrasts,
                                          size_t n, int width, bool colour, fm_err *err);

/* GitHub markdown: one table, for a page of documentation. */
FM_MUST_CHECK fm_status fm_ablation_markdown(fm_buf *out, const fm_ablation_contrast *contrasts,
                                             size_t n, fm_err *err);

#endif
