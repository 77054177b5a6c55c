/*
 * The kernels over vectors of RT_LANES floats, for files that are compiled for one instruction set
 * each; included once by such a file, which adds what only its set has. Written
 * with the compilers' vector types; products with weights say where they fuse (fused()), the rest is left
 * to -ffp-contract=fast.
 *
 * Products go in blocks of columns and groups of rows: a block of a panel is unpacked into a tile of
 * f32 that stays in the first cache, and each group of rows holds its sums in registers while it
 * passes over the tile. Attention is two such products, with keys and values for panels. Every sum of
 * a product with weights is made in the same order whatever m is, so that a row's result does not
 * depend on what it was computed together with.
 */
#ifndef RT_ENGINE_KERNELS_VECTOR_H
#define RT_ENGINE_KERNELS_VECTOR_H

#include <math.h>

#include "engine/half.h"
#include "engine/kernels.h"
#include "engine/vector.h"

/* a b + sum, rounded once. Said, not left to the compiler: whether it fuses two operations can depend on
 * what stands around them, and a row's result would on how many are computed with it. */
INLINE vec fused(vec a, vec b, vec sum)
{
#if RT_LANES == 16
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)sum);
#elif RT_LANES == 8
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)sum);
#else
    return (vec)vfmaq_f32((float32x4_t)sum, (float32x4_t)a, (float32x4_t)b);
#endif
}

/* A NaN is not greater than anything. */
INLINE float greatest_of(vec v)
{
    float most = v[0];

    for (int i = 1; i < RT_LANES; i++)
        most = v[i] > most ? v[i] : most;
    return most;
}

/* Of the instruction set: RT_LANES numbers of 16 bits, as f16, to and from f32. */
INLINE vec load_f16(const void *halves);
INLINE void store_f16(void *halves, vec v);

/* ---- products ---- */

/* Columns of a block: a tile of 256 x 16 f32 is half of a first cache of 32 KiB. Rows that pass over all
 * panels together: their block of columns is half of a second cache of 512 KiB. */
enum { BLOCK_K = 256, BLOCK_M = 240, WIDE = RT_PANEL / RT_LANES };

/* Rows that are few: their products are bound by memory, which is asked for so far ahead (prefetching by the
 * machine ends at a page's). */
enum { FEW_ROWS = 8, AHEAD_BYTES = 4096 };

/* out[rows][16] (+)= x[rows][n] tile[n][16], the tile's rows `ldt` floats apart. Not inlined: what the
 * callers keep in registers would push a sum out of them. */
#define DEFINE_TILE(rows)                                                                          \
    static __attribute__((noinline)) void tile_##rows(float *out, size_t ldo, const float *x,      \
                                                      size_t ldx, const float *tile, size_t ldt,   \
                                                      size_t n, int first)                         \
    {                                                                                              \
        vec sums[rows][WIDE] = {0};                                                                \
                                                                                                   \
        for (int r = 0; r < rows; r++)                                                             \
            __builtin_prefetch(out + (size_t)r * ldo); /* needed last, and far from each other */  \
        for (size_t i = 0; i < n; i++) {                                                           \
            vec w[WIDE];                                                                           \
                                                                                                   \
            for (int c = 0; c < WIDE; c++)                                                         \
                w[c] = load(tile + i * ldt + c * RT_LANES);                                        \
            for (int r = 0; r < rows; r++)                                                         \
                for (int c = 0; c < WIDE; c++)                                                     \
                    sums[r][c] = fused(all(x[(size_t)r * ldx + i]), w[c], sums[r][c]);             \
        }                                                                                          \
        for (int r = 0; r < rows; r++)                                                             \
            for (int c = 0; c < WIDE; c++) {                                                       \
                float *to = out + (size_t)r * ldo + c * RT_LANES;                                  \
                                                                                                   \
                store(to, first ? sums[r][c] : load(to) + sums[r][c]);                             \
            }                                                                                      \
    }

/* Twelve sums are what hides the latency of a fused multiplication and addition. */
#if RT_LANES == 16
DEFINE_TILE(12)
#endif
DEFINE_TILE(6)
DEFINE_TILE(4)
DEFINE_TILE(2)
DEFINE_TILE(1)

INLINE void multiply_tile(float *out, size_t ldo, const float *x, size_t ldx, size_t m,
                          const float *tile, size_t ldt, size_t n, int first)
{
    size_t j = 0;

#define ROWS(rows)                                                                                 \
    for (; j + (rows) <= m; j += (rows))                                                           \
        tile_##rows(out + j * ldo, ldo, x + j * ldx, ldx, tile, ldt, n, first);
#if RT_LANES == 16
    ROWS(12)
#endif
    ROWS(6)
    ROWS(4)
    ROWS(2)
    ROWS(1)
#undef ROWS
}

