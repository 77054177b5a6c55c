/*
 * The kernels over vectors of RT_LANES floats, for files that are compiled for one instruction set
 * each; included once by such a file, which names the table and adds what only its set has. Written
 * with the compilers' vector types: what is a product and a sum here is one fused instruction there,
 * because these files are compiled with -ffp-contract=fast.
 *
 * Products go in blocks of columns and groups of rows: a block of a panel is unpacked into a tile of
 * f32 that stays in the first cache, and each group of rows holds its sums in registers while it
 * passes over the tile. Every sum is made in the same order whatever m is, so that a row's result
 * does not depend on what it was computed together with.
 */
#ifndef RT_ENGINE_KERNELS_VECTOR_H
#define RT_ENGINE_KERNELS_VECTOR_H

#include <math.h>

#include "engine/half.h"
#include "engine/kernels.h"
#include "engine/vector.h"

/* ---- products ---- */

/* Columns of a block: a tile of 256 x 16 f32 is half of a first cache of 32 KiB. */
enum { BLOCK_K = 256, WIDE = RT_PANEL / RT_LANES };

/* out[rows][16] (+)= x[rows][n] tile[n][16] */
#define DEFINE_TILE(rows)                                                                          \
    INLINE void tile_##rows(float *out, size_t ldo, const float *x, size_t ldx, const float *tile, \
                            size_t n, int first)                                                   \
    {                                                                                              \
        vec sums[rows][WIDE] = {0};                                                                \
                                                                                                   \
        for (size_t i = 0; i < n; i++) {                                                           \
            vec w[WIDE];                                                                           \
                                                                                                   \
            for (int c = 0; c < WIDE; c++)                                                         \
                w[c] = load(tile + i * RT_PANEL + c * RT_LANES);                                   \
            for (int r = 0; r < rows; r++)                                                         \
                for (int c = 0; c < WIDE; c++)                                                     \
                    sums[r][c] += x[(size_t)r * ldx + i] * w[c];                                   \
        }                                                                                          \
        for (int r = 0; r < rows; r++)                                                             \
            for (int c = 0; c < WIDE; c++) {                                                       \
                float *to = out + (size_t)r * ldo + c * RT_LANES;                                  \
                                                                                                   \
                store(to, first ? sums[r][c] : load(to) + sums[r][c]);                             \
            }                                                                                      \
    }

DEFINE_TILE(1)
DEFINE_TILE(2)
DEFINE_TILE(4)
DEFINE_TILE(6)

INLINE void multiply_tile(float *out, size_t ldo, const float *x, size_t ldx, size_t m,
                          const float *tile, size_t n, int first)
{
    size_t j = 0;

    for (; j + 6 <= m; j += 6)
        tile_6(out + j * ldo, ldo, x + j * ldx, ldx, tile, n, first);
    for (; j + 4 <= m; j += 4)
        tile_4(out + j * ldo, ldo, x + j * ldx, ldx, tile, n, first);
    for (; j + 2 <= m; j += 2)
        tile_2(out + j * ldo, ldo, x + j * ldx, ldx, tile, n, first);
    if (j < m)
        tile_1(out + j * ldo, ldo, x + j * ldx, ldx, tile, n, first);
}

/* Columns [from, from + n) of a panel as f32; from is a multiple of 32. */
typedef void (*unpack)(float *tile, const uint8_t *panel, size_t from, size_t n);

/* Blocks of columns outside, panels within: the rows' columns stay in the second cache while all
 * panels pass over them. */
INLINE void multiply_panels(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                            const void *panels, size_t n_panels, size_t panel_bytes,
                            unpack unpack_block)
{
    float tile[BLOCK_K * RT_PANEL] __attribute__((aligned(64)));

    for (size_t from = 0; from < k; from += BLOCK_K) {
        size_t n = k - from < BLOCK_K ? k - from : BLOCK_K;

        for (size_t p = 0; p < n_panels; p++) {
            const uint8_t *panel = (const uint8_t *)panels + p * panel_bytes;

            unpack_block(tile, panel, from, n);
            multiply_tile(out + p * RT_PANEL, ldo, x + from, ldx, m, tile, n, from == 0);
        }
    }
}

static void product_f32(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                        const void *panels, size_t n_panels)
{
    for (size_t from = 0; from < k; from += BLOCK_K) {
        size_t n = k - from < BLOCK_K ? k - from : BLOCK_K;

        for (size_t p = 0; p < n_panels; p++)
            multiply_tile(out + p * RT_PANEL, ldo, x + from, ldx, m,
                          (const float *)panels + (p * k + from) * RT_PANEL, n, from == 0);
    }
}

