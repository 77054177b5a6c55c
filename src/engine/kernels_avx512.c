/* Kernels for AVX-512 with VNNI and bf16. Its vectors bring little for f32 where the machine's data
 * paths are half as wide; what counts are the two instructions that multiply pairs of bf16 and fours
 * of bytes. */
#include <immintrin.h>

#define RT_LANES         16
#define RT_BF16_IN_PAIRS /* the product below, not kernels_vector.h's */
#include "engine/kernels_tables.h"
#include "engine/kernels_vector.h"

INLINE vec load_f16(const void *halves)
{
    return (vec)_mm512_cvtph_ps(_mm256_loadu_si256(halves));
}

INLINE void store_f16(void *halves, vec v)
{
    _mm256_storeu_si256(halves, _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT));
}

/* ---- products ---- */

INLINE __m512i line(const uint8_t *at)
{
    return _mm512_loadu_si512((const void *)at);
}

INLINE __m512i word(const void *at)
{
    int32_t bits;

    memcpy(&bits, at, sizeof(bits));
    return _mm512_set1_epi32(bits);
}

/* Of bf16, where activations are rounded to bf16 as well: a share of 2^-9 of each. Columns and rows that
 * pass over panels together: 256 x 512 are 256 KiB, in the second cache. A panel is read again for as many rows,
 * from far away where many panels lie between; of 64 rows a tile of SigLIP took a fifth longer. */
enum { PAIRS_K = 512, PAIRS_M = 256 };

static void round_row(uint16_t *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        __m512 v = (__m512)(i + 16 <= n ? load(x + i) : load_rest(x + i, n - i));
        __m256i rounded = (__m256i)_mm512_cvtneps_pbh(v);

        if (i + 16 <= n)
            _mm256_storeu_si256((__m256i *)(void *)(out + i), rounded);
        else
            memcpy(out + i, &rounded, (n - i) * sizeof(*out));
    }
}

/* out[rows][16] (+)= x[rows][2 pairs] times `pairs` lines of one panel, for `wide` panels side by
 * side. */
#define DEFINE_PAIRS(rows, wide)                                                                   \
    INLINE void pairs_##rows##_##wide(float *out, size_t ldo, const uint16_t *x, size_t ldx,       \
                                      const uint8_t *panel, size_t stride, size_t pairs,           \
                                      int first)                                                   \
    {                                                                                              \
        __m512 sums[rows][wide];                                                                   \
                                                                                                   \
        for (int r = 0; r < rows; r++)                                                             \
            for (int c = 0; c < wide; c++)                                                         \
                sums[r][c] = _mm512_setzero_ps();                                                  \
        for (size_t i = 0; i < pairs; i++) {                                                       \
            __m512i w[wide];                                                                       \
                                                                                                   \
            for (int c = 0; c < wide; c++) {                                                       \
                __builtin_prefetch(panel + (size_t)c * stride + i * 64 + AHEAD_BYTES);             \
                w[c] = line(panel + (size_t)c * stride + i * 64);                                  \
            }                                                                                      \
            for (int r = 0; r < rows; r++) {                                                       \
                __m512i v = word(x + (size_t)r * ldx + 2 * i);                                     \
                                                                                                   \
                for (int c = 0; c < wide; c++)                                                     \
                    sums[r][c] = _mm512_dpbf16_ps(sums[r][c], (__m512bh)w[c], (__m512bh)v);        \
            }                                                                                      \
        }                                                                                          \
        for (int r = 0; r < rows; r++)                                                             \
            for (int c = 0; c < wide; c++) {                                                       \
                float *to = out + (size_t)r * ldo + c * RT_PANEL;                                  \
                __m512 sum = sums[r][c];                                                           \
                                                                                                   \
                _mm512_storeu_ps(to, first ? sum : _mm512_add_ps(_mm512_loadu_ps(to), sum));       \
            }                                                                                      \
    }

DEFINE_PAIRS(12, 2)
DEFINE_PAIRS(12, 1)
DEFINE_PAIRS(4, 2)
DEFINE_PAIRS(4, 1)
DEFINE_PAIRS(1, 2)
DEFINE_PAIRS(1, 1)

/* Rows of x over `wide` panels. */
#define DEFINE_PAIRS_OF(wide)                                                                      \
    INLINE void pairs_of_##wide(float *out, size_t ldo, const uint16_t *x, size_t ldx, size_t m,   \
                                const uint8_t *panel, size_t stride, size_t pairs, int first)      \
    {                                                                                              \
        size_t j = 0;                                                                              \
                                                                                                   \
        for (; j + 12 <= m; j += 12)                                                               \
            pairs_12_##wide(out + j * ldo, ldo, x + j * ldx, ldx, panel, stride, pairs, first);    \
        for (; j + 4 <= m; j += 4)                                                                 \
            pairs_4_##wide(out + j * ldo, ldo, x + j * ldx, ldx, panel, stride, pairs, first);     \
        for (; j < m; j++)                                                                         \
            pairs_1_##wide(out + j * ldo, ldo, x + j * ldx, ldx, panel, stride, pairs, first);     \
    }