/* Columns [from, from + n) of a panel as f32, in `tile` or where they stand; from is a multiple of
 * 32. */
typedef const float *(*unpack)(float *tile, const uint8_t *panel, size_t from, size_t n);

/* Rows outside, then columns, panels within; few rows take a panel from end to end, so that memory is read in
 * order. */
INLINE void multiply_panels(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                            const void *panels, size_t n_panels, size_t panel_bytes,
                            unpack unpack_block)
{
    float place[BLOCK_K * RT_PANEL] __attribute__((aligned(64)));
    size_t together = m > FEW_ROWS ? n_panels : 1;

    for (size_t j = 0; j < m; j += BLOCK_M) {
        size_t rows = m - j < BLOCK_M ? m - j : BLOCK_M;

        for (size_t first = 0; first < n_panels; first += together)
            for (size_t from = 0; from < k; from += BLOCK_K) {
                size_t n = k - from < BLOCK_K ? k - from : BLOCK_K;

                for (size_t p = first; p < first + together; p++) {
                    const uint8_t *panel = (const uint8_t *)panels + p * panel_bytes;

                    multiply_tile(out + j * ldo + p * RT_PANEL, ldo, x + j * ldx + from, ldx, rows,
                                  unpack_block(place, panel, from, n), RT_PANEL, n, from == 0);
                }
            }
    }
}

INLINE const float *unpack_f32(float *tile, const uint8_t *panel, size_t from, size_t n)
{
    (void)tile, (void)n;
    return (const float *)(const void *)panel + from * RT_PANEL;
}

static void product_f32(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                        const void *panels, size_t n_panels)
{
    multiply_panels(out, ldo, x, ldx, m, k, panels, n_panels, rt_panel_bytes(RT_PACK_F32, k),
                    unpack_f32);
}

/* A pair of columns is 16 words; the low half of each is the first. */
INLINE const float *unpack_bf16(float *tile, const uint8_t *panel, size_t from, size_t n)
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
    return tile;
}

#ifndef RT_BF16_IN_PAIRS
/* To the sums of so many rows, a pair of columns (or one, the last of an odd number) of `wide` panels side by
 * side. Two rows have their factors in registers for all panels, vector by vector; more rows have room for one
 * factor at a time, and for a panel's vectors. */
INLINE void add_bf16_pair(vec sums[][2][WIDE], const float *x, size_t ldx, const uint8_t *at,
                          size_t panel_bytes, const int rows, const int wide, const int columns)
{
    const int held = rows <= 2 ? 1 : WIDE;

    for (int p = 0; p < wide; p++, at += panel_bytes) {
        __builtin_prefetch(at + AHEAD_BYTES);
        for (int from = 0; from < WIDE; from += held) {
            vec first[WIDE], second[WIDE];

            for (int c = from; c < from + held; c++) {
                ivec pair;

                memcpy(&pair, at + (size_t)c * sizeof(pair), sizeof(pair));
                first[c] = (vec)(pair << 16);
                second[c] = (vec)(pair & (int32_t)0xffff0000);
            }
            for (int r = 0; r < rows; r++)
                for (int c = from; c < from + held; c++)
                    sums[r][p][c] = fused(all(x[(size_t)r * ldx]), first[c], sums[r][p][c]);
            for (int r = 0; r < rows && columns == 2; r++)
                for (int c = from; c < from + held; c++)
                    sums[r][p][c] = fused(all(x[(size_t)r * ldx + 1]), second[c], sums[r][p][c]);
        }
    }
}