/* A pair of columns is 16 words; the low half of each is the first. */
INLINE void unpack_bf16(float *tile, const uint8_t *panel, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i += 2)
        for (int c = 0; c < WIDE; c++) {
            ivec pair;

            memcpy(&pair, panel + (from + i) * RT_PANEL * 2 + (size_t)c * sizeof(pair),
                   sizeof(pair));
            store(tile + i * RT_PANEL + c * RT_LANES, (vec)(pair << 16));
            /* Past the last column of an odd number the tile has room, and nobody reads it. */
            store(tile + (i + 1) * RT_PANEL + c * RT_LANES, (vec)(pair & (int32_t)0xffff0000));
        }
}

static void product_bf16(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                         const void *panels, size_t n_panels)
{
    multiply_panels(out, ldo, x, ldx, m, k, panels, n_panels, rt_panel_bytes(RT_PACK_BF16, k),
                    unpack_bf16);
}

/* Scales of a block's rows. */
INLINE void block_scales(float scales[RT_PANEL], const uint8_t *block, size_t block_bytes)
{
    for (size_t r = 0; r < RT_PANEL; r++) {
        uint16_t bits;

        memcpy(&bits, block + block_bytes - (RT_PANEL - r) * sizeof(bits), sizeof(bits));
        scales[r] = rt_f16_to_f32(bits);
    }
}

/* A word holds four columns of a row, the first in its lowest byte. */
INLINE void unpack_words(float *tile, const uint8_t *words, int shift, int mask, int offset,
                         const float scales[RT_PANEL], int groups)
{
    for (int g = 0; g < groups; g++)
        for (int c = 0; c < WIDE; c++) {
            ivec word;
            vec scale = load(scales + c * RT_LANES);

            memcpy(&word, words + (size_t)(g * RT_PANEL + c * RT_LANES) * 4, sizeof(word));
            for (int b = 0; b < 4; b++) {
                ivec q = ((word >> (8 * b + shift)) & mask) - offset;

                store(tile + (g * 4 + b) * RT_PANEL + c * RT_LANES,
                      __builtin_convertvector(q, vec) * scale);
            }
        }
}

INLINE void unpack_q8(float *tile, const uint8_t *panel, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i += RT_BLOCK) {
        const uint8_t *block = panel + (from + i) / RT_BLOCK * RT_Q8_BLOCK_BYTES;
        float scales[RT_PANEL];

        block_scales(scales, block, RT_Q8_BLOCK_BYTES);
        unpack_words(tile + i * RT_PANEL, block, 0, 255, 128, scales, 8);
    }
}

INLINE void unpack_q4(float *tile, const uint8_t *panel, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i += RT_BLOCK) {
        const uint8_t *block = panel + (from + i) / RT_BLOCK * RT_Q4_BLOCK_BYTES;
        float scales[RT_PANEL];

        block_scales(scales, block, RT_Q4_BLOCK_BYTES);
        unpack_words(tile + i * RT_PANEL, block, 0, 15, 8, scales, 4);
        unpack_words(tile + (i + 16) * RT_PANEL, block, 4, 15, 8, scales, 4);
    }
}

static void product_q8(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                       const void *panels, size_t n_panels)
{
    multiply_panels(out, ldo, x, ldx, m, k, panels, n_panels, rt_panel_bytes(RT_PACK_Q8, k),
                    unpack_q8);
}

static void product_q4(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                       const void *panels, size_t n_panels)
{
    multiply_panels(out, ldo, x, ldx, m, k, panels, n_panels, rt_panel_bytes(RT_PACK_Q4, k),
                    unpack_q4);
}

static void quantise_row(rt_q8_row *out, const float *x, size_t k)
{
    for (size_t b = 0; b * RT_BLOCK < k; b++) {
        size_t n = k - b * RT_BLOCK < RT_BLOCK ? k - b * RT_BLOCK : RT_BLOCK;
        float in[RT_BLOCK] = {0}, most = 0;
        int32_t sum = 0;

        memcpy(in, x + b * RT_BLOCK, n * sizeof(*in));
        for (int i = 0; i < RT_BLOCK; i++)
            most = fabsf(in[i]) > most ? fabsf(in[i]) : most;
        float inverse = most > 0 ? 127 / most : 0;
        out->scales[b] = most / 127;
        for (int i = 0; i < RT_BLOCK; i++) {
            /* To the nearest, ties to even, as lrintf(). */
            int32_t q = (int32_t)(rt_f32_to_bits(in[i] * inverse + 12582912.0F) - 0x4b400000U);

            out->values[b * RT_BLOCK + (size_t)i] = (int8_t)q;
            sum += q;
        }
        out->sums[b] = sum;
    }
}

/* ---- attention ---- */

INLINE vec load_kept(const void *kept, rt_kept kind, size_t i);

/* Eight keys at a time against one query would read the query eight times; four rows of queries
 * against four keys read each of both four times. */
