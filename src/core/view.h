/**
 * Reading a finished run directory: what reports are made from. Nothing here writes.
 *
 * Open it, look at manifest and results, then walk the samples in suite order. Where the run's data
 * folder is gone the walk goes on without `sample` (has_sample false) and view->notice says so. One
 * thread.
 */
#ifndef FM_CORE_VIEW_H
#define FM_CORE_VIEW_H

#include <cjson/cJSON.h>

#include "core/catalog.h"

typedef struct fm_view fm_view;

/* protocol NULL: the run's own. FM_E_INPUT where results are missing or of an unknown schema
 * version. */
FM_MUST_CHECK fm_status fm_view_open(fm_view **out, const fm_catalog *catalog, const char *run_dir,
                                     const char *protocol, fm_err *err);
void fm_view_close(fm_view *view);

const cJSON *fm_view_manifest(const fm_view *view); /* borrowed, like all below */
const cJSON *fm_view_results(const fm_view *view);
const cJSON *fm_view_usage(const fm_view *view);          /* usage.json; NULL: there is none */
const fm_protocol *fm_view_protocol(const fm_view *view); /* that the samples are graded by */
const char *fm_view_dir(const fm_view *view);
const char *fm_view_notice(const fm_view *view); /* NULL, or why pictures are missing */

typedef struct {
    const cJSON *line; /* the line of samples.jsonl; valid until the next call */
    bool has_sample;   /* the data is there: `sample` is filled, paths may still not exist */
    fm_sample sample;  /* valid until the next call */
} fm_view_sample;

FM_MUST_CHECK fm_status fm_view_next(fm_view *view, fm_view_sample *out, bool *more, fm_err *err);
/* The same without the data: its line alone. Not to be mixed with fm_view_next() but for a rewind
 * between them. */
FM_MUST_CHECK fm_status fm_view_next_line(fm_view *view, const cJSON **line, bool *more,
                                          fm_err *err);
/* From here on lines hold these members alone, and so do the objects in them (fm_json_pick; borrowed,
 * ends with NULL, NULL for everything again): what a reply is long in need not be read for its
 * metrics. `id` must be among them. */
void fm_view_only(fm_view *view, const char *const *members);
FM_MUST_CHECK fm_status fm_view_rewind(fm_view *view, fm_err *err);

/* The protocols under which the run directory holds results: names in the arena, the run's own
 * first. */
FM_MUST_CHECK fm_status fm_view_protocols(const char *run_dir, fm_arena *arena, const char ***names,
                                          size_t *n, fm_err *err);

#endif