/* So many rows over `wide` panels side by side, from memory to registers. Not inlined, as tiles are not. */
#define DEFINE_BF16_ROWS(rows, wide)                                                               \
    static __attribute__((noinline)) void bf16_rows_##rows##_##wide(                               \
        float *out, size_t ldo, const float *x, size_t ldx, size_t k, const uint8_t *panel,        \
        size_t panel_bytes)                                                                        \
    {                                                                                              \
        vec totals[rows][2][WIDE] = {0};                                                           \
                                                                                                   \
        for (size_t from = 0; from < k; from += BLOCK_K) {                                         \
            size_t end = k - from < BLOCK_K ? k : from + BLOCK_K, i = from;                        \
            vec sums[rows][2][WIDE] = {0};                                                         \
                                                                                                   \
            for (; i + 2 <= end; i += 2)                                                           \
                add_bf16_pair(sums, x + i, ldx, panel + i * RT_PANEL * 2, panel_bytes, rows, wide, \
                              2);                                                                  \
            if (i < end)                                                                           \
                add_bf16_pair(sums, x + i, ldx, panel + i * RT_PANEL * 2, panel_bytes, rows, wide, \
                              1);                                                                  \
            for (int r = 0; r < rows; r++)                                                         \
                for (int p = 0; p < wide; p++)                                                     \
                    for (int c = 0; c < WIDE; c++)                                                 \
                        totals[r][p][c] =                                                          \
                            from == 0 ? sums[r][p][c] : totals[r][p][c] + sums[r][p][c];           \
        }                                                                                          \
        for (int r = 0; r < rows; r++)                                                             \
            for (int p = 0; p < wide; p++)                                                         \
                for (int c = 0; c < WIDE; c++)                                                     \
                    store(out + (size_t)r * ldo + p * RT_PANEL + c * RT_LANES, totals[r][p][c]);   \
    }

DEFINE_BF16_ROWS(4, 1)
DEFINE_BF16_ROWS(3, 1)
DEFINE_BF16_ROWS(2, 1)
DEFINE_BF16_ROWS(2, 2)
DEFINE_BF16_ROWS(1, 2)
DEFINE_BF16_ROWS(1, 1)

static void product_bf16(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                         const void *panels, size_t n_panels)
{
    size_t panel_bytes = rt_panel_bytes(RT_PACK_BF16, k), p = 0;
    const uint8_t *panel = panels;

    if (m > FEW_ROWS) {
        multiply_panels(out, ldo, x, ldx, m, k, panels, n_panels, panel_bytes, unpack_bf16);
        return;
    }
    /* One row and two keep the memory busy with two panels at a time. */
    for (; m == 1 && p + 2 <= n_panels; p += 2)
        bf16_rows_1_2(out + p * RT_PANEL, ldo, x, ldx, k, panel + p * panel_bytes, panel_bytes);
    for (; m == 2 && p + 2 <= n_panels; p += 2)
        bf16_rows_2_2(out + p * RT_PANEL, ldo, x, ldx, k, panel + p * panel_bytes, panel_bytes);
    for (; p < n_panels; p++) {
        size_t j = 0;

#define ROWS(rows)                                                                                 \
    for (; j + (rows) <= m; j += (rows))                                                           \
        bf16_rows_##rows##_1(out + j * ldo + p * RT_PANEL, ldo, x + j * ldx, ldx, k,               \
                             panel + p * panel_bytes, panel_bytes);
        ROWS(4)
        ROWS(3)
        ROWS(2)
        ROWS(1)
#undef ROWS
    }
}
#endif

/* Scales of a block's rows. */
INLINE void block_scales(vec scales[WIDE], const uint8_t *block, size_t block_bytes)
{
    const uint8_t *halves = block + block_bytes - RT_PANEL * sizeof(uint16_t);

    for (size_t c = 0; c < WIDE; c++)
        scales[c] = load_f16(halves + c * RT_LANES * sizeof(uint16_t));
}

/* A word holds four columns of a row, the first in its lowest byte. */
INLINE void unpack_words(float *tile, const uint8_t *words, int shift, int mask, int offset,
                         const vec scales[WIDE], int groups)
{
    for (int g = 0; g < groups; g++)
        for (int c = 0; c < WIDE; c++) {
            ivec word;

            memcpy(&word, words + (size_t)(g * RT_PANEL + c * RT_LANES) * 4, sizeof(word));
            for (int b = 0; b < 4; b++) {
                ivec q = ((word >> (8 * b + shift)) & mask) - offset;

                store(tile + (g * 4 + b) * RT_PANEL + c * RT_LANES,
                      __builtin_convertvector(q, vec) * scales[c]);
            }
        }
}

INLINE const float *unpack_q8(float *tile, const uint8_t *panel, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i += RT_BLOCK) {
        const uint8_t *block = panel + (from + i) / RT_BLOCK * RT_Q8_BLOCK_BYTES;
        vec scales[WIDE];

        block_scales(scales, block, RT_Q8_BLOCK_BYTES);
        unpack_words(tile + i * RT_PANEL, block, 0, 255, 128, scales, 8);
    }
    return tile;
}

