/* Work spread over threads, with results that do not depend on how many there are. */
#ifndef FM_BASE_THREADS_H
#define FM_BASE_THREADS_H

#include "fathom/status.h"

/* Processors that this process may use (affinity respected), at least 1. */
int fm_threads_available(void);

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
