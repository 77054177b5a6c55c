/* Work spread over threads, with results that do not depend on how many there are. */
#ifndef FM_BASE_THREADS_H
#define FM_BASE_THREADS_H

#include "fathom/status.h"

/* Processors that this process may use, at least 1: affinity and the share of time that cgroup v2 leaves
 * it, rounded up. */
int fm_threads_available(void);

/* The least share that `cpu.max` of the cgroup "<root><own>" (own: "/a/b") and of those above it allows,
 * in whole processors, rounded up; 0: no limit, or none that can be read. */
int fm_threads_allowed(const char *root, const char *own);

/**
 * Call work(context, index, worker) once for every index below n, on up to `jobs` threads (the
 * caller's included). Indices are handed out in order; worker is 0 .. jobs-1 and tells whose
 * scratch to use. The first failure by index order wins: its status and message are returned, later
 * indices may be left out. jobs < 1 counts as 1.
 */
typedef fm_status (*fm_work)(void *context, size_t index, int worker, fm_err *err);
FM_MUST_CHECK fm_status fm_parallel_for(size_t n, int jobs, fm_work work, void *context,
                                        fm_err *err);

#endif
