/* Numbers of 16 bits, packing, and every table of kernels against arithmetic in double, over odd
 * sizes; the pool, and that results do not depend on it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/rng.h"
#include "engine/half.h"
#include "engine/kernels.h"
#include "engine/linear.h"
#include "support/safetensors.h"
#include "support/scratch.h"

/* ---- 16 bits ---- */

Test(half, every_f16_survives_the_way_there_and_back)
{
    for (uint32_t bits = 0; bits < 65536; bits++) {
        float value = rt_f16_to_f32((uint16_t)bits);

        if (isnan(value))
            cr_assert(isnan(rt_f16_to_f32(rt_f32_to_f16(value))));
        else
            cr_assert(eq(u16, rt_f32_to_f16(value), bits));
    }
}

/* The nearest multiple of the spacing at that magnitude, ties to even, as rint() rounds. */
static double nearest_half(double value)
{
    int exponent;

    (void)frexp(value, &exponent);
    double spacing = ldexp(1, (exponent > -13 ? exponent : -13) - 11);
    double rounded = rint(value / spacing) * spacing;
    return fabs(rounded) >= 65536 ? copysign(INFINITY, value) : rounded;
}

Test(half, rounding_to_f16_is_to_the_nearest_even)
{
    fm_rng rng;

    fm_rng_seed(&rng, 1);
    for (int i = 0; i < 1000000; i++) {
        /* All bits are as likely, so a quarter of the exponents are those of f16 or next to them. */
        uint32_t bits = (uint32_t)fm_rng_next(&rng);
        float value = rt_bits_to_f32(i % 2 ? bits : (bits & 0x87ffffffU) | 0x30000000U);

        if (!isnan(value) && !isinf(value))
            cr_assert(eq(dbl, rt_f16_to_f32(rt_f32_to_f16(value)), nearest_half(value)), "%a",
                      value);
    }
}

Test(half, bf16_rounds_to_the_nearest_even)
{
    static const struct {
        float value;
        uint16_t bits;
    } rows[] = {{1.0F, 0x3f80},          {0x1.01p0F, 0x3f80}, {0x1.03p0F, 0x3f82},
                {0x1.010002p0F, 0x3f81}, {-2.5F, 0xc020},     {0x1.fffffep127F, 0x7f80},
                {0x1p-149F, 0x0000},     {INFINITY, 0x7f80}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect(eq(u16, rt_f32_to_bf16(rows[i].value), rows[i].bits), "%a", rows[i].value);
    cr_expect(isnan(rt_bf16_to_f32(rt_f32_to_bf16(NAN))));
}

/* ---- products ---- */

static const char *const tables[] = {"generic", "avx2", "avx512", "neon", "onednn"};

/* NULL: this machine has it not. AVX-512 is tested everywhere, in plain C where the machine has none. */
static const rt_kernels *table_of(const char *name)
{
#ifdef FATHOM_EMULATED_AVX512
    extern const rt_kernels emulated_avx512;

    if (strcmp(name, "avx512") == 0 && !rt_kernels_choose(name))
        return &emulated_avx512;
#endif
    return rt_kernels_choose(name);
}

Test(kernels, avx512_is_tested)
{
    if (!table_of("avx512"))
        cr_skip_test("no AVX-512 here and no libsimde-dev to emulate it");
}

Test(kernels, onednn_is_tested)
{
    if (!table_of("onednn"))
        cr_skip_test("no oneDNN 2 here (libdnnl-dev), or none that is fast on this machine");
}

static const struct {
    const char *name;
    double step; /* what a weight may be off by, as a share of the largest of its block */
} packs[RT_PACKS] = {[RT_PACK_F32] = {"f32", 0},
                     [RT_PACK_BF16] = {"bf16", 1.0 / 256},
                     [RT_PACK_Q8] = {"q8", 0.51 / 127},
                     [RT_PACK_Q4] = {"q4", 1.01 / 8}};

static void fill(float *x, size_t n, uint64_t seed)
{
    fm_rng rng;

    fm_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)fm_rng_normal(&rng);
}

