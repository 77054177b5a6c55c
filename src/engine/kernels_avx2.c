/* Kernels for AVX2 with FMA and F16C: what every x86-64 of the last ten years has. */
#include <immintrin.h>

#define RT_LANES 8
#include "engine/kernels_vector.h"

INLINE vec load_kept(const void *kept, rt_kept kind, size_t i)
{
    if (kind == RT_KEPT_F32)
        return load((const float *)kept + i);
    return (vec)_mm256_cvtph_ps(
        _mm_loadu_si128((const __m128i *)(const void *)((const uint16_t *)kept + i)));
}

static void f32_to_f16(uint16_t *out, const float *x, size_t n)
{
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(out + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < n; i++)
        out[i] = rt_f32_to_f16(x[i]);
}

static void f16_to_f32(float *out, const uint16_t *x, size_t n)
{
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        store(out + i, load_kept(x, RT_KEPT_F16, i));
    for (; i < n; i++)
        out[i] = rt_f16_to_f32(x[i]);
}

/* ---- products in integers ---- */

/* Four columns of eight rows, signed: |w| times x with w's sign, because the product of unsigned and
 * signed bytes saturates at 16 bits and two times 127 x 127 do not reach that. */
INLINE __m256i dot4(__m256i sum, __m256i w, __m256i x)
{
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));

    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

INLINE __m256i four_of(const rt_q8_row *x, size_t i)
{
    int32_t word;

    memcpy(&word, x->values + i, sizeof(word));
    return _mm256_set1_epi32(word);
}

INLINE __m256i words_of(const uint8_t *block, size_t group, size_t half)
{
    return _mm256_loadu_si256(
        (const __m256i *)(const void *)(block + (group * RT_PANEL + half * 8) * 4));
}

/* Rows of x that are taken together over one block of weights. */
enum { INT_ROWS = 4 };

typedef __m256i (*block_reader)(const uint8_t *block, size_t group, size_t half);

INLINE __m256i read_q8(const uint8_t *block, size_t group, size_t half)
{
    return _mm256_xor_si256(words_of(block, group, half), _mm256_set1_epi8((char)0x80));
}

INLINE __m256i read_q4(const uint8_t *block, size_t group, size_t half)
{
    __m256i both = words_of(block, group % 4, half);
    __m256i nibbles = group < 4 ? both : _mm256_srli_epi16(both, 4);

    return _mm256_sub_epi8(_mm256_and_si256(nibbles, _mm256_set1_epi8(15)), _mm256_set1_epi8(8));
}

INLINE void int8_rows(float *out, size_t ldo, const rt_q8_row *x, size_t rows, size_t blocks,
                      const uint8_t *panel, size_t block_bytes, block_reader read)
{
    vec sums[INT_ROWS][2] = {0};

    for (size_t b = 0; b < blocks; b++) {
        const uint8_t *block = panel + b * block_bytes;
        const void *scales = block + block_bytes - RT_PANEL * sizeof(uint16_t);

        for (size_t half = 0; half < 2; half++) {
            __m256i dots[INT_ROWS];
            vec scale = load_kept(scales, RT_KEPT_F16, half * 8);

            for (size_t r = 0; r < rows; r++)
                dots[r] = _mm256_setzero_si256();
            for (size_t g = 0; g < 8; g++) {
                __m256i w = read(block, g, half);

                for (size_t r = 0; r < rows; r++)
                    dots[r] = dot4(dots[r], w, four_of(&x[r], b * RT_BLOCK + g * 4));
            }
            for (size_t r = 0; r < rows; r++)
                sums[r][half] += (vec)_mm256_cvtepi32_ps(dots[r]) * (scale * x[r].scales[b]);
        }
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t half = 0; half < 2; half++)
            store(out + r * ldo + half * 8, sums[r][half]);
}

INLINE void product_int8(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                         const uint8_t *panels, size_t n_panels, size_t block_bytes,
                         block_reader read)
{
    size_t blocks = (k + RT_BLOCK - 1) / RT_BLOCK;

    for (size_t p = 0; p < n_panels; p++) {
        const uint8_t *panel = panels + p * blocks * block_bytes;
        size_t j = 0;

        for (; j + INT_ROWS <= m; j += INT_ROWS)
            int8_rows(out + j * ldo + p * RT_PANEL, ldo, x + j, INT_ROWS, blocks, panel,
                      block_bytes, read);
        for (; j < m; j++)
            int8_rows(out + j * ldo + p * RT_PANEL, ldo, x + j, 1, blocks, panel, block_bytes,
                      read);
    }
}

static void product_int8_q8(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                            const void *panels, size_t n_panels)
{
    product_int8(out, ldo, x, m, k, panels, n_panels, RT_Q8_BLOCK_BYTES, read_q8);
}

static void product_int8_q4(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                            const void *panels, size_t n_panels)
{
    product_int8(out, ldo, x, m, k, panels, n_panels, RT_Q4_BLOCK_BYTES, read_q4);
}

const rt_kernels rt_kernels_avx2 = {
    .name = "avx2",
    .product = {[RT_PACK_F32] = product_f32,
                [RT_PACK_BF16] = product_bf16,
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
