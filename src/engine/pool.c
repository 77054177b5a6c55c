/* Owns the threads and how they wait. What they compute is the caller's. */
#include "engine/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/threads.h"

/* About 30 us of looking before sleeping: longer than the pause between two products of one token,
 * shorter than anything that somebody else on this core would miss. A thread whose core is taken does
 * fewer pieces than the others: eight for each leave room for that. */
enum { SPINS = 2000, MOST_THREADS = 256, PIECES_A_THREAD = 8 };

struct rt_pool {
    int n_threads; /* the caller's included */
    pthread_t *threads;
    int n_started;

    /* One piece of work: written while no piece of the last one is left, read by who holds a piece. */
    rt_part part;
    void *context;
    size_t n, piece, pieces;
    /* The number of the round in the high half, pieces that nobody has taken yet in the low one: a
     * piece is taken only from the round that one looked at, so that a thread which comes too late
     * finds nothing to do, and nobody waits for it. */
    _Atomic uint64_t open;
    atomic_size_t unfinished; /* pieces */

    pthread_mutex_t lock;
    pthread_cond_t begun, ended;
    atomic_int sleepers;
    atomic_bool caller_sleeps, stop;
    pthread_mutex_t caller; /* held by the one that runs */
};

/* The pool whose part this thread is in, and as which of its threads. */
static _Thread_local struct {
    const rt_pool *pool;
    int thread;
} within;

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

static uint32_t round_of(uint64_t open)
{
    return (uint32_t)(open >> 32);
}

/* After the last piece: the caller may be asleep. Looked at after the count was brought down, as the
 * caller says so before it looks at the count: one of the two sees the other. */
static void finish_piece(rt_pool *pool)
{
    if (atomic_fetch_sub(&pool->unfinished, 1) != 1 || !atomic_load(&pool->caller_sleeps))
        return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_signal(&pool->ended);
    pthread_mutex_unlock(&pool->lock);
}

static void do_part(rt_pool *pool, size_t begin, size_t end, int thread)
{
    const rt_pool *outer = within.pool;
    int outer_thread = within.thread;

    within.pool = pool;
    within.thread = thread;
    pool->part(pool->context, begin, end, thread);
    within.pool = outer;
    within.thread = outer_thread;
}

/* Until none is left or another round has begun; gives back the round that it saw last. */
static uint32_t take_pieces(rt_pool *pool, int thread)
{
    uint64_t open = atomic_load(&pool->open);
    uint32_t round = round_of(open);

    while (round_of(open) == round && (uint32_t)open > 0) {
        if (!atomic_compare_exchange_weak(&pool->open, &open, open - 1))
            continue;
        size_t begin = (pool->pieces - (uint32_t)open) * pool->piece;
        size_t end = pool->n - begin < pool->piece ? pool->n : begin + pool->piece;
        do_part(pool, begin, end, thread);
        finish_piece(pool);
        open = atomic_load(&pool->open);
    }
    return round;
}

/* Until there is a round after `seen`: looked for a while, then slept for. */
static void wait_for_round(rt_pool *pool, uint32_t seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (round_of(atomic_load_explicit(&pool->open, memory_order_acquire)) != seen)
            return;
        pause_a_moment();
    }
    pthread_mutex_lock(&pool->lock);
    /* Counted before looking again, as begin_round() opens the round before it looks for sleepers. */
    atomic_fetch_add(&pool->sleepers, 1);
    while (round_of(atomic_load(&pool->open)) == seen)
        pthread_cond_wait(&pool->begun, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void *work(void *argument)
{
    worker self = *(worker *)argument;
    uint32_t seen = 0;

    free(argument);
    /* Asked after the pieces: while it came to them, the round that it had waited for may have been
     * followed by the last one, which has none and which nobody would wake it from. */
    while (!atomic_load(&self.pool->stop)) {
        wait_for_round(self.pool, seen);
        seen = take_pieces(self.pool, self.index);
    }
    return NULL;
}

static void begin_round(rt_pool *pool, uint32_t pieces)
{
    uint64_t round = (uint64_t)round_of(atomic_load(&pool->open)) + 1;

    atomic_store(&pool->open, round << 32 | pieces);
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->begun);
        pthread_mutex_unlock(&pool->lock);
    }
}

static void wait_for_end(rt_pool *pool)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&pool->unfinished) == 0)
            return;
        pause_a_moment();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->caller_sleeps, true);
    while (atomic_load(&pool->unfinished) > 0)
        pthread_cond_wait(&pool->ended, &pool->lock);
    atomic_store(&pool->caller_sleeps, false);
    pthread_mutex_unlock(&pool->lock);
}

void rt_pool_run(rt_pool *pool, size_t n, size_t grain, rt_part part, void *context)
{
    size_t most = (size_t)pool->n_threads * PIECES_A_THREAD;
    size_t grains = n / grain + (n % grain != 0);

    if (n == 0)
        return;
    /* The threads are at the part that this is called from. */
    if (within.pool == pool) {
        part(context, 0, n, within.thread);
        return;
    }
    pthread_mutex_lock(&pool->caller);
    pool->part = part;
    pool->context = context;
    pool->n = n;
    if (pool->n_threads == 1 || grains == 1) {
        do_part(pool, 0, n, 0);
    } else {
        pool->piece = (grains + most - 1) / most * grain;
        pool->pieces = n / pool->piece + (n % pool->piece != 0);
        atomic_store(&pool->unfinished, pool->pieces);
        begin_round(pool, (uint32_t)pool->pieces);
        take_pieces(pool, 0);
        wait_for_end(pool);
    }
    pthread_mutex_unlock(&pool->caller);
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
    pthread_mutex_init(&pool->caller, NULL);
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
    atomic_store(&pool->stop, true);
    begin_round(pool, 0);
    for (int i = 0; i < pool->n_started; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->ended);
    pthread_cond_destroy(&pool->begun);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->caller);
    free(pool->threads);
    free(pool);
}