typedef struct {
    rt_weights *weights;
    rt_pool *pool;
    rt_packer *packer;
    rt_linear linear;
    float *w, *bias;
} matrix;

static void make_matrix(matrix *m, size_t n_out, size_t n_in, rt_pack pack, int threads)
{
    fm_err err = {0};

    m->w = malloc(n_out * n_in * sizeof(float));
    m->bias = malloc(n_out * sizeof(float));
    fill(m->w, n_out * n_in, n_out * 1000 + n_in);
    fill(m->bias, n_out, 5);
    const given_tensor given[] = {{"m.weight", {n_out, n_in}, 2, m->w},
                                  {"m.bias", {n_out}, 1, m->bias}};
    write_safetensors(scratch_path("model.safetensors"), given, 2);
    cr_assert(eq(int, rt_weights_open(&m->weights, scratch_dir, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, rt_pool_new(&m->pool, threads, &err), FM_OK));
    cr_assert(eq(int, rt_packer_new(&m->packer, pack, m->pool, &err), FM_OK));
    cr_assert(eq(int,
                 rt_linear_load(&m->linear, m->packer, m->weights, "m", n_out, n_in, true, &err),
                 FM_OK),
              "%s", err.text);
}

static void release_matrix(matrix *m)
{
    rt_packer_free(m->packer);
    rt_pool_free(m->pool);
    rt_weights_close(m->weights);
    free(m->w);
    free(m->bias);
}

static void apply(const matrix *m, const rt_kernels *kernels, bool int8, const float *x,
                  size_t rows, float *out)
{
    rt_compute compute = {kernels, m->pool, int8};
    void *scratch = malloc(rt_linear_scratch_bytes(rows, m->linear.n_in));

    rt_linear_apply(&m->linear, &compute, out, m->linear.n_out, x, m->linear.n_in, rows, scratch);
    free(scratch);
}

TestSuite(products, .init = scratch_make, .fini = scratch_remove);

static const size_t sizes[][3] = {{1, 1, 1},     {1, 16, 32},    {3, 17, 33},   {2, 15, 64},
                                  {7, 100, 95},  {16, 48, 31},   {33, 65, 130}, {5, 200, 257},
                                  {14, 40, 600}, {250, 33, 300}, {4, 33, 513},  {8, 16, 129},
                                  {6, 31, 97},   {150, 70, 160}};

/* Of the sum of magnitudes, which bounds what rounding of inputs and of sums can do. */
static double tolerance(rt_pack pack, bool int8)
{
    return packs[pack].step * 0.6 + (int8 ? 0.5 / 127 : 0) + 2e-6;
}

static void check_product(const rt_kernels *kernels, rt_pack pack, bool int8, const size_t size[3])
{
    size_t rows = size[0], n_out = size[1], n_in = size[2];
    float *x = malloc(rows * n_in * sizeof(*x)), *out = malloc(rows * n_out * sizeof(*out));
    matrix m = {0};

    make_matrix(&m, n_out, n_in, pack, 1);
    fill(x, rows * n_in, 3);
    apply(&m, kernels, int8, x, rows, out);
    for (size_t j = 0; j < rows; j++)
        for (size_t r = 0; r < n_out; r++) {
            double sum = m.bias[r], most_w = 0, most_x = 0, magnitude = 1;

            for (size_t i = 0; i < n_in; i++) {
                sum += (double)m.w[r * n_in + i] * x[j * n_in + i];
                most_w = fmax(most_w, fabs(m.w[r * n_in + i]));
                most_x = fmax(most_x, fabs(x[j * n_in + i]));
            }
            magnitude += most_w * most_x * sqrt((double)n_in) * 3;
            cr_assert(fabs(out[j * n_out + r] - sum) <= tolerance(pack, int8) * magnitude,
                      "%s %s%s %zux%zux%zu: %g instead of %g", kernels->name, packs[pack].name,
                      int8 ? " in integers" : "", rows, n_out, n_in, out[j * n_out + r], sum);
        }
    release_matrix(&m);
    free(x);
    free(out);
}

/* Of every table that this machine has, and of products in integers as well where there are any. */
typedef void (*check_way)(const rt_kernels *kernels, rt_pack pack, bool int8);

static void every_way(check_way check)
{
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        const rt_kernels *kernels = table_of(tables[t]);

        for (rt_pack pack = 0; kernels && pack < RT_PACKS; pack++)
            for (int int8 = 0; int8 <= (kernels->product_int8[pack] != NULL); int8++)
                check(kernels, pack, int8);
    }
}

