/**
 * The plots of a report's page: gnuplot draws, the theme is taken from where the SVG stands.
 *
 * Lines and letters are `currentColor`: in a page they follow its text; in a file of its own,
 * fm_plot_standalone() adds a colour for light and dark. Ids are made unique with a prefix, so that
 * many plots can stand in one page. Thread-safe for distinct outputs.
 */
#ifndef FM_REPORT_PLOTS_H
#define FM_REPORT_PLOTS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "report/model.h"

typedef struct {
    const char *name; /* "rates", or the metric; as a file name it needs a check */
    fm_buf svg;
} fm_plot;

/* Rates with their intervals, then the distribution of each mean metric that has two values or
 * more. plots[most]; *n says how many there are. *found false: no gnuplot, no plot. */
FM_MUST_CHECK fm_status fm_plots_summary(fm_report_model *model, const fm_report_metric *metrics,
                                         size_t n_metrics, const char *prefix, fm_plot *plots,
                                         size_t most, size_t *n, bool *found, fm_err *err);

/* The same as files, each plot as fm_figure_write() says, into `dir`, which is there. */
FM_MUST_CHECK fm_status fm_plots_write(const char *dir, fm_report_model *model,
                                       const fm_report_metric *metrics, size_t n_metrics,
                                       size_t *written, bool *found, fm_err *err);

/* The scene of a 3D trace from beside the camera: the cloud of the depth map in the colours of the
 * picture, the object, both traces and the destination box. Appends nothing where the sample has no
 * depth map that can be read. */
FM_MUST_CHECK fm_status fm_plots_scene(const fm_report_sample *sample, const char *prefix,
                                       fm_buf *svg, bool *found, fm_err *err);

/* The first <svg> of what gnuplot wrote, cleaned. */
void fm_plot_clean(const fm_buf *raw, const char *prefix, fm_buf *out);

/* A plot as a file of its own. */
void fm_plot_standalone(const fm_buf *svg, fm_buf *out);

/* The colour of the i-th run in every plot and legend: 0xRRGGBB. */
unsigned fm_plot_colour(size_t run);

/* For the plots: one gnuplot over `script`, whose every plot is appended, cleaned, to the next of
 * out[most]; *n counts them. */
FM_MUST_CHECK fm_status fm_plot_render(const fm_buf *script, const char *prefix, fm_buf **out,
                                       size_t most, size_t *n, bool *found, fm_err *err);

#endif
