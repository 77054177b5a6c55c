/**
 * A folder that appears whole or not at all: it is filled under a name beside its own and renamed when
 * everything is on the disk. One thread at a time.
 */
#ifndef FM_BASE_STAGING_H
#define FM_BASE_STAGING_H

#include "base/files.h"

/* Start it as {0}. */
typedef struct {
    char path[FM_PATH_BYTES];   /* what it will be called, without a slash at its end */
    char folder[FM_PATH_BYTES]; /* where to write until then; "" before begin and after the end */
} fm_staging;

/* Is there anything at this path that a folder would bury? An empty folder is not. */
bool fm_path_is_occupied(const char *path);

/* Make the folder. FM_E_USAGE where the path is occupied or no name for a folder, else FM_E_IO. */
FM_MUST_CHECK fm_status fm_staging_begin(fm_staging *staging, const char *path, fm_err *err);
/* Sync and rename. FM_E_USAGE where the path has been occupied in the meantime; what was written is
 * still there then and after FM_E_IO, until it is abandoned. */
FM_MUST_CHECK fm_status fm_staging_commit(fm_staging *staging, fm_err *err);
/* Remove what was written; after commit, and of {0}, nothing. */
void fm_staging_abandon(fm_staging *staging);

#endif
