/* Graded runs on the screen: what `run` and `score` end with, and what `report` is about. */
#ifndef FM_CLI_SHOW_H
#define FM_CLI_SHOW_H

#include "core/run.h"
#include "core/view.h"

/* Several views, opened together and closed together. */
typedef struct {
    fm_view **items;
    size_t n, capacity;
} cli_views;

/* Open one run under the named protocols; names NULL: under every one that it has results for. */
FM_MUST_CHECK fm_status cli_views_add(cli_views *views, const fm_catalog *catalog,
                                      const char *run_dir, const char *const *names, size_t n_names,
                                      fm_err *err);
/* Under one protocol; NULL: the run's own. */
FM_MUST_CHECK fm_status cli_views_add_one(cli_views *views, const fm_catalog *catalog,
                                          const char *run_dir, const char *protocol, fm_err *err);
void cli_views_release(cli_views *views); /* accepts {0} */

/* The views as the table, on stdout. */
FM_MUST_CHECK fm_status cli_show_table(fm_view *const *views, size_t n, fm_err *err);

/* A run under one protocol (NULL: its own): the table and where the rest is, or results.json. */
FM_MUST_CHECK fm_status cli_show_run(const fm_catalog *catalog, const char *run_dir,
                                     const char *protocol, bool json, fm_err *err);

/* A run under several protocols side by side, with up to `flips` of the verdicts that differ (0:
 * 10); json: schema fathom.protocols/1, with all of them. */
FM_MUST_CHECK fm_status cli_show_protocols(const fm_catalog *catalog, const char *run_dir,
                                           const char *const *names, size_t n, size_t flips,
                                           bool json, fm_err *err);

/* What a run would take (fm_run_dry), as a table or as JSON (schema fathom.estimate/1). */
FM_MUST_CHECK fm_status cli_show_estimate(const fm_run_estimate *estimate, const char *label,
                                          const char *run_dir, bool json, fm_err *err);

#endif
