/**
 * One figure: the data it shows and the script over them, drawn into a page or into files.
 *
 * Thread-safe for distinct figures. Texts from data stand in the script, and only as
 * fm_gnuplot_quote() wrote them; the data are numbers.
 */
#ifndef FM_REPORT_FIGURE_H
#define FM_REPORT_FIGURE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

typedef struct {
    const char *name;  /* borrowed; for fm_figure_write() letters, digits and "@._-" */
    int width, height; /* pixels of the SVG; the PNG has twice as many */
    fm_buf data;       /* columns between tabs, under a first line "# names" */
    fm_buf body;       /* gnuplot; DATA is where the data are, H the height */
} fm_figure;

/* Append a script that draws the SVG to gnuplot's output, with the data in it. */
void fm_figure_put_script(const fm_figure *f, fm_buf *script);

/* NAME.tsv, NAME.gp, NAME.svg and NAME.png into `dir`, which is there; each is whole or not there.
 * *found false before: nothing is drawn; after: no gnuplot. *written grows by the pictures. */
FM_MUST_CHECK fm_status fm_figure_write(const char *dir, const fm_figure *f, size_t *written,
                                        bool *found, fm_err *err);

void fm_figure_release(fm_figure *f);

#endif
