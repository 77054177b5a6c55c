/* The writers of reports over a finished model, and the pictures that they share. */
#ifndef FM_REPORT_WRITERS_H
#define FM_REPORT_WRITERS_H

#include "base/buffer.h"
#include "report/model.h"
#include "report/report.h"

FM_MUST_CHECK fm_status fm_report_write_table(fm_buf *out, fm_report_model *model,
                                              const fm_report_options *options, fm_err *err);
FM_MUST_CHECK fm_status fm_report_write_markdown(fm_buf *out, fm_report_model *model,
                                                 const fm_report_options *options, fm_err *err);

/* How many differing verdicts a text report lists. */
static inline size_t fm_report_listed(const fm_report_options *options)
{
    return options && options->differing ? options->differing : 10;
}

#endif
