/* Kernels for AVX-512 with VNNI and bf16. Its vectors bring little for f32 where the machine's data
 * paths are half as wide; what counts are the two instructions that multiply pairs of bf16 and fours
 * of bytes. */
#include <immintrin.h>

#define RT_LANES         16
#define RT_BF16_IN_PAIRS /* the product below, not kernels_vector.h's */
#include "engine/kernels_vector.h"

INLINE vec load_kept(const void *kept, rt_kept kind, size_t i)
{
    if (kind == RT_KEPT_F32)
        return load((const float *)kept + i);
    return (vec)_mm512_cvtph_ps(
        _mm256_loadu_si256((const __m256i *)(const void *)((const uint16_t *)kept + i)));
}

static void f32_to_f16(uint16_t *out, const float *x, size_t n)
{
    size_t i = 0;

    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((__m256i *)(void *)(out + i),
                            _mm512_cvtps_ph(_mm512_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < n; i++)
        out[i] = rt_f32_to_f16(x[i]);
}

static void f16_to_f32(float *out, const uint16_t *x, size_t n)
{
    size_t i = 0;

    for (; i + 16 <= n; i += 16)
        store(out + i, load_kept(x, RT_KEPT_F16, i));
    for (; i < n; i++)
        out[i] = rt_f16_to_f32(x[i]);
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
 * are rounded at a time: 64 x 512 are 64 KiB. */
enum { PAIRS_K = 512, PAIRS_M = 64 };

INLINE void round_rows(uint16_t *out, const float *x, size_t ldx, size_t m, size_t n)
{
    for (size_t j = 0; j < m; j++)
        for (size_t i = 0; i < n; i += 16) {
            const float *at = x + j * ldx + i;
            __m512 v = (__m512)(i + 16 <= n ? load(at) : load_rest(at, n - i));

            _mm256_storeu_si256((__m256i *)(void *)(out + j * PAIRS_K + i),
                                (__m256i)_mm512_cvtneps_pbh(v));
        }
}

/* out[rows][16] (+)= x[rows][2 pairs] times `pairs` lines of one panel, for `panels` panels side by
 * side: one row alone needs several panels in flight to keep the memory busy. */
#define DEFINE_PAIRS(rows, wide)                                                                   \
    INLINE void pairs_##rows##_##wide(float *out, size_t ldo, const uint16_t *x,                   \
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
                __m512i v = word(x + (size_t)r * PAIRS_K + 2 * i);                                 \
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
DEFINE_PAIRS(1, 4)
DEFINE_PAIRS(1, 2)
DEFINE_PAIRS(1, 1)

/* Rows of x over `wide` panels. */
#define DEFINE_PAIRS_OF(wide)                                                                      \
    INLINE void pairs_of_##wide(float *out, size_t ldo, const uint16_t *x, size_t m,               \
                                const uint8_t *panel, size_t stride, size_t pairs, int first)      \
    {                                                                                              \
        size_t j = 0;                                                                              \
                                                                                                   \
        for (; j + 12 <= m; j += 12)                                                               \
            pairs_12_##wide(out + j * ldo, ldo, x + j * PAIRS_K, panel, stride, pairs, first);     \
        for (; j + 4 <= m; j += 4)                                                                 \
            pairs_4_##wide(out + j * ldo, ldo, x + j * PAIRS_K, panel, stride, pairs, first);      \
        for (; j < m; j++)                                                                         \
            pairs_1_##wide(out + j * ldo, ldo, x + j * PAIRS_K, panel, stride, pairs, first);      \
    }

DEFINE_PAIRS_OF(2)
DEFINE_PAIRS_OF(1)

static void product_bf16_pairs(float *out, size_t ldo, const float *x, size_t ldx, size_t m,
                               size_t k, const void *panels, size_t n_panels)
{
    uint16_t rows[PAIRS_M * PAIRS_K] __attribute__((aligned(64)));
    size_t stride = rt_panel_bytes(RT_PACK_BF16, k);

    for (size_t j = 0; j < m; j += PAIRS_M)
        for (size_t from = 0; from < k; from += PAIRS_K) {
            size_t n = k - from < PAIRS_K ? k - from : PAIRS_K;
            size_t some = m - j < PAIRS_M ? m - j : PAIRS_M, pairs = (n + 1) / 2, p = 0;
            const uint8_t *panel = (const uint8_t *)panels + from * RT_PANEL * sizeof(uint16_t);
            float *to = out + j * ldo;

            round_rows(rows, x + j * ldx + from, ldx, some, n);
            for (; some == 1 && p + 4 <= n_panels; p += 4)
                pairs_1_4(to + p * RT_PANEL, ldo, rows, panel + p * stride, stride, pairs,
                          from == 0);
            for (; p + 2 <= n_panels; p += 2)
                pairs_of_2(to + p * RT_PANEL, ldo, rows, some, panel + p * stride, stride, pairs,
                           from == 0);
            if (p < n_panels)
                pairs_of_1(to + p * RT_PANEL, ldo, rows, some, panel + p * stride, stride, pairs,
                           from == 0);
        }
}

/* ---- products in integers ---- */

typedef __m512i (*block_reader)(const uint8_t *block, size_t group);

INLINE __m512i read_q8(const uint8_t *block, size_t group)
{
    return line(block + group * 64);
}

INLINE __m512i read_q4(const uint8_t *block, size_t group)
{
    __m512i both = line(block + group % 4 * 64);

    return _mm512_and_si512(group < 4 ? both : _mm512_srli_epi16(both, 4), _mm512_set1_epi8(15));
}

/* Unsigned weights times signed activations; what the weights' offset adds is taken away by the
 * block's sum of activations. */
INLINE void int8_rows(float *out, size_t ldo, const rt_q8_row *x, size_t rows, size_t blocks,
                      const uint8_t *panel, size_t block_bytes, int offset, block_reader read)
{
    vec sums[8] = {0};

    for (size_t b = 0; b < blocks; b++) {
        const uint8_t *block = panel + b * block_bytes;
        vec scale = load_kept(block + block_bytes - RT_PANEL * sizeof(uint16_t), RT_KEPT_F16, 0);
        __m512i w[RT_BLOCK / 4];

        for (size_t g = 0; g < RT_BLOCK / 4; g++)
            w[g] = read(block, g);
        for (size_t i = 0; i < block_bytes; i += 64)
            __builtin_prefetch(block + i + AHEAD_BYTES);
        for (size_t r = 0; r < rows; r++) {
            __m512i dots = _mm512_set1_epi32(-offset * x[r].sums[b]);

            for (size_t g = 0; g < RT_BLOCK / 4; g++)
                dots = _mm512_dpbusd_epi32(dots, w[g], word(x[r].values + b * RT_BLOCK + g * 4));
            sums[r] =
                fused(__builtin_convertvector((ivec)dots, vec), scale * x[r].scales[b], sums[r]);
        }
    }
    for (size_t r = 0; r < rows; r++)
        store(out + r * ldo, sums[r]);
}

INLINE void product_int8(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                         const uint8_t *panels, size_t n_panels, size_t block_bytes, int offset,
                         block_reader read)
{
    size_t blocks = (k + RT_BLOCK - 1) / RT_BLOCK;

    for (size_t p = 0; p < n_panels; p++) {
        const uint8_t *panel = panels + p * blocks * block_bytes;
        float *to = out + p * RT_PANEL;
        size_t j = 0;

        for (; j + 8 <= m; j += 8)
            int8_rows(to + j * ldo, ldo, x + j, 8, blocks, panel, block_bytes, offset, read);
        for (; j + 4 <= m; j += 4)
            int8_rows(to + j * ldo, ldo, x + j, 4, blocks, panel, block_bytes, offset, read);
        for (; j < m; j++)
            int8_rows(to + j * ldo, ldo, x + j, 1, blocks, panel, block_bytes, offset, read);
    }
}

static void product_int8_q8(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                            const void *panels, size_t n_panels)
{
    product_int8(out, ldo, x, m, k, panels, n_panels, RT_Q8_BLOCK_BYTES, 128, read_q8);
}

static void product_int8_q4(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                            const void *panels, size_t n_panels)
{
    product_int8(out, ldo, x, m, k, panels, n_panels, RT_Q4_BLOCK_BYTES, 8, read_q4);
}

const rt_kernels rt_kernels_avx512 = {
    .name = "avx512",
    .product = {[RT_PACK_F32] = product_f32,
                [RT_PACK_BF16] = product_bf16_pairs,
                [RT_PACK_Q8] = product_q8,
                [RT_PACK_Q4] = product_q4},
    .product_int8 = {[RT_PACK_Q8] = product_int8_q8, [RT_PACK_Q4] = product_int8_q4},
    .quantise_row = quantise_row,
    .scores = {[RT_KEPT_F16] = scores_f16, [RT_KEPT_F32] = scores_f32},
    .blend = {[RT_KEPT_F16] = blend_f16, [RT_KEPT_F32] = blend_f32},
    .softmax = softmax,
    .layer_norm = layer_norm,
    .rms_norm = rms_norm,
    .gelu_erf = gelu_erf,
    .gelu_tanh = gelu_tanh,
    .silu_gate = silu_gate,
    .add = add,
    .add_scaled = add_scaled,
    .rotate_halves = rotate_halves,
    .f32_to_f16 = f32_to_f16,
    .f16_to_f32 = f16_to_f32,
    .bf16_to_f32 = bf16_to_f32,
};
