/* The trainer's arithmetic over vectors of RT_LANES floats: included once by a file that is compiled
 * for one instruction set, which says TR_TABLE and TR_TABLE_NAME. */
#ifndef TR_ARITHMETIC_VECTOR_H
#define TR_ARITHMETIC_VECTOR_H

#include <math.h>

#include "engine/vector.h"
#include "train/arithmetic_tables.h"

/* A tile of a product is TALL rows by one panel, its sums all in registers; it takes BLOCK_K of k at
 * a time, so that a panel's share of the right factor stays in the first cache, and BLOCK_M rows at a
 * time, so that theirs of the left factor stays in the second. */
enum { TALL = 6, WIDE = TR_PANEL / RT_LANES, BLOCK_K = 256, BLOCK_M = 8 * TALL };

/* ---- packing ---- */

/* Rows that are contiguous in memory, a few at a time, each from its beginning to its end: read panel by
 * panel, a matrix that is in no near cache comes a line at a time. */
static void pack_rows(float *panels, tr_factor b, size_t k, size_t n)
{
    enum { ROWS = 8 };

    for (size_t i = 0; i < k; i += ROWS) {
        size_t last = k - i < ROWS ? k : i + ROWS, j = 0;

        for (; j + TR_PANEL <= n; j += TR_PANEL)
            for (size_t l = i; l < last; l++)
                memcpy(panels + j * k + l * TR_PANEL, b.data + l * b.row + j,
                       TR_PANEL * sizeof(*panels));
        for (size_t l = i; j < n && l < last; l++) {
            memset(panels + j * k + l * TR_PANEL, 0, TR_PANEL * sizeof(*panels));
            memcpy(panels + j * k + l * TR_PANEL, b.data + l * b.row + j,
                   (n - j) * sizeof(*panels));
        }
    }
}

/* Columns [0, columns) of a panel, where columns are contiguous. */
static void pack_columns(float *panel, tr_factor b, size_t k, size_t columns)
{
    if (columns < TR_PANEL)
        memset(panel, 0, k * TR_PANEL * sizeof(*panel));
    for (size_t i = 0; i < k; i += TR_PANEL) { /* a cache line of each column at a time */
        size_t last = k - i < TR_PANEL ? k : i + TR_PANEL;

        for (size_t j = 0; j < columns; j++)
            for (size_t l = i; l < last; l++)
                panel[l * TR_PANEL + j] = b.data[l + j * b.column];
    }
}

static void pack(float *panels, tr_factor b, size_t k, size_t n)
{
    if (b.column == 1) {
        pack_rows(panels, b, k, n);
        return;
    }
    for (size_t j = 0; j < n; j += TR_PANEL)
        pack_columns(panels + j * k, (tr_factor){b.data + j * b.column, b.row, b.column}, k,
                     n - j < TR_PANEL ? n - j : TR_PANEL);
}

/* ---- products ---- */

/* Vector i / RT_LANES of x[n], the last one made up with zeros. */
INLINE vec take(const float *x, size_t i, size_t n)
{
    return n - i >= RT_LANES ? load(x + i) : load_rest(x + i, n - i);
}

INLINE void put(float *x, vec v, size_t i, size_t n)
{
    if (n - i >= RT_LANES)
        store(x + i, v);
    else
        store_rest(x + i, v, n - i);
}

/* Of the last panel, which is not full. */
static void put_rest(float *c, const vec *sums, size_t columns, bool add)
{
    for (size_t w = 0, j = 0; j < columns; w++, j += RT_LANES)
        put(c, add ? take(c, j, columns) + sums[w] : sums[w], j, columns);
}

INLINE void add_to(float *c, vec sum)
{
    store(c, load(c) + sum);
}

#define UNROLLED _Pragma("GCC unroll 8")
#define EACH_SUM(rows, wide)                                                                       \
    UNROLLED for (size_t r = 0; r < rows; r++) UNROLLED for (int w = 0; w < wide; w++)

/* AT: element (r, i) of the left factor. What is known of its strides is known when this is compiled, so
 * that an element is one address and a row needs no pointer of its own where they lie side by side.
 * All loops over the sums are unrolled, and nothing takes their address: they stay in registers. */
