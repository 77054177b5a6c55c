/**
 * report.html: one file that a person opens, mails or prints. It asks for nothing from anywhere.
 *
 * What stands still is HTML, written here from top to bottom (sections.c). The samples are data: JSON
 * in an element that is no script (samples.c), pictures and depth maps as lines of base64 beside it
 * (pictures.c), shown by a script of our own (the *.js of this folder). The content security policy
 * admits that script by its hash, and no other and no address. Texts from data, models and providers
 * reach the page through fm_text_for_html, or through JSON and the script's text nodes.
 */
#ifndef FM_REPORT_PAGE_H
#define FM_REPORT_PAGE_H

#include "base/json.h"
#include "report/plots.h"
#include "report/shapes.h"
#include "report/writers.h"

/* One sample, with what each run has of it. */
typedef struct {
    const fm_report_sample **of;   /* [runs]; NULL where a run has no such sample */
    const fm_report_sample *shown; /* the one whose data is there, else the first */
    fm_buf json;                   /* what the script is told about it */
    fm_buf picture, depth;         /* bytes, not yet base64; empty: none */
} fm_page_entry;

typedef struct {
    fm_report_model *model;
    const fm_report_options *options;
    const char *folder; /* where the page will stand: links are relative to it; NULL: nowhere */
    fm_report_metric *metrics;
    size_t n_metrics;
    fm_report_comparison *comparisons;
    size_t n_comparisons;
    size_t *entry_of[FM_REPORT_MAX_RUNS]; /* of the i-th sample of the run */
    fm_page_entry *entries;
    size_t n_entries;
    fm_plot plots[FM_REPORT_MAX_PLOTS];
    size_t n_plots;
    char plot_trouble[FM_ERR_TEXT_BYTES];
    bool no_gnuplot;
} fm_page;

/* ---- sections.c ---- */

void fm_page_put_head(fm_buf *out, const fm_page *page);
void fm_page_put_sections(fm_buf *out, const fm_page *page); /* all above the samples */
void fm_page_put_footer(fm_buf *out, const fm_page *page);
/* The hash by which a content security policy admits a script, in base64. */
void fm_page_put_hash(fm_buf *out, const char *script, size_t size);

/* ---- pictures.c: of one sample, on one thread ---- */

typedef struct {
    fm_raster image, mask, depth;
} fm_page_rasters;

typedef struct {
    int width, height; /* of the picture; 0: not known */
    bool masked;       /* rasters->mask is the sample's */
    fm_buf link;       /* of a picture that is referred to */
    char trouble[160]; /* why there is no picture; "" where there is one */
} fm_page_picture;

/* Fills entry->picture and entry->depth as far as the options embed them. What cannot be read is
 * `trouble`, and no failure. */
FM_MUST_CHECK fm_status fm_page_make_picture(const fm_page *page, fm_page_entry *entry,
                                             fm_page_rasters *rasters, fm_page_picture *out,
                                             fm_err *err);
void fm_page_rasters_release(fm_page_rasters *rasters);

/* ---- samples.c ---- */

/* Fills entry->json. */
FM_MUST_CHECK fm_status fm_page_make_json(const fm_page *page, fm_page_entry *entry,
                                          const fm_page_picture *picture, const fm_raster *mask,
                                          fm_err *err);

/* What the script needs besides the entries, as JSON members. */
void fm_page_put_runs(fm_json_writer *w, const fm_page *page);

/* ---- made from page.css and the *.js at build time (cmake/EmbedText.cmake) ---- */

extern const char fm_page_style[], fm_page_script[];
extern const size_t fm_page_style_size, fm_page_script_size;

#endif
