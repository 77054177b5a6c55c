/**
 * The response cache: replies of models by what determined them (fm_estimate.key), shared by all
 * runs of a user. A folder with one small file a reply, written by rename, so that any number of
 * processes may use it at once; nothing in it is needed, everything in it may be removed at any time.
 *
 * It never holds errors, and replies that were drawn (fm_estimate.sampled) only when asked to. A file
 * that does not hold what its name and its own checksum say is not used.
 */
#ifndef FM_CORE_CACHE_H
#define FM_CORE_CACHE_H

#include "base/arena.h"
#include "fathom/adapter.h"

typedef struct fm_cache fm_cache;

/* `dir` is made when there is something to keep. A folder that cannot be written costs the keeping,
 * never a run: `notice` (may be NULL) is told of it once. One thread. */
FM_MUST_CHECK fm_status fm_cache_open(fm_cache **out, const char *dir,
                                      void (*notice)(void *context, const char *text),
                                      void *context, fm_err *err);
void fm_cache_close(fm_cache *cache); /* accepts NULL */

/* The reply under a key (fm_estimate.key), its bytes in `arena`, `cached` set. What is no reply of
 * this key counts as absent. Fails with FM_E_NOMEM only. */
FM_MUST_CHECK fm_status fm_cache_find(fm_cache *cache, const char *key, fm_arena *arena,
                                      fm_reply *out, bool *found, fm_err *err);
bool fm_cache_holds(const fm_cache *cache, const char *key); /* a file is there; not looked into */

/* Keep a reply of status ok, truncated or refused; of any other status nothing is kept. */
void fm_cache_keep(fm_cache *cache, const char *key, const fm_reply *reply);

/* Wrap an adapter: requests whose reply is there are answered without it, replies that may be kept
 * are kept. Closing the wrapper closes `inner`; the cache stays the caller's. FM_E_USAGE where the
 * adapter cannot estimate. */
FM_MUST_CHECK fm_status fm_adapter_cached(fm_adapter **out, fm_adapter *inner, fm_cache *cache,
                                          bool keep_sampled, fm_err *err);

typedef struct {
    size_t entries, broken;
    uint64_t bytes;
    double oldest_s, newest_s; /* ages; 0 where there are none */
} fm_cache_report;

/* Count; read everything and compare checksums (removing what is broken when told to); remove what
 * was not used for max_age_s, then the longest unused until at most max_bytes are left (negative age,
 * UINT64_MAX: no bound). */
FM_MUST_CHECK fm_status fm_cache_stat(fm_cache *cache, fm_cache_report *out, fm_err *err);
FM_MUST_CHECK fm_status fm_cache_verify(fm_cache *cache, bool remove_broken, fm_cache_report *out,
                                        fm_err *err);
FM_MUST_CHECK fm_status fm_cache_prune(fm_cache *cache, double max_age_s, uint64_t max_bytes,
                                       fm_cache_report *removed, fm_err *err);

#endif
