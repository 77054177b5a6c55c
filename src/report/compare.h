/**
 * Comparisons of runs, a suite each, for those who read it: a person at a terminal, a pull request, a CI server, a
 * program. Texts from data are escaped for where they end up. Everything is appended to `out`; the
 * same comparisons give the same bytes. n is at least 1.
 */
#ifndef FM_REPORT_COMPARE_H
#define FM_REPORT_COMPARE_H

#include "base/buffer.h"
#include "core/compare.h"

#define FM_COMPARE_SCHEMA        "fathom.compare/1"
#define FM_COMPARE_SUITES_SCHEMA "fathom.compare-suites/1"

typedef struct {
    int width;     /* columns of the terminal; 0: 100 */
    bool colour;   /* the table may use ANSI colours */
    size_t listed; /* changed samples that texts list, of either kind */
} fm_compare_style;

FM_MUST_CHECK fm_status fm_compare_table(fm_buf *out, const fm_comparison *comparisons, size_t n,
                                         const fm_compare_style *style, fm_err *err);

/* GitHub markdown, for a comment or a step summary. */
FM_MUST_CHECK fm_status fm_compare_markdown(fm_buf *out, const fm_comparison *comparisons, size_t n,
                                            const fm_compare_style *style, fm_err *err);

/* Everything, with all changed samples. One suite: FM_COMPARE_SCHEMA; several: FM_COMPARE_SUITES_SCHEMA,
 * which has the former of each in `suites`. */
FM_MUST_CHECK fm_status fm_compare_json(fm_buf *out, const fm_comparison *comparisons, size_t n,
                                        fm_err *err);

/* JUnit XML: a test suite a suite, a test case a gated metric and candidate. <failure> is a gate that failed, <error> one
 * that could not be decided. Without a gate the metrics are cases that pass. */
FM_MUST_CHECK fm_status fm_compare_junit(fm_buf *out, const fm_comparison *comparisons, size_t n,
                                         fm_err *err);

/* GitHub's workflow commands, a line a gate: ::error, ::warning where it could not be decided,
 * ::notice; and a warning where replies failed. */
FM_MUST_CHECK fm_status fm_compare_github(fm_buf *out, const fm_comparison *comparisons, size_t n,
                                          fm_err *err);

/* The gate of all in one line, for an error message or a log. */
void fm_compare_verdict(fm_buf *out, const fm_comparison *comparisons, size_t n);

#endif
