/**
 * A run is a directory: manifest.json, replies.jsonl (the journal), samples.jsonl, results.json.
 * docs/run-directory.md has the schemas. This is what the commands `run` and `score` call; grading
 * is a pure function of manifest, journal and data.
 *
 * A second protocol over the same replies stands beside the first: samples@<protocol>.jsonl,
 * results@<protocol>.json. One process at a time works on a run directory (FM_E_LOCKED otherwise).
 */
#ifndef FM_CORE_RUN_H
#define FM_CORE_RUN_H

#include <signal.h>

#include "core/catalog.h"

/* How far a run is; given to the caller's `progress` after each sample and at the end. */
typedef struct {
    size_t done, total;   /* total 0: not known yet */
    size_t resumed;       /* of done: found in the journal at the start */
    size_t by_outcome[4]; /* fm_outcome, of this session's replies */
    double elapsed_s;
} fm_run_progress;

typedef struct {
    const char *target; /* "suite-or-task[@protocol]" */
    const char
        *data_dir; /* NULL: the suite's generator, or FM_E_USAGE that says where to get the data */
    const char *out_dir; /* created; resumed where it holds the same run, else refused */
    const char *adapter;
    const fm_setting *settings;
    size_t n_settings;
    uint64_t seed;
    double timeout_s;
    const char *answers; /* "tuples", "json", NULL: the task's default */
    size_t limit;        /* only the first N samples; 0: all */
    int jobs;            /* grading threads; 0: as many as processors */

    void (*progress)(void *context, const fm_run_progress *progress); /* may be NULL */
    void (*notice)(void *context, const char *text); /* one line worth telling; may be NULL */
    void *context;
    const volatile sig_atomic_t
        *stop; /* nonzero: stop asking, save, FM_E_INTERRUPTED; may be NULL */
} fm_run_options;

/* Ask what is not in the journal yet, then grade everything. */
FM_MUST_CHECK fm_status fm_run_execute(const fm_catalog *catalog, const fm_run_options *options,
                                       fm_err *err);

/* Grade a run directory again, under its own protocol (protocol NULL) or another one. */
FM_MUST_CHECK fm_status fm_run_score(const fm_catalog *catalog, const char *run_dir,
                                     const char *protocol, const fm_run_options *options,
                                     fm_err *err);

/* Make a run directory from somebody else's replies (upstream records, or a journal of ours) and
 * grade it. options: target, data_dir, out_dir, answers, jobs, notice. */
FM_MUST_CHECK fm_status fm_run_import(const fm_catalog *catalog, const char *predictions_path,
                                      const fm_run_options *options, fm_err *err);

#endif
