/**
 * Files on disk, named by what is in them: the cache that the hub's tools share, and one of the same
 * form for files from elsewhere.
 *
 *     <root>/datasets--org--name/blobs/<hash>                  the bytes
 *                               /blobs/<hash>.incomplete       what has come of them
 *                               /refs/<revision>               the commit, as text
 *                               /snapshots/<commit>/<path>     a relative link to a blob
 *     <root>/.locks/datasets--org--name/<hash>.lock            held (flock) while a blob comes
 *
 * One thread; other processes may work on the same folders, whatever wrote them.
 */
#ifndef FM_HUB_STORE_H
#define FM_HUB_STORE_H

#include "base/files.h"
#include "hub/listing.h"
#include "hub/settings.h"
#include "hub/sources.h"

typedef struct {
    char root[FM_PATH_BYTES];   /* of all stores of a kind */
    char folder[FM_PATH_BYTES]; /* of this one: blobs/, refs/ and snapshots/ are in it */
} fm_hub_store;
FM_MUST_CHECK fm_status fm_hub_store_of(fm_hub_store *out, const fm_hub_settings *settings,
                                        const fm_hub_source *source, fm_err *err);

/* Bytes of the blob; false: it is not there. *partial (may be NULL): bytes that came so far. */
bool fm_hub_store_has(const fm_hub_store *store, const char *hash, uint64_t *size,
                      uint64_t *partial);
FM_MUST_CHECK fm_status fm_hub_store_blob(const fm_hub_store *store, const char *hash,
                                          char out[FM_PATH_BYTES], fm_err *err);

/* The commit that a revision was when it was last asked for; false: nobody has asked. */
bool fm_hub_store_commit(const fm_hub_store *store, const char *revision,
                         char out[FM_HUB_COMMIT_BYTES]);
FM_MUST_CHECK fm_status fm_hub_store_set_commit(const fm_hub_store *store, const char *revision,
                                                const char *commit, fm_err *err);

FM_MUST_CHECK fm_status fm_hub_store_snapshot(const fm_hub_store *store, const char *commit,
                                              char out[FM_PATH_BYTES], fm_err *err);
/* Make <snapshot>/<path> a link to the blob; right ones stay. A link to a folder that stands in the
 * way of the path is refused. */
FM_MUST_CHECK fm_status fm_hub_store_link(const fm_hub_store *store, const char *commit,
                                          const char *path, const char *hash, fm_err *err);

/* A blob on its way: its file is open for writing behind what has come. */
typedef struct {
    char path[FM_PATH_BYTES]; /* of <hash>.incomplete */
    char blob[FM_PATH_BYTES];
    int fd, lock_fd; /* -1: not open */
    uint64_t size;   /* what is there */
} fm_hub_part;

typedef enum {
    FM_HUB_PART_OPEN,
    FM_HUB_PART_BUSY,  /* another process is at it; nothing is open */
    FM_HUB_PART_THERE, /* the blob is there, with that size; nothing is open */
} fm_hub_part_state;
FM_MUST_CHECK fm_status fm_hub_part_open(fm_hub_part *part, const fm_hub_store *store,
                                         const char *hash, uint64_t size_bytes,
                                         fm_hub_part_state *state, fm_err *err);
/* Give the part its name; it is whole and was checked. */
FM_MUST_CHECK fm_status fm_hub_part_finish(fm_hub_part *part, fm_err *err);
void fm_hub_part_close(fm_hub_part *part); /* what has come stays; accepts a closed one */

#endif
