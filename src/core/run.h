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

#include "core/cache.h"
#include "core/catalog.h"
#include "core/pace.h"
#include "core/selection.h"
#include "core/usage.h"

/* How far a run is; given to the caller's `progress` at least ten times a second while it asks, and
 * at the end. */
typedef struct {
    size_t done, total;        /* total 0: not known yet */
    size_t resumed;            /* of done: found in the journal at the start */
    size_t by_outcome[4];      /* fm_outcome, of this session's samples */
    size_t in_flight, waiting; /* sent; waiting to be asked again */
    size_t attempts, cached;   /* of this session: replies that came, those from the cache */
    int concurrency;           /* what the pace allows now */
    double paused_s;           /* until the provider may be asked again; 0: now */
    double cost;               /* of the whole run so far; NaN: no prices known */
    double elapsed_s;
    char
        error[FM_ERR_TEXT_BYTES]; /* why the last sample that ended in an error did; "": none did */
} fm_run_progress;

/* Money for a million tokens; all zero: not known. */
typedef struct {
    double input, cached_input, output;
} fm_prices;

/* Samples that may end errored before the run gives up. */
typedef struct {
    enum { FM_ERRORS_ANY, FM_ERRORS_COUNT, FM_ERRORS_SHARE } kind;
    double most; /* a count, or a share of the run's total in [0, 1] */
} fm_error_budget;

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
    double connect_timeout_s;
    const char *answers;     /* "tuples", "json", "xyz", NULL: the task's default */
    const char *prompt_path; /* a template in place of the suite's (core/prompt.h); NULL: none */
    uint64_t frames;         /* of a video show so many; 0: as the suite says */
    fm_selection selection;
    int jobs; /* grading threads; 0: as many as processors */

    fm_pace_limits pace;
    fm_prices prices;
    fm_error_budget max_errors;
    double max_cost; /* 0: no bound; needs prices */
    fm_cache *cache; /* NULL: none */
    bool cache_sampled;
    const char *record_path, *replay_path; /* cassettes; NULL: none */

    void (*progress)(void *context, const fm_run_progress *progress); /* may be NULL */
    void (*notice)(void *context, const char *text); /* one line worth telling; may be NULL */
    /* Before anything is asked, where the adapter takes long to open: so many bytes are ready of so many;
     * may be NULL. */
    void (*opening)(void *context, uint64_t done_bytes, uint64_t all_bytes);
    void *context;
    const volatile sig_atomic_t
        *stop; /* nonzero: stop asking, save, FM_E_INTERRUPTED; may be NULL */
} fm_run_options;

/* What asking would take: nothing is sent and nothing written. */
typedef struct {
    size_t samples, settled; /* of the selection; of them answered already in out_dir */
    size_t cached;           /* of the rest: in the response cache */
    size_t requests;         /* that would be sent */
    bool known;              /* the adapter can tell what follows */
    uint64_t request_bytes;
    uint64_t input_tokens, output_tokens; /* estimates; output: the most that the settings allow */
    double cost_low, cost_high; /* without any output, with the most of it; NaN: no prices */
} fm_run_estimate;
FM_MUST_CHECK fm_status fm_run_dry(const fm_catalog *catalog, const fm_run_options *options,
                                   fm_run_estimate *out, fm_err *err);

/* Join the run directories of the shards of one run into out_dir and grade it. Their manifests must
 * be equal but for the shard; every shard must be there exactly once, unless `partial`. options:
 * out_dir, data_dir, jobs, notice. */
FM_MUST_CHECK fm_status fm_run_merge(const fm_catalog *catalog, const char *const *run_dirs,
                                     size_t n, bool partial, const fm_run_options *options,
                                     fm_err *err);

/* Ask what is not in the journal yet, then grade everything. FM_E_INCOMPLETE where the error budget,
 * the cost cap or the provider's quota ended it, FM_E_INTERRUPTED where the user did: what was
 * answered is safe, and the same call goes on from there. */
FM_MUST_CHECK fm_status fm_run_execute(const fm_catalog *catalog, const fm_run_options *options,
                                       fm_err *err);

/* Grade a run directory again: under each of the named protocols of its task, or under its own
 * (n 0). An unknown name is FM_E_USAGE before anything is graded. */
FM_MUST_CHECK fm_status fm_run_score(const fm_catalog *catalog, const char *run_dir,
                                     const char *const *protocols, size_t n,
                                     const fm_run_options *options, fm_err *err);

/* Every protocol of the run's task, its own first: names in the arena. */
FM_MUST_CHECK fm_status fm_run_protocols(const fm_catalog *catalog, const char *run_dir,
                                         fm_arena *arena, const char *const **names, size_t *n,
                                         fm_err *err);

/* Make a run directory from somebody else's replies (upstream records, or a journal of ours) and
 * grade it. options: target, data_dir, out_dir, answers, jobs, notice. */
FM_MUST_CHECK fm_status fm_run_import(const fm_catalog *catalog, const char *predictions_path,
                                      const fm_run_options *options, fm_err *err);

#endif
