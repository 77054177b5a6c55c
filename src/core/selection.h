/**
 * Which samples of a suite a run is about, and in which order they are asked: filters, a shuffle, a
 * limit, a shard, repeats.
 *
 * In this order: the filters leave samples out; the shuffle orders what is left by its seed; the
 * limit keeps the first N; the shard takes its part of these, so that the shards of a run together
 * are the run; each sample is asked `repeat` times. A sample's k-th asking (k >= 2) has the id
 * "<id>#k", its first the id itself, so that a reply is found by id alone. Samples are streamed from
 * the loader: memory does not grow with their number but for a few bytes each. One thread a walk.
 */
#ifndef FM_CORE_SELECTION_H
#define FM_CORE_SELECTION_H

#include "base/arena.h"
#include "base/json.h"
#include "fathom/suite.h"

#define FM_MAX_FILTERS 16
#define FM_MAX_REPEAT  1000
#define FM_MAX_SHARDS  1000000

/* Strings are borrowed. */
typedef struct {
    /* "category=outdoor*", "id!=7", "steps>=3": all of them must hold. Texts (id, category, target,
     * destination, instruction) are compared with = and != to a pattern of the shell's kind, steps
     * with = != < <= > >=. A text or number that the data does not state meets != alone. */
    const char *filters[FM_MAX_FILTERS];
    size_t n_filters;
    int shard, shards; /* 0-based, of how many; shards 0: not sharded */
    bool shuffle;
    uint64_t shuffle_seed;
    uint64_t limit; /* 0: all; counts samples, not askings */
    int repeat;     /* 0 counts as 1 */
} fm_selection;

/* FM_E_USAGE: a filter that is none, a shard outside its range, ... */
FM_MUST_CHECK fm_status fm_selection_check(const fm_selection *selection, fm_err *err);

int fm_selection_repeat(const fm_selection *selection); /* at least 1 */

/* The shard of an id: the first eight bytes of its SHA-256 as a big-endian number, modulo shards. */
int fm_shard_of(const char *id, int shards);

/* Sets shard and shards of *out from "i/n" (0-based i) or, where `text` is NULL, from
 * SLURM_ARRAY_TASK_ID with SLURM_ARRAY_TASK_COUNT, _MIN and _STEP, or from JOB_COMPLETION_INDEX with
 * JOB_COMPLETIONS; not sharded where there are none of them, and where n is 1. *source says where it
 * came from, for a notice; NULL: from nowhere. FM_E_USAGE where a variable stands without the others:
 * the whole run in every task of an array would be dear. */
FM_MUST_CHECK fm_status fm_shard_read(const char *text, fm_selection *out, const char **source,
                                      fm_err *err);

/* What is not default as members of the object that is open, and back (strings into the arena;
 * `object` may be NULL). */
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

/* What a pass over the data is for. */
typedef enum {
    FM_WALK_NAMES,   /* ids, and what filters look at */
    FM_WALK_SAMPLES, /* the samples themselves */
} fm_walk_use;

/* A walk over the selected samples, which alone are completed. The loader's state is opened by `open_loader`, possibly more
 * than once. FM_E_INPUT: an id that comes twice in the data, or that reads like a repeat of another;
 * FM_WALK_ASK finds it when it opens, FM_WALK_SUITE at the end at the latest. */
typedef struct fm_walk fm_walk;
typedef fm_status (*fm_walk_opener)(void *context, fm_walk_use use, void **loader, fm_err *err);
FM_MUST_CHECK fm_status fm_walk_open(fm_walk **out, const fm_selection *selection,
                                     const fm_loader_ops *loader, fm_walk_opener open_loader,
                                     void *context, fm_walk_order order, const char *data_dir,
                                     fm_err *err);
/* Askings: samples x repeat. 0 in FM_WALK_SUITE, which reads the data once and does not know. */
size_t fm_walk_total(const fm_walk *walk);
/* *out lives until the next call. */
FM_MUST_CHECK fm_status fm_walk_next(fm_walk *walk, fm_selected *out, bool *more, fm_err *err);
/* The same for FM_WALK_SUITE with *out in the caller's arena; the repeats of a sample share what its
 * first asking took from the arena of that call. */
FM_MUST_CHECK fm_status fm_walk_next_in(fm_walk *walk, fm_arena *arena, fm_selected *out,
                                        bool *more, fm_err *err);
void fm_walk_close(fm_walk *walk); /* accepts NULL */

#endif