static void check_sizes(const rt_kernels *kernels, rt_pack pack, bool int8)
{
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        check_product(kernels, pack, int8, sizes[i]);
}

Test(products, every_table_and_pack_is_near_the_exact_product)
{
    every_way(check_sizes);
}

/* Quantised weights in integers are exact sums, so that tables differ in the last bits alone. */
static void check_against_plain(const rt_kernels *kernels, rt_pack pack, bool int8)
{
    static float x[9 * 160], plain[9 * 70], fast[9 * 70];
    matrix m = {0};

    make_matrix(&m, 70, 160, pack, 1);
    fill(x, 9 * 160, 4);
    apply(&m, &rt_kernels_generic, int8, x, 9, plain);
    apply(&m, kernels, int8, x, 9, fast);
    /* bf16 products take activations as bf16 where the machine multiplies those. */
    double bound = pack == RT_PACK_BF16 ? 0.1 : 1e-4;
    for (size_t i = 0; i < 9 * 70; i++)
        cr_assert(fabs(plain[i] - fast[i]) <= bound, "%s %s: %g, plain %g", kernels->name,
                  packs[pack].name, fast[i], plain[i]);
    release_matrix(&m);
}

Test(products, tables_agree_with_the_plain_one)
{
    every_way(check_against_plain);
}

static void check_threads_of(const rt_kernels *kernels, rt_pack pack, bool int8, size_t n_in)
{
    static float x[37 * 160], one[37 * 301], other[37 * 301];

    fill(x, 37 * n_in, 9);
    for (int threads = 1; threads <= 5; threads += 2) {
        matrix m = {0};

        make_matrix(&m, 301, n_in, pack, threads);
        apply(&m, kernels, int8, x, 37, threads == 1 ? one : other);
        if (threads > 1)
            cr_expect(eq(int, memcmp(one, other, sizeof(one)), 0),
                      "%s %s%s, %zu columns, %d threads", kernels->name, packs[pack].name,
                      int8 ? " in integers" : "", n_in, threads);
        release_matrix(&m);
    }
}

/* Whole blocks of columns, and a rest. */
static void check_threads(const rt_kernels *kernels, rt_pack pack, bool int8)
{
    check_threads_of(kernels, pack, int8, 129);
    check_threads_of(kernels, pack, int8, 160);
}

Test(products, threads_do_not_change_a_bit)
{
    every_way(check_threads);
}

/* Each kernel for so many rows takes part: for one, for few and for many. */
static void check_together_of(const rt_kernels *kernels, rt_pack pack, bool int8, size_t n_in)
{
    enum { ROWS = 31, OUT = 50, MOST_IN = 608 };
    static float x[ROWS * MOST_IN], alone[ROWS * OUT], together[ROWS * OUT];
    matrix m = {0};

    make_matrix(&m, OUT, n_in, pack, 1);
    fill(x, ROWS * n_in, 6);
    for (size_t i = 0; i < ROWS; i++)
        apply(&m, kernels, int8, x + i * n_in, 1, alone + i * OUT);
    for (size_t rows = 2; rows <= ROWS; rows += rows < 9 ? 1 : 11) {
        apply(&m, kernels, int8, x, rows, together);
        cr_expect(eq(int, memcmp(alone, together, rows * OUT * sizeof(*alone)), 0),
                  "%s %s%s, %zu columns, %zu rows", kernels->name, packs[pack].name,
                  int8 ? " in integers" : "", n_in, rows);
    }
    release_matrix(&m);
}

