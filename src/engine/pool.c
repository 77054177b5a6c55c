/* Owns the threads and how they wait. What they compute is the caller's. */
#include "engine/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/threads.h"

/* About 30 us of looking before sleeping: longer than the pause between two products of one token,
 * shorter than anything that somebody else on this core would miss. */
enum { SPINS = 2000, MOST_THREADS = 256, PIECES_A_THREAD = 4 };

struct rt_pool {
    int n_threads; /* the caller's included */
    pthread_t *threads;
    int n_started;

    /* One piece of work: written before `round` is raised, read after it was seen to have risen. */
    rt_part part;
    void *context;
    size_t n, piece;
    atomic_size_t next;
    atomic_uint round;
    atomic_int busy; /* workers that have not finished this round */

    pthread_mutex_t lock;
    pthread_cond_t begun, ended;
    atomic_int sleepers;
    bool stop;
};

typedef struct {
    rt_pool *pool;
    int index;
} worker;

static void pause_a_moment(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_pieces(rt_pool *pool, int thread)
{
    for (;;) {
        size_t begin = atomic_fetch_add_explicit(&pool->next, pool->piece, memory_order_relaxed);

        if (begin >= pool->n)
            return;
        size_t end = pool->n - begin < pool->piece ? pool->n : begin + pool->piece;
        pool->part(pool->context, begin, end, thread);
    }
}

/* The round after `seen`: looked for a while, then slept for. */
static unsigned wait_for_round(rt_pool *pool, unsigned seen)
{
    for (int i = 0; i < SPINS; i++) {
        unsigned round = atomic_load_explicit(&pool->round, memory_order_acquire);

        if (round != seen)
            return round;
        pause_a_moment();
    }
    pthread_mutex_lock(&pool->lock);
    /* Counted before looking again, as rt_pool_run() raises the round before it looks for sleepers:
     * one of the two sees the other. */
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->round) == seen)
        pthread_cond_wait(&pool->begun, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    unsigned round = atomic_load(&pool->round);
    pthread_mutex_unlock(&pool->lock);
    return round;
}

static void *work(void *argument)
{
    worker self = *(worker *)argument;
    rt_pool *pool = self.pool;
    unsigned seen = 0;

    free(argument);
    for (;;) {
        seen = wait_for_round(pool, seen);
        if (pool->stop)
            return NULL;
        take_pieces(pool, self.index);
        if (atomic_fetch_sub(&pool->busy, 1) == 1) {
            /* The lock is taken so that the signal cannot fall between the caller's look and its sleep. */
            pthread_mutex_lock(&pool->lock);
            pthread_cond_signal(&pool->ended);
            pthread_mutex_unlock(&pool->lock);
        }
    }
}

static void begin_round(rt_pool *pool)
{
    atomic_fetch_add(&pool->round, 1);
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->begun);
        pthread_mutex_unlock(&pool->lock);
    }
}

static void wait_for_end(rt_pool *pool)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&pool->busy) == 0)
            return;
        pause_a_moment();
    }
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->busy) > 0)
        pthread_cond_wait(&pool->ended, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

void rt_pool_run(rt_pool *pool, size_t n, size_t grain, rt_part part, void *context)
{
    size_t pieces = (size_t)pool->n_threads * PIECES_A_THREAD;
    size_t grains = (n + grain - 1) / grain;

    if (n == 0)
        return;
    if (pool->n_threads == 1 || grains == 1) {
        part(context, 0, n, 0);
        return;
    }
    pool->part = part;
    pool->context = context;
    pool->n = n;
    pool->piece = (grains + pieces - 1) / pieces * grain;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_store(&pool->busy, pool->n_threads - 1);
    begin_round(pool);
    take_pieces(pool, 0);
    wait_for_end(pool);
}

int rt_pool_threads(const rt_pool *pool)
{
    return pool->n_threads;
}

static bool start_worker(rt_pool *pool, int index)
{
    worker *self = malloc(sizeof(*self));

    if (!self)
        return false;
    *self = (worker){pool, index};
    if (pthread_create(&pool->threads[index - 1], NULL, work, self) != 0) {
        free(self);
        return false;
    }
    pool->n_started++;
    return true;
}

fm_status rt_pool_new(rt_pool **out, int threads, fm_err *err)
{
    rt_pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return fm_fail(err, FM_E_NOMEM, "no memory for the engine's threads");
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->begun, NULL);
    pthread_cond_init(&pool->ended, NULL);
    pool->n_threads = threads > 0 ? threads : fm_threads_available();
    if (pool->n_threads > MOST_THREADS)
        pool->n_threads = MOST_THREADS;
    pool->threads = calloc((size_t)pool->n_threads, sizeof(*pool->threads));
    for (int i = 1; pool->threads && i < pool->n_threads; i++)
        if (!start_worker(pool, i))
            break;
    if (!pool->threads || pool->n_started != pool->n_threads - 1) {
        rt_pool_free(pool);
        return fm_fail(err, FM_E_NOMEM, "the engine's threads cannot be started");
    }
    *out = pool;
    return FM_OK;
}

void rt_pool_free(rt_pool *pool)
{
    if (!pool)
        return;
    pool->stop = true;
    begin_round(pool);
    for (int i = 0; i < pool->n_started; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->ended);
    pthread_cond_destroy(&pool->begun);
    pthread_mutex_destroy(&pool->lock);
    free(pool->threads);
    free(pool);
}