#define DEFINE_TILE(kind, rows, share, wide, AT)                                                   \
    static void tile_##kind##_##share##_##rows(float *c, size_t ldc, const float *a,               \
                                               size_t stride, const float *panel, size_t columns,  \
                                               size_t k, bool add)                                 \
    {                                                                                              \
        vec sums[rows][wide];                                                                      \
                                                                                                   \
        (void)stride;                                                                              \
        EACH_SUM(rows, wide) sums[r][w] = all(0);                                                  \
        for (size_t i = 0; i < k; i++, panel += TR_PANEL) {                                        \
            vec b[wide];                                                                           \
                                                                                                   \
            UNROLLED for (int w = 0; w < wide; w++) b[w] = load(panel + w * RT_LANES);             \
            EACH_SUM(rows, wide) sums[r][w] += AT * b[w];                                          \
        }                                                                                          \
        if (columns < (size_t)wide * RT_LANES) {                                                   \
            vec kept[rows][wide]; /* the sums themselves have no address */                        \
                                                                                                   \
            EACH_SUM(rows, wide) kept[r][w] = sums[r][w];                                          \
            for (size_t r = 0; r < rows; r++)                                                      \
                put_rest(c + r * ldc, kept[r], columns, add);                                      \
        } else if (add) {                                                                          \
            EACH_SUM(rows, wide) add_to(c + r * ldc + w * RT_LANES, sums[r][w]);                   \
        } else {                                                                                   \
            EACH_SUM(rows, wide) store(c + r * ldc + w * RT_LANES, sums[r][w]);                    \
        }                                                                                          \
    }
#define DEFINE_TILES(kind, share, wide, AT)                                                        \
    DEFINE_TILE(kind, 1, share, wide, AT)                                                          \
    DEFINE_TILE(kind, 2, share, wide, AT)                                                          \
    DEFINE_TILE(kind, 3, share, wide, AT)                                                          \
    DEFINE_TILE(kind, 4, share, wide, AT)                                                          \
    DEFINE_TILE(kind, 5, share, wide, AT)                                                          \
    DEFINE_TILE(kind, 6, share, wide, AT)
#define TILES(kind, share)                                                                         \
    {                                                                                              \
        NULL, tile_##kind##_##share##_1, tile_##kind##_##share##_2, tile_##kind##_##share##_3,     \
            tile_##kind##_##share##_4, tile_##kind##_##share##_5, tile_##kind##_##share##_6        \
    }

/* A row's elements lie side by side; or those of TALL rows do, one column behind the other. A panel of
 * which no more than half is filled is taken by half. */
DEFINE_TILES(lines, whole, WIDE, (a + r * stride)[i])
DEFINE_TILES(lines, half, WIDE / 2, (a + r * stride)[i])
DEFINE_TILES(columns, whole, WIDE, (a + i * TALL)[r])
DEFINE_TILES(columns, half, WIDE / 2, (a + i * TALL)[r])

typedef void (*tile)(float *c, size_t ldc, const float *a, size_t stride, const float *panel,
                     size_t columns, size_t k, bool add);

/* Rows [0, rows) of a, a column being contiguous, as tiles of columns: read as they lie, each column is
 * another line of the cache, and often of the same few sets of it. */
static void gather_columns(float *tiles, tr_factor a, size_t rows, size_t k)
{
    for (size_t r = 0; r < rows; r += TALL, tiles += TALL * k) {
        size_t tall = rows - r < TALL ? rows - r : TALL;

        if (tall == TALL)
            for (size_t i = 0; i < k; i++)
                memcpy(tiles + i * TALL, a.data + i * a.column + r, TALL * sizeof(*tiles));
        else
            for (size_t i = 0; i < k; i++)
                memcpy(tiles + i * TALL, a.data + i * a.column + r, tall * sizeof(*tiles));
    }
}