/* More rows and columns than any table takes at a time. */
static void check_many_together(const rt_kernels *kernels, rt_pack pack, bool int8)
{
    enum { ROWS = 270, OUT = 33, IN = 2080 };
    static float x[ROWS * IN], together[ROWS * OUT], alone[OUT];
    matrix m = {0};

    make_matrix(&m, OUT, IN, pack, 1);
    fill(x, (size_t)ROWS * IN, 8);
    apply(&m, kernels, int8, x, ROWS, together);
    for (size_t i = 0; i < ROWS; i += i < 120 ? 60 : 7) {
        apply(&m, kernels, int8, x + i * IN, 1, alone);
        cr_expect(eq(int, memcmp(alone, together + i * OUT, sizeof(alone)), 0), "%s %s%s, row %zu",
                  kernels->name, packs[pack].name, int8 ? " in integers" : "", i);
    }
    release_matrix(&m);
}

static void check_together(const rt_kernels *kernels, rt_pack pack, bool int8)
{
    check_together_of(kernels, pack, int8, 601);
    check_together_of(kernels, pack, int8, 608);
    check_many_together(kernels, pack, int8);
}

Test(products, a_row_is_the_same_alone_and_together)
{
    every_way(check_together);
}

/* Of whole panels. */
static void check_rounded(const rt_kernels *k, size_t m, size_t n_panels, size_t n_in)
{
    size_t ld = n_in + n_in % 2 + 32, n_out = n_panels * RT_PANEL;
    size_t bytes = rt_panel_bytes(RT_PACK_BF16, n_in) * n_panels;
    float *x = malloc(m * n_in * sizeof(*x)), *w = malloc(bytes);
    float *out = malloc(m * n_out * sizeof(*out)), *other = malloc(m * n_out * sizeof(*other));
    uint16_t *rounded = calloc(m * ld, sizeof(*rounded)), *panels = calloc(1, bytes);

    fill(x, m * n_in, 1);
    fill(w, bytes / sizeof(*w), 2);
    k->f32_to_bf16(panels, w, bytes / sizeof(*w));
    for (size_t i = 0; i < m; i++)
        k->f32_to_bf16(rounded + i * ld, x + i * n_in, n_in);
    k->product[RT_PACK_BF16](out, n_out, x, n_in, m, n_in, panels, n_panels);
    k->product_rounded(other, n_out, rounded, ld, m, n_in, panels, n_panels);
    cr_expect(eq(int, memcmp(out, other, m * n_out * sizeof(*out)), 0), "%s %zux%zux%zu", k->name,
              m, n_out, n_in);
    free(x);
    free(w);
    free(out);
    free(other);
    free(rounded);
    free(panels);
}

Test(products, of_rounded_rows_are_those_of_rows)
{
    static const size_t shapes[][3] = {{1, 1, 1},   {1, 5, 97},   {3, 2, 33},
                                       {8, 3, 130}, {9, 4, 1025}, {300, 3, 513}};
    const rt_kernels *k = table_of("avx512");

    if (!k)
        cr_skip_test("no AVX-512 here and no libsimde-dev to emulate it");
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        check_rounded(k, shapes[i][0], shapes[i][1], shapes[i][2]);
}

/* ---- attention, norms, activations ---- */

static void near(const char *table, const char *what, double got, double want)
{
    cr_assert(fabs(got - want) <= 2e-5 * fmax(1, fabs(want)), "%s %s: %g, not %g", table, what, got,
              want);
}