INLINE const float *unpack_q4(float *tile, const uint8_t *panel, size_t from, size_t n)
{
    for (size_t i = 0; i < n; i += RT_BLOCK) {
        const uint8_t *block = panel + (from + i) / RT_BLOCK * RT_Q4_BLOCK_BYTES;
        vec scales[WIDE];

        block_scales(scales, block, RT_Q4_BLOCK_BYTES);
        unpack_words(tile + i * RT_PANEL, block, 0, 15, 8, scales, 4);
        unpack_words(tile + (i + 16) * RT_PANEL, block, 4, 15, 8, scales, 4);
    }
    return tile;
}

/* One row over `wide` panels of q8 or q4 side by side, from memory to registers. */
INLINE void row_of_words(float *out, const float *x, size_t k, const uint8_t *panel,
                         size_t panel_bytes, const size_t wide, const int bits)
{
    const size_t block_bytes = bits == 8 ? RT_Q8_BLOCK_BYTES : RT_Q4_BLOCK_BYTES;
    vec totals[2][WIDE] = {0}, sums[2][WIDE] = {0}, scales[2][WIDE];

    for (size_t i = 0; i < k; i += RT_BLOCK) {
        const uint8_t *block = panel + i / RT_BLOCK * block_bytes;
        float columns[RT_BLOCK] = {0};

        memcpy(columns, x + i, (k - i < RT_BLOCK ? k - i : RT_BLOCK) * sizeof(*x));
        for (size_t p = 0; p < wide; p++) {
            block_scales(scales[p], block + p * panel_bytes, block_bytes);
            for (size_t at = 0; at < block_bytes; at += 64)
                __builtin_prefetch(block + p * panel_bytes + at + AHEAD_BYTES);
        }
        for (int g = 0; g < RT_BLOCK / 4; g++)
            for (size_t p = 0; p < wide; p++)
                for (int c = 0; c < WIDE; c++) {
                    int at = (g % bits * RT_PANEL + c * RT_LANES) * 4, shift = g / bits * 4;
                    ivec word;

                    memcpy(&word, block + p * panel_bytes + at, sizeof(word));
                    for (int b = 0; b < 4; b++) {
                        ivec q = ((word >> (8 * b + shift)) & ((1 << bits) - 1)) - (1 << bits) / 2;

                        vec weights = __builtin_convertvector(q, vec) * scales[p][c];

                        sums[p][c] = fused(all(columns[g * 4 + b]), weights, sums[p][c]);
                    }
                }
        if ((i + RT_BLOCK) % BLOCK_K != 0 && i + RT_BLOCK < k)
            continue;
        for (size_t p = 0; p < wide; p++)
            for (int c = 0; c < WIDE; c++) {
                totals[p][c] = i < BLOCK_K ? sums[p][c] : totals[p][c] + sums[p][c];
                sums[p][c] = (vec){0};
            }
    }
    for (size_t p = 0; p < wide; p++)
        for (int c = 0; c < WIDE; c++)
            store(out + p * RT_PANEL + c * RT_LANES, totals[p][c]);
}

INLINE void product_of_words(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                             const uint8_t *panels, size_t n_panels, const int bits,
                             unpack unpack_block)
{
    size_t panel_bytes = rt_panel_bytes(bits == 8 ? RT_PACK_Q8 : RT_PACK_Q4, k), p = 0;

    if (m > 1) {
        multiply_panels(out, ldo, x, ldx, m, k, panels, n_panels, panel_bytes, unpack_block);
        return;
    }
    for (; p + 2 <= n_panels; p += 2)
        row_of_words(out + p * RT_PANEL, x, k, panels + p * panel_bytes, panel_bytes, 2, bits);
    if (p < n_panels)
        row_of_words(out + p * RT_PANEL, x, k, panels + p * panel_bytes, panel_bytes, 1, bits);
}

static void product_q8(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                       const void *panels, size_t n_panels)
{
    product_of_words(out, ldo, x, ldx, m, k, panels, n_panels, 8, unpack_q8);
}

static void product_q4(float *out, size_t ldo, const float *x, size_t ldx, size_t m, size_t k,
                       const void *panels, size_t n_panels)
{
    product_of_words(out, ldo, x, ldx, m, k, panels, n_panels, 4, unpack_q4);
}

/* ---- products in integers ---- */

/* Of the instruction set: four columns of RT_LANES of a panel's rows, from place `at` of a block of q8 (in q4
 * the columns from the 16th on are the high halves of the bytes); and the sum of a block's products of
 * one row of x with them, which begins with the row's offsets, goes on with four columns, and ends as a whole
 * number a lane. */
INLINE ivec weights_at(const uint8_t *block, size_t at, const int bits);
INLINE ivec begin_dot(int32_t offsets, const int bits);
INLINE ivec go_on(ivec dot, ivec weights, ivec x, const int bits);
INLINE ivec end_dot(ivec dot, const int bits);