INLINE void scores(float *out, size_t ldo, const float *q, size_t ldq, size_t m, const void *keys,
                   size_t ldk, size_t n, size_t d, rt_kept kind)
{
    size_t whole = d / RT_LANES * RT_LANES;

    for (size_t t = 0; t < n; t += 4)
        for (size_t j = 0; j < m; j += 2) {
            vec sums[2][4] = {0};
            size_t rows = m - j < 2 ? m - j : 2, columns = n - t < 4 ? n - t : 4;

            if (rows == 2 && columns == 4) {
                for (size_t i = 0; i < whole; i += RT_LANES) {
                    vec a = load(q + j * ldq + i), b = load(q + (j + 1) * ldq + i);

                    for (size_t c = 0; c < 4; c++) {
                        vec key = load_kept(keys, kind, (t + c) * ldk + i);

                        sums[0][c] += a * key;
                        sums[1][c] += b * key;
                    }
                }
            } else {
                for (size_t r = 0; r < rows; r++)
                    for (size_t c = 0; c < columns; c++)
                        for (size_t i = 0; i < whole; i += RT_LANES)
                            sums[r][c] += load(q + (j + r) * ldq + i) *
                                          load_kept(keys, kind, (t + c) * ldk + i);
            }
            for (size_t r = 0; r < rows; r++)
                for (size_t c = 0; c < columns; c++) {
                    float sum = sum_of(sums[r][c]);

                    for (size_t i = whole; i < d; i++)
                        sum += q[(j + r) * ldq + i] *
                               (kind == RT_KEPT_F16
                                    ? rt_f16_to_f32(((const uint16_t *)keys)[(t + c) * ldk + i])
                                    : ((const float *)keys)[(t + c) * ldk + i]);
                    out[(j + r) * ldo + t + c] = sum;
                }
        }
}

INLINE void blend(float *out, size_t ldo, const float *weights, size_t ldw, size_t m,
                  const void *values, size_t ldv, size_t n, size_t d, rt_kept kind)
{
    size_t whole = d / RT_LANES * RT_LANES;

    for (size_t j = 0; j < m; j += 4) {
        size_t rows = m - j < 4 ? m - j : 4;

        for (size_t i = 0; i < whole; i += RT_LANES) {
            vec sums[4] = {0};

            if (rows == 4) {
                for (size_t t = 0; t < n; t++) {
                    vec value = load_kept(values, kind, t * ldv + i);

                    for (size_t r = 0; r < 4; r++)
                        sums[r] += weights[(j + r) * ldw + t] * value;
                }
            } else {
                for (size_t t = 0; t < n; t++) {
                    vec value = load_kept(values, kind, t * ldv + i);

                    for (size_t r = 0; r < rows; r++)
                        sums[r] += weights[(j + r) * ldw + t] * value;
                }
            }
            for (size_t r = 0; r < rows; r++)
                store(out + (j + r) * ldo + i, sums[r]);
        }
        for (size_t r = 0; r < rows; r++)
            for (size_t i = whole; i < d; i++) {
                float sum = 0;

                for (size_t t = 0; t < n; t++)
                    sum += weights[(j + r) * ldw + t] *
                           (kind == RT_KEPT_F16
                                ? rt_f16_to_f32(((const uint16_t *)values)[t * ldv + i])
                                : ((const float *)values)[t * ldv + i]);
                out[(j + r) * ldo + i] = sum;
            }
    }
}

static void scores_f16(float *out, size_t ldo, const float *q, size_t ldq, size_t m,
                       const void *keys, size_t ldk, size_t n, size_t d)
{
    scores(out, ldo, q, ldq, m, keys, ldk, n, d, RT_KEPT_F16);
}

static void scores_f32(float *out, size_t ldo, const float *q, size_t ldq, size_t m,
                       const void *keys, size_t ldk, size_t n, size_t d)
{
    scores(out, ldo, q, ldq, m, keys, ldk, n, d, RT_KEPT_F32);
}

static void blend_f16(float *out, size_t ldo, const float *weights, size_t ldw, size_t m,
                      const void *values, size_t ldv, size_t n, size_t d)
{
    blend(out, ldo, weights, ldw, m, values, ldv, n, d, RT_KEPT_F16);
}

static void blend_f32(float *out, size_t ldo, const float *weights, size_t ldw, size_t m,
                      const void *values, size_t ldv, size_t n, size_t d)
{
    blend(out, ldo, weights, ldw, m, values, ldv, n, d, RT_KEPT_F32);
}

/* For each piece of x[n] as a vector `v` of `lanes` elements at `i`. */
#define OVER(n, body)                                                                              \
    do {                                                                                           \
        size_t i = 0;                                                                              \
                                                                                                   \
        for (; i + RT_LANES <= (n); i += RT_LANES) {                                               \
            body(load, store)                                                                      \
        }                                                                                          \
        if (i < (n)) {                                                                             \
            body(LOAD_REST, STORE_REST)                                                            \
        }                                                                                          \
    } while (0)
