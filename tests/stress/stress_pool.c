/* The engine's threads under pressure, for ThreadSanitizer: many short rounds, each of which is read
 * after it without a lock, and pauses in which the threads fall asleep. */
#include <stdio.h>
#include <unistd.h>

#include "engine/pool.h"

enum { N = 100, THREADS = 4, ROUNDS = 5000 };

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

int main(void)
{
    static work w;
    rt_pool *pool = NULL;
    fm_err err = {0};

    if (rt_pool_new(&pool, THREADS, &err) != FM_OK) {
        fprintf(stderr, "stress pool: %s\n", err.text);
        return 1;
    }
    for (w.round = 1; w.round <= ROUNDS; w.round++) {
        size_t n = w.round % N + 1;

        rt_pool_run(pool, n, w.round % 3 + 1, step, &w);
        for (size_t i = 0; i < n; i++)
            if (w.results[i] != w.round * i) {
                fprintf(stderr, "stress pool: round %zu left out %zu\n", w.round, i);
                return 1;
            }
        if (w.round % 500 == 0)
            usleep(1000);
    }
    rt_pool_free(pool);
    return 0;
}