INLINE ivec four_of(const int8_t *x)
{
    int32_t word;

    memcpy(&word, x, sizeof(word));
    return word - (ivec){0};
}

/* Keeps the compiler from making all products first and then the sums, which takes more registers
 * than there are. */
#if RT_LANES == 8
#define IN_ORDER(v) __asm__ volatile("" : "+x"(v))
#else
#define IN_ORDER(v) ((void)(v))
#endif

/* out[rows][16] = x[rows] times one panel of so many blocks. */
#define DEFINE_INT_ROWS(rows)                                                                      \
    INLINE void int_rows_##rows(float *out, size_t ldo, const rt_q8_row *x, size_t blocks,         \
                                const uint8_t *block, const int bits)                              \
    {                                                                                              \
        const size_t values = (size_t)bits * 64, sharing = RT_SCALED / RT_BLOCK;                   \
        vec totals[rows][WIDE] = {0}, sums[rows][WIDE] = {0};                                      \
                                                                                                   \
        for (size_t b = 0; b < blocks; b++, block += values + RT_PANEL * sizeof(uint16_t)) {       \
            ivec dots[rows][WIDE];                                                                 \
                                                                                                   \
            for (int r = 0; r < rows; r++)                                                         \
                for (int c = 0; c < WIDE; c++)                                                     \
                    dots[r][c] = begin_dot(x[r].offsets[b], bits);                                 \
            _Pragma("GCC unroll 8") for (size_t at = 0; at < RT_BLOCK * RT_PANEL; at += 64)        \
            {                                                                                      \
                ivec w[WIDE];                                                                      \
                                                                                                   \
                if (at < values)                                                                   \
                    __builtin_prefetch(block + at + AHEAD_BYTES);                                  \
                for (int c = 0; c < WIDE; c++)                                                     \
                    w[c] = weights_at(block, at + (size_t)c * sizeof(ivec), bits);                 \
                for (int r = 0; r < rows; r++) {                                                   \
                    ivec four = four_of(x[r].values + b * RT_BLOCK + at / RT_PANEL);               \
                                                                                                   \
                    for (int c = 0; c < WIDE; c++)                                                 \
                        dots[r][c] = go_on(dots[r][c], w[c], four, bits);                          \
                    for (int c = 0; c < WIDE; c++)                                                 \
                        IN_ORDER(dots[r][c]);                                                      \
                }                                                                                  \
            }                                                                                      \
            for (int r = 0; r < rows; r++)                                                         \
                for (int c = 0; c < WIDE; c++)                                                     \
                    sums[r][c] =                                                                   \
                        fused(__builtin_convertvector(end_dot(dots[r][c], bits), vec),             \
                              load_f16(block + values + (size_t)c * sizeof(vec) / 2), sums[r][c]); \
            if ((b + 1) % sharing != 0 && b + 1 < blocks)                                          \
                continue;                                                                          \
            for (int r = 0; r < rows; r++)                                                         \
                for (int c = 0; c < WIDE; c++) {                                                   \
                    totals[r][c] = fused(sums[r][c], all(x[r].scales[b / sharing]), totals[r][c]); \
                    sums[r][c] = (vec){0};                                                         \
                }                                                                                  \
        }                                                                                          \
        for (int r = 0; r < rows; r++)                                                             \
            for (int c = 0; c < WIDE; c++)                                                         \
                store(out + (size_t)r * ldo + c * RT_LANES, totals[r][c]);                         \
    }

#if RT_LANES == 16
DEFINE_INT_ROWS(8)
#endif
DEFINE_INT_ROWS(4)
DEFINE_INT_ROWS(2)
DEFINE_INT_ROWS(1)

/* The first rows bring a panel from memory, in order; for the others it is near. */
INLINE void product_int8(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                         const uint8_t *panels, size_t n_panels, const int bits)
{
    size_t blocks = (k + RT_BLOCK - 1) / RT_BLOCK;
    size_t panel_bytes = rt_panel_bytes(bits == 8 ? RT_PACK_Q8 : RT_PACK_Q4, k);

    for (size_t p = 0; p < n_panels; p++, out += RT_PANEL, panels += panel_bytes) {
        size_t j = 0;

#define ROWS(rows)                                                                                 \
    for (; j + (rows) <= m; j += (rows))                                                           \
        int_rows_##rows(out + j * ldo, ldo, x + j, blocks, panels, bits);
#if RT_LANES == 16
        ROWS(8)
#endif
        ROWS(4)
        ROWS(2)
        ROWS(1)
#undef ROWS
    }
}

