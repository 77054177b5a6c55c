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

enum { INT_BLOCKS = BLOCK_K / RT_BLOCK, PLANE_BYTES = RT_BLOCK * RT_PANEL };

/* Some blocks of a panel as planes of bytes, each eight groups of four columns of sixteen rows, and the
 * rows' scales. */
typedef struct {
    uint8_t planes[INT_BLOCKS][2][PLANE_BYTES];
    float scales[INT_BLOCKS][RT_PANEL];
} int_tile;

INLINE __m256i bytes_at(const uint8_t *at)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

INLINE void put_bytes(uint8_t *at, __m256i bytes)
{
    _mm256_storeu_si256((__m256i *)(void *)at, bytes);
}

/* What is unsigned times what is signed adds pairs of products at 16 bits, where 255 x 127 twice does
 * not fit. So of q8 the magnitudes are multiplied with the activations that have taken their signs: 127 x
 * 127 twice fits, and goes on at 32 bits. */
INLINE __m256i step_q8(__m256i sum, const uint8_t *at, __m256i x)
{
    __m256i signed_x = _mm256_sign_epi8(x, bytes_at(at + PLANE_BYTES));
    __m256i pairs = _mm256_maddubs_epi16(bytes_at(at), signed_x);

    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

INLINE __m256i whole_q8(__m256i sum, int32_t sum_of_x)
{
    (void)sum_of_x;
    return sum;
}

/* Of q4 a whole block's sixteen products of 15 x 127 in one place are 30480 at most and stay at 16 bits;
 * the offset of 8 is taken away by the sum of the activations. */
INLINE __m256i step_q4(__m256i sum, const uint8_t *at, __m256i x)
{
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(bytes_at(at), x));
}

INLINE __m256i whole_q4(__m256i sum, int32_t sum_of_x)
{
    return _mm256_sub_epi32(_mm256_madd_epi16(sum, _mm256_set1_epi16(1)),
                            _mm256_set1_epi32(8 * sum_of_x));
}

INLINE void read_scales(float *scales, const uint8_t *halves)
{
    for (size_t r = 0; r < RT_PANEL; r += 8)
        store(scales + r, load_kept(halves, RT_KEPT_F16, r));
}

/* The magnitudes in the first plane, what they were in the second. */
INLINE void read_q8(int_tile *tile, const uint8_t *block, size_t blocks)
{
    for (size_t b = 0; b < blocks; b++, block += RT_Q8_BLOCK_BYTES) {
        for (size_t i = 0; i < PLANE_BYTES; i += 32) {
            __m256i w = _mm256_xor_si256(bytes_at(block + i), _mm256_set1_epi8((char)0x80));

            __builtin_prefetch(block + i + AHEAD_BYTES);
            put_bytes(tile->planes[b][0] + i, _mm256_abs_epi8(w));
            put_bytes(tile->planes[b][1] + i, w);
        }
        read_scales(tile->scales[b], block + PLANE_BYTES);
    }
}

/* The low halves of the bytes are the first sixteen columns. */
INLINE void read_q4(int_tile *tile, const uint8_t *block, size_t blocks)
{
    const __m256i low = _mm256_set1_epi8(15);

    for (size_t b = 0; b < blocks; b++, block += RT_Q4_BLOCK_BYTES) {
        for (size_t i = 0; i < PLANE_BYTES / 2; i += 32) {
            __m256i both = bytes_at(block + i);
            uint8_t *to = tile->planes[b][0] + i;

            __builtin_prefetch(block + i + AHEAD_BYTES);
            put_bytes(to, _mm256_and_si256(both, low));
            put_bytes(to + PLANE_BYTES / 2, _mm256_and_si256(_mm256_srli_epi16(both, 4), low));
        }
        read_scales(tile->scales[b], block + PLANE_BYTES / 2);
    }
}

INLINE __m256i four_of(const rt_q8_row *x, size_t i)
{
    int32_t word;

    memcpy(&word, x->values + i, sizeof(word));
    return _mm256_set1_epi32(word);
}

/* Keeps the compiler from making all products first and then the sums, which takes more registers
 * than there are. */
#define IN_ORDER(a, b) __asm__ volatile("" : "+x"(a), "+x"(b))

