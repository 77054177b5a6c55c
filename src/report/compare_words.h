/* The words and numbers that every writer of a comparison shares. Everything is appended to `out`,
 * as plain text: what came from data is not escaped yet. */
#ifndef FM_REPORT_COMPARE_WORDS_H
#define FM_REPORT_COMPARE_WORDS_H

#include "report/compare.h"
#include "report/model.h"

/* Names and directories of the runs, the base first: model->runs. The caller releases it. */
FM_MUST_CHECK fm_status fm_compare_names(const fm_comparison *comparison, fm_report_model *model,
                                         fm_err *err);

void fm_put_suite(fm_buf *out, const fm_comparison *comparison);       /* "tabletop-3d@paper" */
void fm_put_value(fm_buf *out, const fm_metric *metric, double value); /* "75.0 %", "0.031 m" */
void fm_put_difference(fm_buf *out, const fm_metric *metric, double value); /* "+3.1 pp" */
void fm_put_interval(fm_buf *out, const fm_metric *metric, const fm_interval *interval);
void fm_put_p(fm_buf *out, double p);                                    /* "0.031", "<0.001" */
void fm_put_margin(fm_buf *out, const fm_metric *metric, double margin); /* "3 pp" */
void fm_put_whole(fm_buf *out, double count);                            /* "12,400" */

/* "non-inferiority of success within 3 pp", "superiority of success by more than 1 pp" */
void fm_put_gate_name(fm_buf *out, const fm_comparison *comparison,
                      const fm_compared_metric *metric);
/* Why the verdict is what it is, in a sentence without its full stop. */
void fm_put_gate_reason(fm_buf *out, const fm_comparison *comparison, const fm_compared_run *run,
                        const fm_compared_metric *metric);

/* "2 timeout, 1 parse_error": the statuses other than ok of one side. */
void fm_put_failures(fm_buf *out, const size_t by_status[FM_SAMPLE_STATUS_COUNT]);

/* +1: the metric is surely better (5 %, after Holm), -1 surely worse, 0 neither. */
int fm_compare_direction(const fm_compared_metric *metric);

/* Changed samples of one kind, and how many there are. */
size_t fm_compare_changed(const fm_compared_run *run, bool gained);

#endif