static void product_int8_q8(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                            const void *panels, size_t n_panels)
{
    product_int8(out, ldo, x, m, k, panels, n_panels, 8);
}

static void product_int8_q4(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                            const void *panels, size_t n_panels)
{
    product_int8(out, ldo, x, m, k, panels, n_panels, 4);
}

static void quantise_row(rt_q8_row *out, const float *x, size_t k)
{
    for (size_t from = 0; from < k; from += RT_SCALED) {
        size_t n = k - from < RT_SCALED ? k - from : RT_SCALED;
        float last[RT_SCALED];
        const float *in = n == RT_SCALED ? x + from : last;
        vec mosts = {0};

        if (n < RT_SCALED) {
            memset(last, 0, sizeof(last));
            memcpy(last, x + from, n * sizeof(*last));
        }
        for (int i = 0; i < RT_SCALED; i += RT_LANES) {
            vec magnitude = (vec)((ivec)load(in + i) & INT32_MAX);

            mosts = choose(magnitude > mosts, magnitude, mosts);
        }
        float most = greatest_of(mosts), inverse = most > 0 ? 127 / most : 0;
        out->scales[from / RT_SCALED] = most / 127;
        for (size_t b = 0; b < n; b += RT_BLOCK) {
            uint32_t sums[2] = {0}; /* of the first two places of four, and of the others */
            int32_t whole[RT_BLOCK];
            ivec all_sums = {0};

            for (size_t i = 0; i < RT_BLOCK; i += RT_LANES) {
                /* To the nearest, ties to even, as lrintf(). */
                vec shifted = fused(load(in + b + i), all(inverse), all(12582912.0F));
                ivec q = (ivec)shifted - 0x4b400000;

                memcpy(whole + i, &q, sizeof(q));
                all_sums += q;
            }
            for (size_t i = 0; i < RT_BLOCK; i++)
                out->values[from + b + i] = (int8_t)whole[i];
            for (int i = 0; i < RT_LANES; i++)
                sums[i % 4 / 2] += (uint32_t)all_sums[i];
            out->offsets[(from + b) / RT_BLOCK] =
                (int32_t)(-8U * sums[1] << 16 | (-8U * sums[0] & 0xffff));
        }
    }
}

/* ---- attention ---- */

INLINE float one_kept(const void *kept, rt_kept kind, size_t i)
{
    return kind == RT_KEPT_F16 ? rt_f16_to_f32(((const uint16_t *)kept)[i])
                               : ((const float *)kept)[i];
}

INLINE vec load_kept(const void *kept, rt_kept kind, size_t i)
{
    return kind == RT_KEPT_F16 ? load_f16((const uint16_t *)kept + i)
                               : load((const float *)kept + i);
}

/* Elements [i, i + RT_LANES) of a row of d, with zeros where it has ended. */
INLINE vec load_kept_within(const void *kept, rt_kept kind, size_t row, size_t i, size_t d)
{
    float parts[RT_LANES] = {0};

    if (i + RT_LANES <= d)
        return load_kept(kept, kind, row + i);
    for (size_t c = 0; i + c < d; c++)
        parts[c] = one_kept(kept, kind, row + i + c);
    return load(parts);
}

/* The first and the second half of two vectors, element by element in turn. */
#if RT_LANES == 4
#define FIRST_HALVES(a, b)  __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define SECOND_HALVES(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#elif RT_LANES == 8
#define FIRST_HALVES(a, b)  __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define SECOND_HALVES(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define FIRST_HALVES(a, b)                                                                         \
    __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define SECOND_HALVES(a, b)                                                                        \
    __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#endif

/* rows[i][c] becomes rows[c][i]: each pass deals the two halves of the rows out in turn. */
INLINE void transpose(vec rows[RT_LANES])
{
    for (int pass = 1; pass < RT_LANES; pass *= 2) {
        vec dealt[RT_LANES];

        for (int i = 0; i < RT_LANES / 2; i++) {
            dealt[2 * i] = FIRST_HALVES(rows[i], rows[i + RT_LANES / 2]);
            dealt[2 * i + 1] = SECOND_HALVES(rows[i], rows[i + RT_LANES / 2]);
        }
        for (int i = 0; i < RT_LANES; i++)
            rows[i] = dealt[i];
    }
}

/* Elements [from, from + n) of sixteen keys, as a panel has its rows; the tile has room for whole
 * vectors. */
