/**
 * Parts of a figure that shows values of several runs: the runs' names over it, in their colours, and rows in
 * each of which every run has a dot with its interval. Everything is appended.
 */
#ifndef FM_REPORT_ROWS_H
#define FM_REPORT_ROWS_H

#include "report/figure.h"

/* A line for each run over the plot, in place of a legend: room for them, then each. */
void fm_names_begin(fm_buf *body, size_t runs);
void fm_names_put(fm_buf *body, size_t run, const char *name);

typedef struct {
    fm_figure *figure;
    size_t runs, rows;
} fm_rows;

/* Size, margins and the vertical axis; rows are counted from 0, from the top down. */
void fm_rows_begin(const fm_rows *r);
void fm_rows_label(const fm_rows *r, size_t row, const char *text);
/* low and high NaN: no interval. n: what the value is over. */
void fm_rows_put(const fm_rows *r, size_t row, size_t run, double value, double low, double high,
                 size_t n);
void fm_rows_plot(const fm_rows *r); /* the last */

#endif
