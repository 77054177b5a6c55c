/* Owns the loops that find the machine's limits. */
#include "engine/limits.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "engine/kernels.h"

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

/* ---- products ---- */

#if defined(__x86_64__)
#include <immintrin.h>

/* One part: SUMS sums, each ROUNDS times the next of itself. */
#define DEFINE_LOOP(name, instructions, type, first, next, last)                                   \
    __attribute__((target(instructions))) static void name(void *context, size_t begin,            \
                                                           size_t end, int thread)                 \
    {                                                                                              \
        (void)context, (void)thread;                                                               \
        for (size_t part = begin; part < end; part++) {                                            \
            type sums[SUMS];                                                                       \
                                                                                                   \
            for (int s = 0; s < SUMS; s++)                                                         \
                sums[s] = first(s);                                                                \
            for (int i = 0; i < ROUNDS; i++) {                                                     \
                _Pragma("GCC unroll 16") for (int s = 0; s < SUMS; s++)                            \
                {                                                                                  \
                    __asm__("" : "+x"(sums[s])); /* another each time */                           \
                    sums[s] = next(sums[s]);                                                       \
                }                                                                                  \
            }                                                                                      \
            uint64_t all = 0;                                                                      \
            for (int s = 0; s < SUMS; s++)                                                         \
                all += last(sums[s]);                                                              \
            sink = all;                                                                            \
        }                                                                                          \
    }

#define AVX2   "avx2,fma"
#define AVX512 "avx512f,avx512bw,avx512vl,avx512vnni,avx512bf16"

#define FIRST_F32(s) _mm256_set1_ps((float)(s))
#define NEXT_F32(v)  _mm256_fmadd_ps(v, _mm256_set1_ps(0.5F), _mm256_set1_ps(1e-3F))
#define LAST_F32(v)  (uint64_t) _mm256_cvtss_f32(v)
DEFINE_LOOP(f32_by_avx2, AVX2, __m256, FIRST_F32, NEXT_F32, LAST_F32)

#define FIRST_INT8(s) _mm256_set1_epi8((char)(s))
#define NEXT_INT8(v)  _mm256_add_epi16(v, _mm256_maddubs_epi16(v, _mm256_set1_epi8(3)))
#define LAST_INT8(v)  (uint64_t) _mm256_extract_epi64(v, 0)
DEFINE_LOOP(int8_by_avx2, AVX2, __m256i, FIRST_INT8, NEXT_INT8, LAST_INT8)

#define FIRST_F32_WIDE(s) _mm512_set1_ps((float)(s))
#define NEXT_F32_WIDE(v)  _mm512_fmadd_ps(v, _mm512_set1_ps(0.5F), _mm512_set1_ps(1e-3F))
#define LAST_F32_WIDE(v)  (uint64_t) _mm512_cvtss_f32(v)
DEFINE_LOOP(f32_by_avx512, AVX512, __m512, FIRST_F32_WIDE, NEXT_F32_WIDE, LAST_F32_WIDE)

#define BF16_ONES    (__m512bh) _mm512_set1_epi16(0x3f80)
#define NEXT_BF16(v) _mm512_dpbf16_ps(v, BF16_ONES, BF16_ONES)
DEFINE_LOOP(bf16_by_avx512, AVX512, __m512, FIRST_F32_WIDE, NEXT_BF16, LAST_F32_WIDE)

#define FIRST_INT8_WIDE(s) _mm512_set1_epi8((char)(s))
#define NEXT_INT8_WIDE(v)  _mm512_dpbusd_epi32(v, _mm512_set1_epi8(3), _mm512_set1_epi8(5))
#define LAST_INT8_WIDE(v)  (uint64_t) _mm_cvtsi128_si64(_mm512_castsi512_si128(v))
DEFINE_LOOP(int8_by_avx512, AVX512, __m512i, FIRST_INT8_WIDE, NEXT_INT8_WIDE, LAST_INT8_WIDE)

/* By the kernels' names; operations of one instruction, a sum being one. */
static const struct {
    const char *kernels;
    struct {
        rt_part loop;
        double operations;
    } of[RT_LIMITS];
} loops[] = {
    {"avx512",
     {[RT_LIMIT_F32] = {f32_by_avx512, 2 * 16},
      [RT_LIMIT_BF16] = {bf16_by_avx512, 2 * 32},
      [RT_LIMIT_INT8] = {int8_by_avx512, 2 * 64}}},
    {"avx2", {[RT_LIMIT_F32] = {f32_by_avx2, 2 * 8}, [RT_LIMIT_INT8] = {int8_by_avx2, 2 * 32}}},
};

double rt_limit(rt_pool *pool, const char *kernels, rt_limit_kind kind)
{
    const rt_kernels *table = rt_kernels_choose(kernels);
    const char *name = table && !table->version ? table->name : rt_kernels_choose(NULL)->name;
    size_t threads = (size_t)rt_pool_threads(pool);
    double best = 0;

    for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
        if (strcmp(loops[i].kernels, name) != 0 || !loops[i].of[kind].loop)
            continue;
        for (int round = 0; round < 3; round++) {
            double start = rt_limit_seconds(pool);

            rt_pool_run(pool, threads, 1, loops[i].of[kind].loop, NULL);
            double found = loops[i].of[kind].operations * SUMS * ROUNDS * (double)threads * 1e-9 /
                           (rt_limit_seconds(pool) - start);
            best = found > best ? found : best;
        }
    }
    return best;
}
#else
double rt_limit(rt_pool *pool, const char *kernels, rt_limit_kind kind)
{
    (void)pool, (void)kernels, (void)kind;
    return 0;
}
#endif

/* ---- memory ---- */

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
