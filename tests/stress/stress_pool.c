/* The engine's threads under pressure, for ThreadSanitizer: many short rounds, each of which is read
 * after it without a lock, pauses in which the threads fall asleep, and pools that end right after a
 * round. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/pool.h"

enum { N = 100, THREADS = 4, ROUNDS = 5000, POOLS = 3000 };

typedef struct {
    size_t round, results[N];
} work;

static void step(void *context, size_t begin, size_t end, int thread)
{
    work *w = context;

    (void)thread;
    for (size_t i = begin; i < end; i++)
        w->results[i] = w->round * i;
}

static rt_pool *start(void)
{
    rt_pool *pool = NULL;
    fm_err err = {0};

    if (rt_pool_new(&pool, THREADS, &err) != FM_OK) {
        fprintf(stderr, "stress pool: %s\n", err.text);
        exit(1);
    }
    return pool;
}

static void run_one(rt_pool *pool, work *w)
{
    size_t n = w->round % N + 1;

    rt_pool_run(pool, n, w->round % 3 + 1, step, w);
    for (size_t i = 0; i < n; i++)
        if (w->results[i] != w->round * i) {
            fprintf(stderr, "stress pool: round %zu left out %zu\n", w->round, i);
            exit(1);
        }
}

int main(void)
{
    static work w;
    rt_pool *pool = start();

    for (w.round = 1; w.round <= ROUNDS; w.round++) {
        run_one(pool, &w);
        if (w.round % 500 == 0)
            usleep(1000);
    }
    rt_pool_free(pool);
    /* A thread on its way to a round may find the end in its place. */
    for (int i = 0; i < POOLS; i++) {
        pool = start();
        run_one(pool, &w);
        rt_pool_free(pool);
    }
    return 0;
}