#define LOAD_REST(x)     load_rest(x, n - i)
#define STORE_REST(x, v) store_rest(x, v, n - i)

static void softmax(float *x, size_t n)
{
    float most = x[0];
    vec sums = {0};

    for (size_t i = 1; i < n; i++)
        most = x[i] > most ? x[i] : most;
    size_t whole = n / RT_LANES * RT_LANES;
    for (size_t i = 0; i < whole; i += RT_LANES) {
        vec e = vec_exp(load(x + i) - most);

        sums += e;
        store(x + i, e);
    }
    float sum = sum_of(sums);
    if (whole < n) {
        store_rest(x + whole, vec_exp(load_rest(x + whole, n - whole) - most), n - whole);
        for (size_t i = whole; i < n; i++)
            sum += x[i];
    }
    float inverse = 1 / sum;
    for (size_t i = 0; i < n; i++)
        x[i] *= inverse;
}

/* ---- norms and activations ---- */

/* Sums of f32 in RT_LANES strands: rows are of some thousands of elements. */
INLINE float sum_row(const float *x, size_t n)
{
    vec sums = {0};

#define BODY(get, put) sums += get(x + i);
    OVER(n, BODY);
#undef BODY
    return sum_of(sums);
}

static void layer_norm(float *out, const float *x, const float *weight, const float *bias, size_t n,
                       float eps)
{
    float mean = sum_row(x, n) / (float)n, square = 0;
    vec sums = {0};
    size_t whole = n / RT_LANES * RT_LANES;

    for (size_t i = 0; i < whole; i += RT_LANES) {
        vec v = load(x + i) - mean;

        sums += v * v;
    }
    square = sum_of(sums);
    for (size_t i = whole; i < n; i++)
        square += (x[i] - mean) * (x[i] - mean);
    float inverse = 1 / sqrtf(square / (float)n + eps);
    if (bias) {
        for (size_t i = 0; i < n; i++)
            out[i] = (x[i] - mean) * inverse * weight[i] + bias[i];
    } else {
        for (size_t i = 0; i < n; i++)
            out[i] = (x[i] - mean) * inverse * weight[i];
    }
}

static void rms_norm(float *out, const float *x, const float *weight, size_t n, float eps)
{
    vec sums = {0};

#define BODY(get, put)                                                                             \
    vec v = get(x + i);                                                                            \
    sums += v * v;
    OVER(n, BODY);
#undef BODY
    float inverse = 1 / sqrtf(sum_of(sums) / (float)n + eps);
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * inverse * weight[i];
}

/* erf by Abramowitz and Stegun 7.1.26, absolute error 1.5e-7. */
static void gelu_erf(float *x, size_t n)
{
#define BODY(get, put)                                                                             \
    vec v = get(x + i), z = v * 0.70710678F;                                                       \
    ivec negative = z < all(0);                                                                    \
    vec a = choose(negative, -z, z), t = 1.0F / (1.0F + 0.3275911F * a);                           \
    vec p =                                                                                        \
        t * (0.254829592F +                                                                        \
             t * (-0.284496736F + t * (1.421413741F + t * (-1.453152027F + t * 1.061405429F))));   \
    vec tail = p * vec_exp(-a * a);                                                                \
    put(x + i, v * 0.5F * choose(negative, tail, 2.0F - tail));
    OVER(n, BODY);
#undef BODY
}

/* (1 + tanh u) / 2 = 1 / (1 + e^-2u) */
static void gelu_tanh(float *x, size_t n)
{
#define BODY(get, put)                                                                             \
    vec v = get(x + i);                                                                            \
    vec u = 1.5957691216F * (v + 0.044715F * v * v * v);                                           \
    put(x + i, v / (1.0F + vec_exp(-u)));
    OVER(n, BODY);
#undef BODY
}

static void silu_gate(float *gate, const float *up, size_t n)
{
#define BODY(get, put)                                                                             \
    vec v = get(gate + i);                                                                         \
    put(gate + i, v / (1.0F + vec_exp(-v)) * get(up + i));
    OVER(n, BODY);
#undef BODY
}

static void add(float *to, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += x[i];
}

static void add_scaled(float *to, const float *x, const float *scale, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += scale[i] * x[i];
}

static void rotate_halves(float *x, const float *cosines, const float *sines, size_t d)
{
    for (size_t i = 0; i < d / 2; i++) {
        float a = x[i], b = x[i + d / 2];

        x[i] = a * cosines[i] - b * sines[i];
        x[i + d / 2] = b * cosines[i] + a * sines[i];
    }
}

static void bf16_to_f32(float *out, const uint16_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = rt_bf16_to_f32(x[i]);
}

#endif
