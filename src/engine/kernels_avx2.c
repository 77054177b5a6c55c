/* Kernels for AVX2 with FMA and F16C: what every x86-64 of the last ten years has. */
#include <immintrin.h>

#define RT_LANES 8
#include "engine/kernels_tables.h"
#include "engine/kernels_vector.h"

INLINE vec load_f16(const void *halves)
{
    return (vec)_mm256_cvtph_ps(_mm_loadu_si128(halves));
}

INLINE void store_f16(void *halves, vec v)
{
    _mm_storeu_si128(halves, _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT));
}

/* ---- products in integers ---- */

/* Signed in q8, unsigned in q4. */
INLINE ivec weights_at(const uint8_t *block, size_t at, const int bits)
{
    enum { HALF_BYTES = RT_BLOCK / 2 * RT_PANEL };
    __m256i w =
        _mm256_loadu_si256((const void *)(block + (bits == 8 ? at : at % (size_t)HALF_BYTES)));

    if (bits == 8)
        return (ivec)_mm256_xor_si256(w, _mm256_set1_epi8((char)0x80));
    return (ivec)_mm256_and_si256(at < HALF_BYTES ? w : _mm256_srli_epi16(w, 4),
                                  _mm256_set1_epi8(15));
}

/* What is unsigned times what is signed adds pairs of products at 16 bits, where 255 x 127 twice does
 * not fit. So of q8 the magnitudes are multiplied with the activations that have taken their signs: 127 x
 * 127 twice fits, and goes on at 32 bits. Of q4 a whole block's sixteen products of 15 x 127 in one place
 * are 30480 at most and stay at 16 bits; they begin with the offsets. */
INLINE ivec begin_dot(int32_t offsets, const int bits)
{
    return (bits == 8 ? 0 : offsets) - (ivec){0};
}

INLINE ivec go_on(ivec dot, ivec weights, ivec x, const int bits)
{
    __m256i sum = (__m256i)dot, w = (__m256i)weights, v = (__m256i)x;

    if (bits == 4)
        return (ivec)_mm256_add_epi16(sum, _mm256_maddubs_epi16(w, v));
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(v, w));
    return (ivec)_mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

INLINE ivec end_dot(ivec dot, const int bits)
{
    return bits == 8 ? dot : (ivec)_mm256_madd_epi16((__m256i)dot, _mm256_set1_epi16(1));
}

const rt_kernels rt_kernels_avx2 = RT_TABLE("avx2", product_bf16, .attention = RT_PACK_F32);