static void check_attention(const rt_kernels *k, size_t m, size_t n, size_t d)
{
    float *q = malloc(m * d * 4), *kept = malloc(n * d * 4), *scores = malloc(m * n * 4),
          *out = malloc(m * d * 4);
    uint16_t *halves = malloc(n * d * 2);

    fill(q, m * d, 1);
    fill(kept, n * d, 2);
    k->f32_to_f16(halves, kept, n * d);
    for (rt_kept kind = 0; kind < RT_KEPT_KINDS; kind++) {
        const void *rows = kind == RT_KEPT_F16 ? (const void *)halves : (const void *)kept;

        k->scores[kind](scores, n, q, d, m, rows, d, n, d);
        k->blend[kind](out, d, scores, n, m, rows, d, n, d);
        for (size_t j = 0; j < m; j++) {
            for (size_t t = 0; t < n; t++) {
                double sum = 0;

                for (size_t i = 0; i < d; i++)
                    sum += q[j * d + i] * (double)(kind == RT_KEPT_F16
                                                       ? rt_f16_to_f32(halves[t * d + i])
                                                       : kept[t * d + i]);
                near(k->name, "score", scores[j * n + t], sum);
            }
            for (size_t i = 0; i < d; i++) {
                double sum = 0, magnitude = 1;

                for (size_t t = 0; t < n; t++) {
                    double value =
                        kind == RT_KEPT_F16 ? rt_f16_to_f32(halves[t * d + i]) : kept[t * d + i];
                    sum += scores[j * n + t] * value;
                    magnitude += fabs(scores[j * n + t] * value);
                }
                cr_assert(fabs(out[j * d + i] - sum) <= 1e-6 * magnitude, "%s blend: %g, not %g",
                          k->name, out[j * d + i], sum);
            }
        }
    }
    free(q);
    free(kept);
    free(scores);
    free(out);
    free(halves);
}

Test(kernels, attention_of_every_table_over_odd_sizes)
{
    static const size_t shapes[][3] = {{1, 1, 1},     {1, 7, 8},    {3, 33, 72},
                                       {32, 65, 128}, {5, 130, 31}, {4, 16, 3},
                                       {26, 17, 25},  {7, 300, 72}, {9, 47, 260}};

    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        const rt_kernels *k = table_of(tables[t]);

        for (size_t i = 0; k && i < sizeof(shapes) / sizeof(shapes[0]); i++)
            check_attention(k, shapes[i][0], shapes[i][1], shapes[i][2]);
    }
}

static void check_rows(const rt_kernels *k, size_t n)
{
    float x[300], y[300], w[300], b[300], out[300];
    double mean = 0, square = 0, deviation = 0, sum = 0, most = -INFINITY;

    fill(x, n, n);
    fill(y, n, 7);
    fill(w, n, 8);
    fill(b, n, 9);
    for (size_t i = 0; i < n; i++) {
        x[i] *= 4;
        mean += x[i] / (double)n;
        square += (double)x[i] * x[i] / (double)n;
        most = fmax(most, x[i]);
    }
    for (size_t i = 0; i < n; i++) {
        deviation += (x[i] - mean) * (x[i] - mean) / (double)n;
        sum += exp(x[i] - most);
    }

#define EACH(what, call, want)                                                                     \
    do {                                                                                           \
        memcpy(out, x, n * sizeof(*x));                                                            \
        call;                                                                                      \
        for (size_t i = 0; i < n; i++)                                                             \
            near(k->name, what, out[i], want);                                                     \
    } while (0)
    EACH("softmax", k->softmax(out, n), exp(x[i] - most) / sum);
    EACH("layer norm", k->layer_norm(out, out, w, b, n, 1e-6F),
         (x[i] - mean) / sqrt(deviation + 1e-6) * w[i] + b[i]);
    EACH("layer norm without bias", k->layer_norm(out, out, w, NULL, n, 1e-6F),
         (x[i] - mean) / sqrt(deviation + 1e-6) * w[i]);
    EACH("rms norm", k->rms_norm(out, out, w, n, 1e-5F), x[i] / sqrt(square + 1e-5) * w[i]);
    EACH("gelu", k->gelu_erf(out, n), x[i] * 0.5 * erfc(-x[i] / sqrt(2)));
    EACH("gelu by tanh", k->gelu_tanh(out, n),
         0.5 * x[i] * (1 + tanh(sqrt(2 / M_PI) * (x[i] + 0.044715 * pow(x[i], 3)))));
    EACH("silu", k->silu_gate(out, y, n), x[i] / (1 + exp(-x[i])) * y[i]);
    EACH("add", k->add(out, y, n), (double)x[i] + y[i]);
    EACH("add scaled", k->add_scaled(out, y, w, n), x[i] + (double)w[i] * y[i]);
    if (n % 2 == 0)
        EACH("rotate", k->rotate_halves(out, w, b, n),
             i < n / 2 ? x[i] * (double)w[i] - x[i + n / 2] * (double)b[i]
                       : x[i] * (double)w[i - n / 2] + x[i - n / 2] * (double)b[i - n / 2]);
#undef EACH
}

