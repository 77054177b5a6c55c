/* fm_parallel_for under pressure, for ThreadSanitizer: scratch by worker, results by index, failures
 * from many threads at once. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "base/threads.h"

enum { N = 2000, JOBS = 8, ROUNDS = 20 };

typedef struct {
    struct {
        char text[64];
    } scratch[JOBS]; /* one a worker: written without a lock */
    uint64_t results[N];
    size_t fails_from; /* this index and those after it fail */
} work;

static fm_status step(void *context, size_t index, int worker, fm_err *err)
{
    work *w = context;
    fm_rng rng;

    fm_rng_seed(&rng, index);
    snprintf(w->scratch[worker].text, sizeof(w->scratch[worker].text), "%zu %llu", index,
             (unsigned long long)fm_rng_next(&rng));
    w->results[index] = fm_hash_quick(w->scratch[worker].text, strlen(w->scratch[worker].text));
    return index < w->fails_from ? FM_OK : fm_fail(err, FM_E_INPUT, "index %zu", index);
}

int main(void)
{
    static work alone, together;
    fm_err err = {0};

    alone.fails_from = together.fails_from = N;
    if (fm_parallel_for(N, 1, step, &alone, &err) != FM_OK)
        return 1;
    for (int round = 0; round < ROUNDS; round++) {
        memset(together.results, 0, sizeof(together.results));
        if (fm_parallel_for(N, JOBS, step, &together, &err) != FM_OK ||
            memcmp(alone.results, together.results, sizeof(alone.results)) != 0) {
            fprintf(stderr, "round %d: results depend on the number of threads\n", round);
            return 1;
        }
    }
    for (size_t from = 0; from < 40; from++) {
        char expected[32];

        together.fails_from = from;
        snprintf(expected, sizeof(expected), "index %zu", from);
        if (fm_parallel_for(N, JOBS, step, &together, &err) != FM_E_INPUT ||
            strcmp(err.text, expected) != 0) {
            fprintf(stderr, "failure from index %zu on, told as '%s'\n", from, err.text);
            return 1;
        }
    }
    return 0;
}