INLINE void gather_keys(float *tile, const void *keys, rt_kept kind, size_t ldk, size_t from,
                        size_t n)
{
    for (size_t i = 0; i < n; i += RT_LANES)
        for (size_t c = 0; c < RT_PANEL; c += RT_LANES) {
            vec rows[RT_LANES];

            for (size_t r = 0; r < RT_LANES; r++)
                rows[r] = load_kept_within(keys, kind, (c + r) * ldk, from + i, from + n);
            transpose(rows);
            for (size_t r = 0; r < RT_LANES; r++)
                store(tile + (i + r) * RT_PANEL + c, rows[r]);
        }
}

/* One query against n keys, four of them at a time. */
INLINE void score_row(float *out, const float *q, const void *keys, size_t ldk, size_t n, size_t d,
                      rt_kept kind)
{
    size_t whole = d / RT_LANES * RT_LANES;

    for (size_t t = 0; t < n; t += 4) {
        size_t columns = n - t < 4 ? n - t : 4;
        vec sums[4] = {0};

        if (columns == 4) {
            for (size_t i = 0; i < whole; i += RT_LANES)
                for (size_t c = 0; c < 4; c++)
                    sums[c] = fused(load(q + i), load_kept(keys, kind, (t + c) * ldk + i), sums[c]);
        } else {
            for (size_t i = 0; i < whole; i += RT_LANES)
                for (size_t c = 0; c < columns; c++)
                    sums[c] = fused(load(q + i), load_kept(keys, kind, (t + c) * ldk + i), sums[c]);
        }
        for (size_t c = 0; c < columns; c++) {
            float sum = sum_of(sums[c]);

            for (size_t i = whole; i < d; i++)
                sum = fmaf(q[i], one_kept(keys, kind, (t + c) * ldk + i), sum);
            out[t + c] = sum;
        }
    }
}

/* Rows of queries from which on it pays to turn keys and values into tiles. */
enum { TILED_ROWS = 4 };

INLINE const void *kept_at(const void *kept, rt_kept kind, size_t i)
{
    return (const uint8_t *)kept + i * (kind == RT_KEPT_F16 ? sizeof(uint16_t) : sizeof(float));
}

INLINE void scores(float *out, size_t ldo, const float *q, size_t ldq, size_t m, const void *keys,
                   size_t ldk, size_t n, size_t d, rt_kept kind)
{
    float tile[BLOCK_K * RT_PANEL] __attribute__((aligned(64)));
    size_t t = 0;

    for (; m >= TILED_ROWS && t + RT_PANEL <= n; t += RT_PANEL)
        for (size_t from = 0; from < d; from += BLOCK_K) {
            size_t some = d - from < BLOCK_K ? d - from : BLOCK_K;

            gather_keys(tile, kept_at(keys, kind, t * ldk), kind, ldk, from, some);
            multiply_tile(out + t, ldo, q + from, ldq, m, tile, RT_PANEL, some, from == 0);
        }
    for (size_t j = 0; j < m; j++)
        score_row(out + j * ldo + t, q + j * ldq, kept_at(keys, kind, t * ldk), ldk, n - t, d,
                  kind);
}

/* Columns [i, i + 16) of n values; what the row has not is zero. */
INLINE void gather_values(float *tile, const void *values, rt_kept kind, size_t ldv, size_t n,
                          size_t i, size_t d)
{
    for (size_t t = 0; t < n; t++)
        for (size_t c = 0; c < RT_PANEL; c += RT_LANES)
            store(tile + t * RT_PANEL + c,
                  i + c < d ? load_kept_within(values, kind, t * ldv, i + c, d) : (vec){0});
}

/* The last columns, fewer than sixteen, by way of a place that has room for all of them. */
INLINE void blend_rest(float *out, size_t ldo, const float *weights, size_t ldw, size_t m,
                       const float *tile, size_t n, size_t columns, int first)
{
    enum { SOME = 24 };
    float part[SOME * RT_PANEL];

    for (size_t j = 0; j < m; j += SOME) {
        size_t rows = m - j < SOME ? m - j : SOME;

        multiply_tile(part, RT_PANEL, weights + j * ldw, ldw, rows, tile, RT_PANEL, n, 1);
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < columns; c++) {
                float *to = out + (j + r) * ldo + c;

                *to = first ? part[r * RT_PANEL + c] : *to + part[r * RT_PANEL + c];
            }
    }
}