DEFINE_PAIRS_OF(2)
DEFINE_PAIRS_OF(1)

/* Rows of a block of columns over all panels. */
INLINE void multiply_pairs(float *out, size_t ldo, const uint16_t *x, size_t ldx, size_t m,
                           size_t pairs, const uint8_t *panel, size_t stride, size_t n_panels,
                           int first)
{
    size_t p = 0;

    for (; m > 1 && p + 2 <= n_panels; p += 2)
        pairs_of_2(out + p * RT_PANEL, ldo, x, ldx, m, panel + p * stride, stride, pairs, first);
    for (; p < n_panels; p++)
        pairs_of_1(out + p * RT_PANEL, ldo, x, ldx, m, panel + p * stride, stride, pairs, first);
}

/* Few rows, which memory bounds, take a panel from end to end, or two. */
static void product_rounded(float *out, size_t ldo, const uint16_t *x, size_t ldx, size_t m,
                            size_t k, const void *panels, size_t n_panels)
{
    size_t stride = rt_panel_bytes(RT_PACK_BF16, k), few = m > 1 ? 2 : 1;
    size_t together = m > FEW_ROWS ? n_panels : few;

    for (size_t j = 0; j < m; j += PAIRS_M)
        for (size_t p = 0; p < n_panels; p += together)
            for (size_t from = 0; from < k; from += PAIRS_K) {
                size_t n = k - from < PAIRS_K ? k - from : PAIRS_K;
                size_t some = m - j < PAIRS_M ? m - j : PAIRS_M;

                multiply_pairs(
                    out + j * ldo + p * RT_PANEL, ldo, x + j * ldx + from, ldx, some, (n + 1) / 2,
                    (const uint8_t *)panels + p * stride + from * RT_PANEL * sizeof(uint16_t),
                    stride, n_panels - p < together ? n_panels - p : together, from == 0);
            }
}

static void product_bf16_pairs(float *out, size_t ldo, const float *x, size_t ldx, size_t m,
                               size_t k, const void *panels, size_t n_panels)
{
    uint16_t rows[PAIRS_M * PAIRS_K] __attribute__((aligned(64)));

    for (size_t j = 0; j < m; j += PAIRS_M)
        for (size_t from = 0; from < k; from += PAIRS_K) {
            size_t n = k - from < PAIRS_K ? k - from : PAIRS_K;
            size_t some = m - j < PAIRS_M ? m - j : PAIRS_M;

            for (size_t i = 0; i < some; i++) {
                round_row(rows + i * PAIRS_K, x + (j + i) * ldx + from, n);
                if (n % 2)
                    rows[i * PAIRS_K + n] = 0;
            }
            multiply_pairs(out + j * ldo, ldo, rows, PAIRS_K, some, (n + 1) / 2,
                           (const uint8_t *)panels + from * RT_PANEL * sizeof(uint16_t),
                           rt_panel_bytes(RT_PACK_BF16, k), n_panels, from == 0);
        }
}

/* ---- products in integers ---- */

/* As they stand: unsigned. */
INLINE ivec weights_at(const uint8_t *block, size_t at, const int bits)
{
    enum { HALF_BYTES = RT_BLOCK / 2 * RT_PANEL };

    if (bits == 8)
        return (ivec)line(block + at);
    __m512i both = line(block + at % (size_t)HALF_BYTES);
    return (ivec)_mm512_and_si512(at < HALF_BYTES ? both : _mm512_srli_epi16(both, 4),
                                  _mm512_set1_epi8(15));
}

/* The offset of q8 is sixteen times that of q4, 8. */
INLINE ivec begin_dot(int32_t offsets, const int bits)
{
    int32_t both = (int16_t)offsets + (offsets >> 16);

    return (bits == 8 ? 16 * both : both) - (ivec){0};
}

INLINE ivec go_on(ivec dot, ivec weights, ivec x, const int bits)
{
    (void)bits;
    return (ivec)_mm512_dpbusd_epi32((__m512i)dot, (__m512i)weights, (__m512i)x);
}

INLINE ivec end_dot(ivec dot, const int bits)
{
    (void)bits;
    return dot;
}

const rt_kernels rt_kernels_avx512 =
    RT_TABLE("avx512", product_bf16_pairs, .attention = RT_PACK_BF16,
             .product_rounded = product_rounded, .f32_to_bf16 = round_row);
