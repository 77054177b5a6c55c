/**
 * Which samples of a suite a run is about, and in which order they are asked: filters, a shard,
 * a shuffle, a limit, repeats.
 *
 * In this order: the filters leave samples out; the shard keeps those whose id falls into it; the
 * shuffle orders what is left by its seed; the limit keeps the first N; each of them is asked
 * `repeat` times. A sample's k-th repeat (k >= 2) has the id "<id>#k", its first the id itself, so
 * that a reply is found by id alone. Samples are streamed from the loader: memory does not grow
 * with their number but for a few bytes each. One thread a walk.
 */
#ifndef FM_CORE_SELECTION_H
#define FM_CORE_SELECTION_H

#include "base/arena.h"
#include "base/json.h"
#include "fathom/suite.h"

#define FM_MAX_FILTERS 16

/* Strings are borrowed. */
typedef struct {
    const char *filters[FM_MAX_FILTERS]; /* "category=outdoor*", "id!=7", "steps>=3" */
    size_t n_filters;
    int shard, shards; /* 0-based, of how many; shards 0: not sharded */
    bool shuffle;
    uint64_t shuffle_seed;
    uint64_t limit; /* 0: all */
    int repeat;     /* 0 counts as 1 */
} fm_selection;

/* FM_E_USAGE: a filter that is none, a shard outside its range, ... */
FM_MUST_CHECK fm_status fm_selection_check(const fm_selection *selection, fm_err *err);

/* The shard of an id: the first eight bytes of its SHA-256 as a big-endian number, modulo shards. */
int fm_shard_of(const char *id, int shards);

/* "i/n" (0-based i), or from SLURM_ARRAY_TASK_ID with SLURM_ARRAY_TASK_COUNT (and _MIN), or from
 * JOB_COMPLETION_INDEX with JOB_COMPLETIONS where `text` is NULL; neither: not sharded. *source says
 * where it came from, for a notice. */
FM_MUST_CHECK fm_status fm_shard_read(const char *text, fm_selection *out, const char **source,
                                      fm_err *err);

/* As members of the manifest's object "selection", and back (strings into the arena). */
void fm_selection_put(const fm_selection *selection, fm_json_writer *w);
FM_MUST_CHECK fm_status fm_selection_get(const cJSON *object, const char *place, fm_arena *arena,
                                         fm_selection *out, fm_err *err);
bool fm_selection_equal(const fm_selection *a, const fm_selection *b);

typedef struct {
    const fm_sample *sample; /* its id is the one of this asking, "#k" included */
    const char *base_id;     /* as in the data */
    int repeat;              /* 1, 2, ... */
} fm_selected;

typedef enum {
    FM_WALK_SUITE, /* in the data's order, repeats of a sample together: how samples are graded */
    FM_WALK_ASK,   /* in the order of asking: the shuffle's, all first askings before the second */
} fm_walk_order;

/* A walk over the selected samples. The loader's state is opened by `open_loader`, possibly more
 * than once; ids that come twice in the data are FM_E_INPUT. */
typedef struct fm_walk fm_walk;
typedef fm_status (*fm_walk_opener)(void *context, void **loader, fm_err *err);
FM_MUST_CHECK fm_status fm_walk_open(fm_walk **out, const fm_selection *selection,
                                     const fm_loader_ops *loader, fm_walk_opener open_loader,
                                     void *context, fm_walk_order order, const char *data_dir,
                                     fm_err *err);
size_t fm_walk_total(const fm_walk *walk); /* askings: samples x repeat */
/* *out lives until the next call. */
FM_MUST_CHECK fm_status fm_walk_next(fm_walk *walk, fm_selected *out, bool *more, fm_err *err);
void fm_walk_close(fm_walk *walk); /* accepts NULL */

#endif