/* One row of weights: four sums at a time. */
INLINE void blend_row(float *out, const float *weights, const void *values, size_t ldv, size_t n,
                      size_t d, rt_kept kind)
{
    size_t i = 0;

    for (; i + 4 * RT_LANES <= d; i += 4 * RT_LANES) {
        vec sums[4] = {0};

        for (size_t t = 0; t < n; t++)
            for (size_t c = 0; c < 4; c++)
                sums[c] = fused(all(weights[t]),
                                load_kept(values, kind, t * ldv + i + c * RT_LANES), sums[c]);
        for (size_t c = 0; c < 4; c++)
            store(out + i + c * RT_LANES, sums[c]);
    }
    for (; i < d; i += RT_LANES) {
        vec sum = {0};

        for (size_t t = 0; t < n; t++)
            sum = fused(all(weights[t]), load_kept_within(values, kind, t * ldv, i, d), sum);
        store_rest(out + i, sum, d - i < RT_LANES ? d - i : RT_LANES);
    }
}

INLINE void blend(float *out, size_t ldo, const float *weights, size_t ldw, size_t m,
                  const void *values, size_t ldv, size_t n, size_t d, rt_kept kind)
{
    float tile[BLOCK_K * RT_PANEL] __attribute__((aligned(64)));

    if (m < TILED_ROWS) {
        for (size_t j = 0; j < m; j++)
            blend_row(out + j * ldo, weights + j * ldw, values, ldv, n, d, kind);
        return;
    }
    for (size_t from = 0; from < n; from += BLOCK_K) {
        size_t some = n - from < BLOCK_K ? n - from : BLOCK_K;
        const void *block = kept_at(values, kind, from * ldv);

        for (size_t i = 0; i < d; i += RT_PANEL) {
            gather_values(tile, block, kind, ldv, some, i, d);
            if (i + RT_PANEL <= d)
                multiply_tile(out + i, ldo, weights + from, ldw, m, tile, RT_PANEL, some,
                              from == 0);
            else
                blend_rest(out + i, ldo, weights + from, ldw, m, tile, some, d - i, from == 0);
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
    size_t whole = n / RT_LANES * RT_LANES;
    float most = x[0];
    vec mosts = all(most), sums = {0};

    for (size_t i = 0; i < whole; i += RT_LANES) {
        vec v = load(x + i);

        mosts = choose(v > mosts, v, mosts);
    }
    most = greatest_of(mosts);
    for (size_t i = whole; i < n; i++)
        most = x[i] > most ? x[i] : most;
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

/* ---- kinds of numbers ---- */

static void f32_to_f16(uint16_t *out, const float *x, size_t n)
{
    size_t i = 0;

    for (; i + RT_LANES <= n; i += RT_LANES)
        store_f16(out + i, load(x + i));
    for (; i < n; i++)
        out[i] = rt_f32_to_f16(x[i]);
}

static void f16_to_f32(float *out, const uint16_t *x, size_t n)
{
    size_t i = 0;

    for (; i + RT_LANES <= n; i += RT_LANES)
        store(out + i, load_f16(x + i));
    for (; i < n; i++)
        out[i] = rt_f16_to_f32(x[i]);
}

static void bf16_to_f32(float *out, const uint16_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = rt_bf16_to_f32(x[i]);
}

/* A set's table, with its own product of bf16 where it has one, and members that sets have otherwise: at least
 * `attention`. */
#define RT_TABLE(its_name, its_product_bf16, ...)                                                  \
    {                                                                                              \
        .name = (its_name),                                                                        \
        .product = {[RT_PACK_F32] = product_f32,                                                   \
                    [RT_PACK_BF16] = (its_product_bf16),                                           \
                    [RT_PACK_Q8] = product_q8,                                                     \
                    [RT_PACK_Q4] = product_q4},                                                    \
        .product_int8 = {[RT_PACK_Q8] = product_int8_q8, [RT_PACK_Q4] = product_int8_q4},          \
        .quantise_row = quantise_row,                                                              \
        .scores = {[RT_KEPT_F16] = scores_f16, [RT_KEPT_F32] = scores_f32},                        \
        .blend = {[RT_KEPT_F16] = blend_f16, [RT_KEPT_F32] = blend_f32}, .softmax = softmax,       \
        .layer_norm = layer_norm, .rms_norm = rms_norm, .gelu_erf = gelu_erf,                      \
        .gelu_tanh = gelu_tanh, .silu_gate = silu_gate, .add = add, .add_scaled = add_scaled,      \
        .rotate_halves = rotate_halves, .f32_to_f16 = f32_to_f16, .f16_to_f32 = f16_to_f32,        \
        .bf16_to_f32 = bf16_to_f32, __VA_ARGS__                                                    \
    }

#endif
