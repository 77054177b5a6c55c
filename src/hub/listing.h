/**
 * What the hub says about a data set: its commit, licence and terms, and page by page its files.
 * Pure: bytes of replies in, checked records out.
 */
#ifndef FM_HUB_LISTING_H
#define FM_HUB_LISTING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "fathom/status.h"

#define FM_HUB_COMMIT_BYTES 41
#define FM_HUB_MAX_FILES    200000

/* GET /api/datasets/<repository>/revision/<revision> */
typedef struct {
    char commit[FM_HUB_COMMIT_BYTES]; /* 40 digits */
    const char *licence;              /* "apache-2.0"; NULL: it states none */
    bool gated;                       /* its terms have to be accepted on its page */
} fm_hub_info;
FM_MUST_CHECK fm_status fm_hub_info_read(fm_hub_info *out, const char *body, size_t size,
                                         const char *name, fm_arena *arena, fm_err *err);

/* GET /api/datasets/<repository>/tree/<commit>?recursive=1 */
typedef struct {
    const char *path; /* below the data set, never out of it */
    const char *hash; /* SHA-256 (64 digits) of a file kept by LFS, else git's name of it (40) */
    uint64_t size;
} fm_hub_entry;
/* Adds the files of a page for which wanted(context, path) is true, at the end of a list that grows
 * in the arena. FM_E_INPUT names `name` and the entry that is malformed, would leave its folder, or
 * is one too many. */
typedef struct {
    fm_hub_entry *items;
    size_t n, capacity;
    size_t seen; /* entries of all pages */
} fm_hub_listing;
FM_MUST_CHECK fm_status fm_hub_listing_add(fm_hub_listing *listing, const char *body, size_t size,
                                           const char *name,
                                           bool (*wanted)(const void *context, const char *path),
                                           const void *context, fm_arena *arena, fm_err *err);

/* One file more, unchecked; path and hash (NULL: not known) are copied. */
FM_MUST_CHECK fm_status fm_hub_listing_put(fm_hub_listing *listing, const char *path,
                                           const char *hash, uint64_t size, fm_arena *arena,
                                           fm_err *err);

/* The address of the next page in the value of a header Link (RFC 8288), in the arena; NULL: there
 * is none, or (arena->failed) no memory. */
const char *fm_hub_next_page(const char *link, fm_arena *arena);

/* Whether it is one of the two kinds of hash, in lower-case digits. */
bool fm_hub_is_hash(const char *text);
bool fm_hub_is_commit(const char *text);

#endif