/* c[rows][n] of one stretch of k. at: element (0, 0) of the tiles; from one tile to the next so many floats. */
static void multiply_rows(float *c, size_t ldc, const tile of[2][TALL + 1], const float *at,
                          size_t tile_floats, size_t stride, const float *panels,
                          size_t panel_floats, size_t rows, size_t n, size_t k, bool add)
{
    for (size_t j = 0; j < n; j += TR_PANEL, panels += panel_floats) {
        size_t columns = n - j < TR_PANEL ? n - j : TR_PANEL;
        const tile *tiles = of[columns <= TR_PANEL / 2];

        for (size_t i = 0; i < rows; i += TALL)
            tiles[rows - i < TALL ? rows - i : TALL](
                c + i * ldc + j, ldc, at + i / TALL * tile_floats, stride, panels, columns, k, add);
    }
}

static void product(float *c, size_t ldc, tr_factor a, const float *panels, size_t m, size_t n,
                    size_t k, bool add)
{
    static const tile lines[2][TALL + 1] = {TILES(lines, whole), TILES(lines, half)};
    static const tile columns[2][TALL + 1] = {TILES(columns, whole), TILES(columns, half)};

    for (size_t l = 0; l < k; l += BLOCK_K) {
        size_t block = k - l < BLOCK_K ? k - l : BLOCK_K;

        for (size_t i = 0; i < m; i += BLOCK_M) {
            size_t rows = m - i < BLOCK_M ? m - i : BLOCK_M;
            tr_factor part = {a.data + i * a.row + l * a.column, a.row, a.column};
            float *to = c + i * ldc;

            if (a.column == 1) {
                multiply_rows(to, ldc, lines, part.data, TALL * a.row, a.row, panels + l * TR_PANEL,
                              k * TR_PANEL, rows, n, block, add || l > 0);
            } else {
                float tiles[BLOCK_M * BLOCK_K];

                gather_columns(tiles, part, rows, block);
                multiply_rows(to, ldc, columns, tiles, TALL * block, 0, panels + l * TR_PANEL,
                              k * TR_PANEL, rows, n, block, add || l > 0);
            }
        }
    }
}

/* ---- derivatives, one vector at a time ---- */

/* Loops over whole vectors and then the rest, which is made up with zeros. */
#define FOR_VECTORS(i, n) for (size_t i = 0; i < (n); i += RT_LANES)

INLINE vec sigmoid(vec x)
{
    return 1.0F / (1.0F + vec_exp(-x));
}

/* y = x Phi(x), so that Phi is y / x but near 0, where Phi(x) = 1/2 + x phi(0) to 3e-9. */
static void gelu_erf_back(float *dx, const float *dy, const float *x, const float *y, size_t n)
{
    const float density0 = 0.398942280F;

    FOR_VECTORS(i, n)
    {
        vec at = take(x, i, n), magnitude = choose(at < all(0), -at, at);
        ivec near = magnitude < all(0.002F);
        vec phi = choose(near, 0.5F + density0 * at, take(y, i, n) / choose(near, all(1), at));
        vec slope = phi + at * density0 * vec_exp(-0.5F * at * at);

        put(dx, take(dx, i, n) + take(dy, i, n) * slope, i, n);
    }
}

/* x s(2u) with u = sqrt(2 / pi) (x + 0.044715 x^3): (1 + tanh u) / 2 is the sigmoid of 2u. */
static void gelu_tanh_back(float *dx, const float *dy, const float *x, size_t n)
{
    const float twice = 1.59576912F, cubic = 0.044715F;

    FOR_VECTORS(i, n)
    {
        vec at = take(x, i, n);
        vec s = sigmoid(twice * (at + cubic * at * at * at));
        vec slope = s + at * s * (1.0F - s) * twice * (1.0F + 3.0F * cubic * at * at);

        put(dx, take(dx, i, n) + take(dy, i, n) * slope, i, n);
    }
}

static void silu_gate_back(float *dgate, float *dup, const float *dy, const float *gate,
                           const float *up, size_t n)
{
    FOR_VECTORS(i, n)
    {
        vec g = take(gate, i, n), d = take(dy, i, n), s = sigmoid(g);

        put(dup, take(dup, i, n) + d * g * s, i, n);
        put(dgate, take(dgate, i, n) + d * take(up, i, n) * s * (1.0F + g * (1.0F - s)), i, n);
    }
}

