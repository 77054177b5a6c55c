/* Owns the loops that find the machine's limits. */
#include "engine/limits.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

enum { ROUNDS = 4000000, SUMS = 10 };

/* What a loop has found is put here, so that it is not left out. */
static volatile uint64_t sink;

double rt_limit_seconds(const rt_pool *pool)
{
    struct timespec own;

    if (rt_pool_threads(pool) > 1 || clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own) != 0)
        return fm_clock_seconds();
    return (double)own.tv_sec + (double)own.tv_nsec * 1e-9;
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2,fma"))) static void multiply_f32(void *context, size_t begin,
                                                             size_t end, int thread)
{
    __m256 sums[SUMS], x = _mm256_set1_ps(0.5F), y = _mm256_set1_ps(1e-3F);

    (void)context, (void)thread;
    for (size_t part = begin; part < end; part++) {
        for (int s = 0; s < SUMS; s++)
            sums[s] = _mm256_set1_ps((float)s);
        for (int i = 0; i < ROUNDS; i++) {
#pragma GCC unroll 16
            for (int s = 0; s < SUMS; s++)
                sums[s] = _mm256_fmadd_ps(sums[s], x, y);
        }
        for (int s = 1; s < SUMS; s++)
            sums[0] = _mm256_add_ps(sums[0], sums[s]);
        sink = (uint64_t)_mm256_cvtss_f32(sums[0]);
    }
}

__attribute__((target("avx2"))) static void multiply_int8(void *context, size_t begin, size_t end,
                                                          int thread)
{
    __m256i sums[SUMS], x = _mm256_set1_epi8(3), y = x;

    (void)context, (void)thread;
    for (size_t part = begin; part < end; part++) {
        for (int s = 0; s < SUMS; s++)
            sums[s] = _mm256_set1_epi8((char)s);
        for (int i = 0; i < ROUNDS; i++) {
#pragma GCC unroll 16
            for (int s = 0; s < SUMS; s++) {
                __asm__("" : "+x"(x)); /* another product each time */
                sums[s] = _mm256_add_epi16(sums[s], _mm256_maddubs_epi16(x, y));
            }
        }
        for (int s = 1; s < SUMS; s++)
            sums[0] = _mm256_add_epi32(sums[0], sums[s]);
        sink = (uint64_t)_mm256_extract_epi64(sums[0], 0);
    }
}

static double rate(rt_pool *pool, rt_part loop, double operations_a_round)
{
    double best = 0;
    size_t threads = (size_t)rt_pool_threads(pool);

    for (int i = 0; i < 3; i++) {
        double start = rt_limit_seconds(pool);

        rt_pool_run(pool, threads, 1, loop, NULL);
        double found = operations_a_round * SUMS * ROUNDS * (double)threads * 1e-9 /
                       (rt_limit_seconds(pool) - start);
        best = found > best ? found : best;
    }
    return best;
}

double rt_limit_f32(rt_pool *pool)
{
    return __builtin_cpu_supports("fma") ? rate(pool, multiply_f32, 2.0 * 8) : 0;
}

double rt_limit_int8(rt_pool *pool)
{
    return __builtin_cpu_supports("avx2") ? rate(pool, multiply_int8, 2.0 * 32) : 0;
}
#else
double rt_limit_f32(rt_pool *pool)
{
    (void)pool;
    return 0;
}

double rt_limit_int8(rt_pool *pool)
{
    (void)pool;
    return 0;
}
#endif

/* Lines of memory that are read at a time. */
typedef uint64_t wide __attribute__((vector_size(32)));
enum { CHUNK = 256 };

static void read_chunks(void *context, size_t begin, size_t end, int thread)
{
    const uint8_t *bytes = context;
    wide sums[CHUNK / sizeof(wide)] = {0};

    (void)thread;
    for (size_t i = begin; i < end; i++)
        for (size_t s = 0; s < CHUNK / sizeof(wide); s++) {
            wide v;

            memcpy(&v, bytes + i * CHUNK + s * sizeof(v), sizeof(v));
            sums[s] += v;
        }
    for (size_t s = 1; s < CHUNK / sizeof(wide); s++)
        sums[0] += sums[s];
    sink = sums[0][0];
}

double rt_limit_read(rt_pool *pool, const void *bytes, size_t size)
{
    double start = rt_limit_seconds(pool);

    rt_pool_run(pool, size / CHUNK, 4096, read_chunks, (void *)(uintptr_t)bytes);
    return (double)size * 1e-9 / (rt_limit_seconds(pool) - start);
}