/* out[rows][16] (+)= x[rows] times the tile's blocks, which are the panel's from `from` on */
#define DEFINE_INT_ROWS(name, rows)                                                                \
    INLINE void int_rows_##name##_##rows(float *out, size_t ldo, const rt_q8_row *x,               \
                                         const int_tile *tile, size_t from, size_t blocks)         \
    {                                                                                              \
        vec sums[rows][2] = {0};                                                                   \
                                                                                                   \
        for (int r = 0; r < rows && from > 0; r++)                                                 \
            for (int half = 0; half < 2; half++)                                                   \
                sums[r][half] = load(out + (size_t)r * ldo + half * 8);                            \
        for (size_t b = 0; b < blocks; b++) {                                                      \
            const uint8_t *at = tile->planes[b][0];                                                \
            __m256i dots[rows][2];                                                                 \
                                                                                                   \
            for (int r = 0; r < rows; r++)                                                         \
                dots[r][0] = dots[r][1] = _mm256_setzero_si256();                                  \
            for (size_t g = 0; g < RT_BLOCK / 4; g++, at += 64)                                    \
                for (int r = 0; r < rows; r++) {                                                   \
                    __m256i v = four_of(&x[r], (from + b) * RT_BLOCK + g * 4);                     \
                                                                                                   \
                    dots[r][0] = step_##name(dots[r][0], at, v);                                   \
                    dots[r][1] = step_##name(dots[r][1], at + 32, v);                              \
                    IN_ORDER(dots[r][0], dots[r][1]);                                              \
                }                                                                                  \
            for (int r = 0; r < rows; r++)                                                         \
                for (int half = 0; half < 2; half++)                                               \
                    sums[r][half] = fused(                                                         \
                        (vec)_mm256_cvtepi32_ps(whole_##name(dots[r][half], x[r].sums[from + b])), \
                        load(tile->scales[b] + half * 8) * x[r].scales[from + b], sums[r][half]);  \
        }                                                                                          \
        for (int r = 0; r < rows; r++)                                                             \
            for (int half = 0; half < 2; half++)                                                   \
                store(out + (size_t)r * ldo + half * 8, sums[r][half]);                            \
    }

DEFINE_INT_ROWS(q8, 4)
DEFINE_INT_ROWS(q8, 1)
DEFINE_INT_ROWS(q4, 6)
DEFINE_INT_ROWS(q4, 4)
DEFINE_INT_ROWS(q4, 1)

INLINE void int_tile_q8(float *out, size_t ldo, const rt_q8_row *x, size_t m, const int_tile *tile,
                        size_t from, size_t blocks)
{
    size_t j = 0;

    for (; j + 4 <= m; j += 4)
        int_rows_q8_4(out + j * ldo, ldo, x + j, tile, from, blocks);
    for (; j < m; j++)
        int_rows_q8_1(out + j * ldo, ldo, x + j, tile, from, blocks);
}

INLINE void int_tile_q4(float *out, size_t ldo, const rt_q8_row *x, size_t m, const int_tile *tile,
                        size_t from, size_t blocks)
{
    size_t j = 0;

    for (; j + 6 <= m; j += 6)
        int_rows_q4_6(out + j * ldo, ldo, x + j, tile, from, blocks);
    for (; j + 4 <= m; j += 4)
        int_rows_q4_4(out + j * ldo, ldo, x + j, tile, from, blocks);
    for (; j < m; j++)
        int_rows_q4_1(out + j * ldo, ldo, x + j, tile, from, blocks);
}

typedef void (*read_int_tile)(int_tile *tile, const uint8_t *block, size_t blocks);
typedef void (*multiply_int_tile)(float *out, size_t ldo, const rt_q8_row *x, size_t m,
                                  const int_tile *tile, size_t from, size_t blocks);

/* One row takes a panel from end to end, so that memory is read in order; more take blocks of
 * columns of all panels in turn, while their own columns are near. */
INLINE void product_int8(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                         const uint8_t *panels, size_t n_panels, size_t block_bytes,
                         read_int_tile read, multiply_int_tile multiply)
{
    int_tile tile;
    size_t blocks = (k + RT_BLOCK - 1) / RT_BLOCK;
    size_t together = m > TILED_ROWS ? n_panels : 1;

    for (size_t first = 0; first < n_panels; first += together)
        for (size_t from = 0; from < blocks; from += INT_BLOCKS)
            for (size_t p = first; p < first + together; p++) {
                size_t some = blocks - from < INT_BLOCKS ? blocks - from : INT_BLOCKS;

                read(&tile, panels + (p * blocks + from) * block_bytes, some);
                multiply(out + p * RT_PANEL, ldo, x, m, &tile, from, some);
            }
}

static void product_int8_q8(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                            const void *panels, size_t n_panels)
{
    product_int8(out, ldo, x, m, k, panels, n_panels, RT_Q8_BLOCK_BYTES, read_q8, int_tile_q8);
}

static void product_int8_q4(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                            const void *panels, size_t n_panels)
{
    product_int8(out, ldo, x, m, k, panels, n_panels, RT_Q4_BLOCK_BYTES, read_q4, int_tile_q4);
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