static void softmax_back(float *dp, const float *p, size_t n)
{
    vec sum = {0};

    FOR_VECTORS(i, n)
    sum += take(p, i, n) * take(dp, i, n);

    vec mean = all(sum_of(sum));

    FOR_VECTORS(i, n)
    put(dp, take(p, i, n) * (take(dp, i, n) - mean), i, n);
}

/* The first n lanes, zeros behind them: what made up the last vector must not count in a sum. */
INLINE vec only(vec v, size_t n)
{
    float parts[RT_LANES];

    if (n >= RT_LANES)
        return v;
    store(parts, v);
    return load_rest(parts, n);
}

/* x lies off its mean by `inverse` times x': dx = inverse (g - mean g - x' mean(g x')), g = weight dy;
 * without centring there is no mean g. */
static void norm_back(float *dx, float *dweight, float *dbias, const float *dy, const float *x,
                      const float *weight, size_t n, float eps, bool centred)
{
    vec sum = {0}, squares = {0}, along = {0};
    float mean = 0, inverse, pull, shift = 0;

    if (centred) {
        FOR_VECTORS(i, n)
        sum += take(x, i, n);
        mean = sum_of(sum) / (float)n;
    }
    FOR_VECTORS(i, n)
    {
        vec off = only(take(x, i, n) - mean, n - i);

        squares += off * off;
    }
    inverse = 1 / sqrtf(sum_of(squares) / (float)n + eps);
    sum = (vec){0};
    FOR_VECTORS(i, n)
    {
        vec d = take(dy, i, n), unit = (take(x, i, n) - mean) * inverse, g = d * take(weight, i, n);

        sum += g;
        along += only(g * unit, n - i);
        put(dweight, take(dweight, i, n) + d * unit, i, n);
        if (dbias)
            put(dbias, take(dbias, i, n) + d, i, n);
    }
    if (centred)
        shift = sum_of(sum) / (float)n;
    pull = sum_of(along) / (float)n;
    FOR_VECTORS(i, n)
    {
        vec unit = (take(x, i, n) - mean) * inverse, g = take(dy, i, n) * take(weight, i, n);

        put(dx, take(dx, i, n) + inverse * (g - shift - unit * pull), i, n);
    }
}

/* ---- the optimiser ---- */

static void add(float *to, const float *x, size_t n)
{
    FOR_VECTORS(i, n)
    put(to, take(to, i, n) + take(x, i, n), i, n);
}

INLINE vec root(vec x)
{
    for (int i = 0; i < RT_LANES; i++)
        x[i] = sqrtf(x[i]);
    return x;
}

static void adam(float *value, float *first, float *second, const float *gradient, size_t n,
                 const tr_adam *how)
{
    FOR_VECTORS(i, n)
    {
        vec g = take(gradient, i, n) * how->scale, at = take(value, i, n);
        vec m = how->beta1 * take(first, i, n) + (1 - how->beta1) * g;
        vec v = how->beta2 * take(second, i, n) + (1 - how->beta2) * g * g;
        vec step = (m / how->correction1) / (root(v / how->correction2) + how->eps);

        put(first, m, i, n);
        put(second, v, i, n);
        put(value, at - how->decay * at - how->rate * step, i, n);
    }
}

/* Blocks in float, their sums in double. */
static double sum_of_squares(const float *x, size_t n)
{
    enum { BLOCK = 1024 };
    double total = 0;

    for (size_t begin = 0; begin < n; begin += BLOCK) {
        size_t end = n - begin < BLOCK ? n : begin + BLOCK;
        vec sum = {0};

        for (size_t i = begin; i < end; i += RT_LANES)
            sum += take(x, i, end) * take(x, i, end);
        total += (double)sum_of(sum);
    }
    return total;
}

const tr_arithmetic TR_TABLE = {
    .name = TR_TABLE_NAME,
    .pack = pack,
    .product = product,
    .gelu_erf_back = gelu_erf_back,
    .gelu_tanh_back = gelu_tanh_back,
    .silu_gate_back = silu_gate_back,
    .softmax_back = softmax_back,
    .norm_back = norm_back,
    .add = add,
    .adam = adam,
    .sum_of_squares = sum_of_squares,
};

#endif
