/**
 * gnuplot through pipes: a script goes in, SVG comes out; no shell, no temporary file.
 *
 * Thread-safe. Only what fm_gnuplot_quote() wrote may carry text from data: to gnuplot a newline or
 * a backtick in a title is a command.
 */
#ifndef FM_REPORT_GNUPLOT_H
#define FM_REPORT_GNUPLOT_H

#include <stdbool.h>

#include "base/buffer.h"

/* More than any plot of ours takes; a gnuplot that writes more is stopped. */
#define FM_GNUPLOT_MAX_BYTES ((size_t)64 << 20)

/* Run `script` and append what gnuplot writes to `out`. *found is false, and the status FM_OK,
 * where there is no gnuplot. FM_E_IO: it failed, or was not done within timeout_s. */
FM_MUST_CHECK fm_status fm_gnuplot_run(const fm_buf *script, double timeout_s, fm_buf *out,
                                       bool *found, fm_err *err);

/* Append `text` as a gnuplot string of one line that is taken literally (noenhanced text). */
void fm_gnuplot_quote(fm_buf *out, const char *text);

#endif
