/**
 * The engine's threads: started once, woken for each piece of work, parked in between. They spin for
 * some tens of microseconds before they sleep, so that the hundred small products of one token do
 * not pay for a hundred wake-ups, and sleep so that a core that others want is not held. Pieces are
 * taken by who is free: a thread that does not get its core is not waited for.
 */
#ifndef RT_ENGINE_POOL_H
#define RT_ENGINE_POOL_H

#include "fathom/status.h"

typedef struct rt_pool rt_pool;

/* threads: the caller's included; 0: as many as this process may use (affinity and cgroup). */
FM_MUST_CHECK fm_status rt_pool_new(rt_pool **out, int threads, fm_err *err);
void rt_pool_free(rt_pool *pool); /* accepts NULL */
int rt_pool_threads(const rt_pool *pool);

/* Call part(context, begin, end, thread) so that [0, n) is covered once, in pieces of whole multiples
 * of `grain` (the last may be short), and wait. Which thread does which piece is not fixed; what a
 * piece computes must not depend on it. From within a part all of it is one piece of that part's thread; of
 * two threads that call at once one waits for the other. */
typedef void (*rt_part)(void *context, size_t begin, size_t end, int thread);
void rt_pool_run(rt_pool *pool, size_t n, size_t grain, rt_part part, void *context);

#endif
