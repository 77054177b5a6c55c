/* The run directory as a folder: its file names, its lock, and who may write into it. */
#ifndef FM_CORE_RUNDIR_H
#define FM_CORE_RUNDIR_H

#include "base/files.h"

typedef struct {
    char path[FM_PATH_BYTES]; /* absolute */
    int lock_fd;              /* -1: not locked */
} fm_rundir;

/* Create the folder (a folder that holds other things than a run is refused) and lock it. */
FM_MUST_CHECK fm_status fm_rundir_create(fm_rundir *out, const char *path, fm_err *err);

/* Lock an existing run directory; FM_E_INPUT where there is no manifest.json. */
FM_MUST_CHECK fm_status fm_rundir_lock(fm_rundir *out, const char *path, fm_err *err);

/* Without a lock, for reading. */
FM_MUST_CHECK fm_status fm_rundir_open(fm_rundir *out, const char *path, fm_err *err);

void fm_rundir_release(fm_rundir *dir); /* accepts {0} with lock_fd -1 */

#define FM_RUNDIR_MANIFEST    "manifest.json"
#define FM_RUNDIR_REPLIES     "replies.jsonl"
#define FM_RUNDIR_ANNOTATIONS "annotations.jsonl"
#define FM_RUNDIR_JUDGEMENTS  "judgements.jsonl"
#define FM_RUNDIR_USAGE       "usage.json"
#define FM_RUNDIR_LOCK        "lock"

/* Full name of a file of the run. */
FM_MUST_CHECK fm_status fm_rundir_file(const fm_rundir *dir, const char *name,
                                       char out[FM_PATH_BYTES], fm_err *err);

/* "samples.jsonl" or "samples@<protocol>.jsonl"; stem is "samples" or "results". own: the run's
 * own protocol. */
FM_MUST_CHECK fm_status fm_rundir_graded(const fm_rundir *dir, const char *stem, const char *suffix,
                                         const char *protocol, bool own, char out[FM_PATH_BYTES],
                                         fm_err *err);

#endif
