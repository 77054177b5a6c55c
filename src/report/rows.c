/* Owns how rows of dots are laid out. */
#include "report/rows.h"

#include <math.h>

#include "report/gnuplot.h"
#include "report/plots.h"

void fm_names_begin(fm_buf *body, size_t runs)
{
    fm_buf_printf(body, "set tmargin at screen 1.0 - %d.0 / H\n", 18 + 18 * (int)runs);
}

void fm_names_put(fm_buf *body, size_t run, const char *name)
{
    fm_buf_puts(body, "set label ");
    fm_gnuplot_quote(body, name);
    fm_buf_printf(body,
                  " at graph 0, screen 1.0 - %d.0 / H left noenhanced textcolor rgb '#%06x'\n",
                  14 + 18 * (int)run, fm_plot_colour(run));
}

void fm_rows_begin(const fm_rows *r)
{
    fm_figure *f = r->figure;

    f->width = 760;
    f->height = 80 + 18 * (int)r->runs + (int)r->rows * (14 + 12 * (int)r->runs);
    fm_buf_puts(&f->data, "# run\trow\tvalue\tlow\thigh\tn\n");
    fm_buf_printf(&f->body,
                  "set ytics scale 0 format ''\nset lmargin at screen 0.24\n"
                  "set rmargin at screen 0.96\nset yrange [0.4:%zu.6]\nset ytics 1\nset grid x\n",
                  r->rows);
    fm_names_begin(&f->body, r->runs);
}

void fm_rows_label(const fm_rows *r, size_t row, const char *text)
{
    fm_buf *body = &r->figure->body;

    fm_buf_puts(body, "set label ");
    fm_gnuplot_quote(body, text);
    fm_buf_printf(body, " at screen 0.225, first %zu right noenhanced\n", r->rows - row);
}

void fm_rows_put(const fm_rows *r, size_t row, size_t run, double value, double low, double high,
                 size_t n)
{
    double beside = ((double)(r->runs - 1) / 2 - (double)run) * 0.6 / (double)r->runs;

    fm_buf_printf(&r->figure->data, "%zu\t%.4g\t%.6g\t%.6g\t%.6g\t%zu\n", run,
                  (double)(r->rows - row) + beside, value, isfinite(low) ? low : value,
                  isfinite(high) ? high : value, n);
}

void fm_rows_plot(const fm_rows *r)
{
    fm_buf *body = &r->figure->body;

    fm_buf_puts(body, "plot ");
    for (size_t run = 0; run < r->runs; run++)
        fm_buf_printf(body,
                      "%sDATA using ($1==%zu?$3:NaN):2:4:5 with xerrorbars pt 7 ps 0.7 lw 2.2 "
                      "lc rgb '#%06x' notitle",
                      run ? ", " : "", run, fm_plot_colour(run));
    fm_buf_putc(body, '\n');
}