Test(kernels, norms_and_activations_of_every_table)
{
    static const size_t lengths[] = {1, 2, 7, 8, 31, 32, 64, 100, 257, 300};

    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        const rt_kernels *k = table_of(tables[t]);

        for (size_t i = 0; k && i < sizeof(lengths) / sizeof(lengths[0]); i++)
            check_rows(k, lengths[i]);
    }
}

/* Large arguments neither overflow nor become NaN. */
Test(kernels, extremes_stay_finite)
{
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        const rt_kernels *k = table_of(tables[t]);
        float x[] = {-1000, -100, -20, 0, 20, 100, 1000, 3}, y[] = {1, 1, 1, 1, 1, 1, 1, 1};

        if (!k)
            continue;
        float soft[8], erf[8], tanhs[8], silu[8];
        memcpy(soft, x, sizeof(x));
        memcpy(erf, x, sizeof(x));
        memcpy(tanhs, x, sizeof(x));
        memcpy(silu, x, sizeof(x));
        k->softmax(soft, 8);
        k->gelu_erf(erf, 8);
        k->gelu_tanh(tanhs, 8);
        k->silu_gate(silu, y, 8);
        cr_expect(eq(flt, soft[6], 1));
        for (int i = 0; i < 8; i++) {
            cr_expect(isfinite(soft[i]) && isfinite(erf[i]) && isfinite(tanhs[i]) &&
                          isfinite(silu[i]),
                      "%s at %g", k->name, x[i]);
            if (fabsf(x[i]) >= 100)
                near(k->name, "a large argument", silu[i], x[i] > 0 ? x[i] : 0);
        }
    }
}

/* ---- the pool ---- */

typedef struct {
    atomic_int seen[1000];
} counted;

static void count(void *context, size_t begin, size_t end, int thread)
{
    counted *c = context;

    (void)thread;
    for (size_t i = begin; i < end; i++)
        atomic_fetch_add(&c->seen[i], 1);
}

Test(pool, every_index_once_whatever_the_grain)
{
    static counted c;
    rt_pool *pool = NULL;

    cr_assert(eq(int, rt_pool_new(&pool, 4, NULL), FM_OK));
    cr_assert(eq(int, rt_pool_threads(pool), 4));
    for (size_t n = 0; n <= 1000; n += 37)
        for (size_t grain = 1; grain < 50; grain += 16) {
            memset(&c, 0, sizeof(c));
            rt_pool_run(pool, n, grain, count, &c);
            for (size_t i = 0; i < 1000; i++)
                cr_assert(eq(int, c.seen[i], i < n));
        }
    rt_pool_free(pool);
}

typedef struct {
    rt_pool *pool;
    atomic_int done;
} nested;

static void count_threads(void *context, size_t begin, size_t end, int thread)
{
    (void)thread;
    atomic_fetch_add((atomic_int *)context, (int)(end - begin));
}

/* A part whose own part is done by its thread alone. */
static void count_within(void *context, size_t begin, size_t end, int thread)
{
    nested *n = context;

    for (size_t i = begin; i < end; i++) {
        int before = thread;

        rt_pool_run(n->pool, 10, 1, count_threads, &n->done);
        cr_assert(eq(int, thread, before));
    }
}

static void *call(void *context)
{
    nested *n = context;

    for (int i = 0; i < 50; i++)
        rt_pool_run(n->pool, 20, 1, count_within, n);
    return NULL;
}

Test(pool, calls_from_within_and_from_two_threads_are_done)
{
    nested n = {0};
    pthread_t other;

    cr_assert(eq(int, rt_pool_new(&n.pool, 3, NULL), FM_OK));
    cr_assert(eq(int, pthread_create(&other, NULL, call, &n), 0));
    call(&n);
    cr_assert(eq(int, pthread_join(other, NULL), 0));
    cr_expect(eq(int, atomic_load(&n.done), 2 * 50 * 20 * 10));
    rt_pool_free(n.pool);
}
