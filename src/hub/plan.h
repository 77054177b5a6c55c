/**
 * The data of a suite, file by file: what it is made of, as the hub lists it or as it was listed when
 * it was fetched; what of that is here; and the folder in which a loader finds it.
 *
 * A data set alone is used where the cache has it: its snapshot is the data folder. What several
 * sources make, or one with a `folder`, is joined in a folder of this program's, by hard links to the
 * blobs of the cache. One thread.
 */
#ifndef FM_HUB_PLAN_H
#define FM_HUB_PLAN_H

#include "hub/listing.h"
#include "hub/sources.h"
#include "hub/store.h"
#include "hub/talk.h"

typedef enum {
    FM_HUB_MISSING,
    FM_HUB_STORED,  /* in the cache, and not in the data folder yet */
    FM_HUB_PRESENT, /* in the data folder, with the right size */
    FM_HUB_DAMAGED, /* there, with another size or another hash */
} fm_hub_state;

typedef struct {
    const char *name; /* in the data folder */
    const char *path; /* in the data set; of a URL, its file's name */
    const char
        *hash; /* of what is in it, and the name of its blob; NULL: another program has left it
                         here, and not as a link to a blob */
    uint64_t size_bytes;
    size_t source; /* index in the plan's sources */
    bool wanted;   /* fm_hub_plan_want() */
    fm_hub_state state;
    uint64_t partial_bytes; /* of one that is to come: what came so far */
} fm_hub_file;

typedef struct {
    const fm_hub_settings *settings;
    const char *suite; /* its name */
    fm_hub_sources sources;
    fm_hub_store stores[FM_HUB_MAX_SOURCES];
    fm_hub_info infos[FM_HUB_MAX_SOURCES]; /* of those that are data sets */
    fm_hub_file *files;                    /* by source, then by name */
    size_t n;
    char folder[FM_PATH_BYTES]; /* the data folder, there or not */
    bool joined;                /* it is one of this program's */
    fm_arena arena;
} fm_hub_plan;

/* Read the mapping (JSON text; `place` begins messages about it). Settings and strings are borrowed.
 */
FM_MUST_CHECK fm_status fm_hub_plan_begin(fm_hub_plan *out, const fm_hub_settings *settings,
                                          const char *suite, const char *mapping, const char *place,
                                          fm_err *err);
void fm_hub_plan_release(fm_hub_plan *plan); /* accepts {0} */

/* List the files: as the hub has them now (a branch is what it is now), or as they were when they
 * were fetched, by this program or by another one; *known false: nothing of it is here. */
FM_MUST_CHECK fm_status fm_hub_plan_ask(fm_hub_plan *plan, fm_hub *hub, fm_err *err);
FM_MUST_CHECK fm_status fm_hub_plan_recall(fm_hub_plan *plan, bool *known, fm_err *err);
/* Keep a list that was asked for, for fm_hub_plan_recall(), and the commits of branches. */
FM_MUST_CHECK fm_status fm_hub_plan_save(const fm_hub_plan *plan, fm_err *err);

/* Which files are wanted: those of one task, where `own` has the patterns of its files and `others`
 * those of other tasks (a file that only others name is left out), and of them those that fit one of
 * `only`. Lists that are empty leave nothing out; every file is wanted at first. */
typedef struct {
    const char *const *own, *const *others, *const *only;
    size_t n_own, n_others, n_only;
} fm_hub_scope;
void fm_hub_plan_want(fm_hub_plan *plan, const fm_hub_scope *scope);

/* Set the states: by size, or (verify) by hash as well, with `jobs` threads. */
FM_MUST_CHECK fm_status fm_hub_plan_look(fm_hub_plan *plan, bool verify, int jobs, fm_err *err);

/* Put a file of which the blob is in the cache into the data folder. */
FM_MUST_CHECK fm_status fm_hub_plan_put(const fm_hub_plan *plan, const fm_hub_file *file,
                                        fm_err *err);

/* Sums over the wanted files. */
typedef struct {
    size_t files, here, damaged; /* here: stored or present */
    uint64_t bytes, here_bytes, partial_bytes;
} fm_hub_totals;
fm_hub_totals fm_hub_plan_totals(const fm_hub_plan *plan);

#endif
