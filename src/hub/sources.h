/**
 * Where the data of a suite comes from: the mapping `hub` of suite.yaml, read and checked
 * (docs/adding-a-suite.md has its keys).
 *
 * A source is a data set of the hub, of which the files that fit the patterns are wanted, or one
 * file at a URL with its size and SHA-256. Pure.
 */
#ifndef FM_HUB_SOURCES_H
#define FM_HUB_SOURCES_H

#include "base/arena.h"
#include "base/hash.h"
#include "fathom/status.h"

#define FM_HUB_MAX_SOURCES  8
#define FM_HUB_MAX_PATTERNS 64

typedef struct {
    const char *repository; /* "org/name"; NULL: a file at `url` */
    const char *revision;   /* branch, tag or commit */
    const char *files[FM_HUB_MAX_PATTERNS];
    size_t n_files;
    const char *url, *sha256; /* NULL where `repository` is not */
    const char *name;         /* of the file at `url`, in the data folder */
    uint64_t size_bytes;      /* of it */
    const char *folder;       /* of its files in the data folder; NULL: the data folder itself */
} fm_hub_source;

typedef struct {
    fm_hub_source items[FM_HUB_MAX_SOURCES];
    size_t n;
    const char *by_hand;          /* what cannot be fetched, and what to do about it; or NULL */
    char key[FM_HASH_TEXT_BYTES]; /* of the mapping: another one is another set of data */
} fm_hub_sources;

/* `mapping` is JSON text; strings live in the arena. FM_E_INPUT begins with `place`. */
FM_MUST_CHECK fm_status fm_hub_sources_read(fm_hub_sources *out, const char *mapping,
                                            const char *place, fm_arena *arena, fm_err *err);

/* Whether a name fits a pattern: * and ? do not pass a slash, and a pattern that ends with a slash
 * takes everything below that folder. */
bool fm_hub_matches(const char *pattern, const char *name);

#endif
