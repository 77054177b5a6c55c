/**
 * Reports over graded runs: what a person reads, in the terminal, in a pull request, in a browser.
 *
 * A view is one run directory under one protocol (core/view.h). Several views stand side by side:
 * protocols of one run, or different runs. Views of one run directory are also compared item by
 * item. Order is the caller's. Nothing here grades: every number comes from results.json and
 * samples.jsonl. Texts that came from data, models or providers are escaped for the place where
 * they end up. One thread calls; pictures are made on `jobs` threads.
 */
#ifndef FM_REPORT_REPORT_H
#define FM_REPORT_REPORT_H

#include <stdbool.h>

#include "base/buffer.h"
#include "core/view.h"

/* How the page has its pictures. */
typedef enum {
    FM_REPORT_EMBED, /* thumbnails in the page, and a grid of each depth map */
    FM_REPORT_LINK,  /* by reference to the files of the data: the page needs them beside it */
    FM_REPORT_NO_PICTURES, /* only the lines over them */
} fm_report_pictures;

typedef struct {
    int width;        /* columns of the terminal; 0: 100 */
    bool colour;      /* the table may use ANSI colours */
    size_t differing; /* how many differing verdicts a table lists; 0: 10 */
    int jobs;         /* threads for pictures; 0: as many as processors */
    bool no_plots;    /* leave gnuplot alone */
    size_t scenes;    /* how many samples get a plot in space; 0: 6 */
    fm_report_pictures pictures;
    bool
        steps; /* the page judges stages and steps of every sample, which grades each trace again */
    void (*notice)(void *context, const char *text); /* one line worth telling; may be NULL */
    void *context;
} fm_report_options;

/* The summary as a table of UTF-8 text for a terminal, appended to `out`: metrics with their
 * intervals and denominators, the status counts, and the verdicts that differ between protocols. */
FM_MUST_CHECK fm_status fm_report_table(fm_buf *out, fm_view *const *views, size_t n,
                                        const fm_report_options *options, fm_err *err);

/* The same as GitHub markdown. */
FM_MUST_CHECK fm_status fm_report_markdown(fm_buf *out, fm_view *const *views, size_t n,
                                           const fm_report_options *options, fm_err *err);

/* The same as CSV, a row a number; as a LaTeX table; and one run, under any number of protocols, as a
 * record of Every Eval Ever (FM_E_USAGE for more runs). */
FM_MUST_CHECK fm_status fm_report_csv(fm_buf *out, fm_view *const *views, size_t n,
                                      const fm_report_options *options, fm_err *err);
FM_MUST_CHECK fm_status fm_report_latex(fm_buf *out, fm_view *const *views, size_t n,
                                        const fm_report_options *options, fm_err *err);
FM_MUST_CHECK fm_status fm_report_every_eval(fm_buf *out, fm_view *const *views, size_t n,
                                             const fm_report_options *options, fm_err *err);

/* Views of one run under different protocols as JSON, schema fathom.protocols/1: the aggregates,
 * how far they lie apart, and every sample that flips. */
FM_MUST_CHECK fm_status fm_report_protocols(fm_buf *out, fm_view *const *views, size_t n,
                                            fm_err *err);

/* One self-contained HTML page: table, differing verdicts, plots, and every sample with its picture,
 * its replies and a view in space. Written to a temporary name and renamed; a notice states its size.
 * Without gnuplot there are no plots, and a notice says so. */
FM_MUST_CHECK fm_status fm_report_html(const char *path, fm_view *const *views, size_t n,
                                       const fm_report_options *options, fm_err *err);

/* Picture files into `dir`, which is made: `<id>.png` a sample with its traces, mask outline and
 * destination box drawn on the picture; samples without a readable picture are left out and
 * counted in a notice. *written (may be NULL) counts the files. */
FM_MUST_CHECK fm_status fm_report_overlays(const char *dir, fm_view *view,
                                           const fm_report_options *options, size_t *written,
                                           fm_err *err);

/* Plots into `dir`, which is made: `rates`, `<metric>` for each mean metric and the figures of
 * report/figures.h, each with its data and script; `scene-<id>.svg` for the first few samples. Without
 * gnuplot: FM_OK, those data and scripts alone, and a notice. */
FM_MUST_CHECK fm_status fm_report_plots(const char *dir, fm_view *const *views, size_t n,
                                        const fm_report_options *options, size_t *written,
                                        fm_err *err);

#endif
