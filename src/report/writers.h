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
FM_MUST_CHECK fm_status fm_report_write_csv(fm_buf *out, fm_report_model *model,
                                            const fm_report_options *options, fm_err *err);
FM_MUST_CHECK fm_status fm_report_write_latex(fm_buf *out, fm_report_model *model,
                                              const fm_report_options *options, fm_err *err);
FM_MUST_CHECK fm_status fm_report_write_every_eval(fm_buf *out, fm_report_model *model,
                                                   const fm_report_options *options, fm_err *err);
/* The page, with its pictures made on the way; links are relative to `folder` (NULL: the current). */
FM_MUST_CHECK fm_status fm_report_write_html(fm_buf *out, fm_report_model *model,
                                             const char *folder, const fm_report_options *options,
                                             fm_err *err);

/* One comparison of protocols, schema fathom.protocols/1; the model has the run that it is of. */
FM_MUST_CHECK fm_status fm_report_write_protocols(fm_buf *out, fm_report_model *model,
                                                  const fm_report_options *options, fm_err *err);

/* A file name for a sample's id or a metric: itself where it is plain, else "@" and its index. The
 * name has no extension. */
#define FM_REPORT_NAME_BYTES 160
void fm_report_file_name(const char *id, size_t index, char out[FM_REPORT_NAME_BYTES]);

#define FM_REPORT_MAX_PLOTS  33
#define FM_REPORT_NO_GNUPLOT "no gnuplot on this machine: the report has no plots"

int fm_report_jobs(const fm_report_options *options);
void fm_report_notice(const fm_report_options *options, const char *text);

/* How many differing verdicts a text report lists. */
static inline size_t fm_report_listed(const fm_report_options *options)
{
    return options && options->differing ? options->differing : 10;
}

/* How many samples get a view in space. */
static inline size_t fm_report_scenes(const fm_report_options *options)
{
    return options && options->scenes ? options->scenes : 6;
}

#endif
