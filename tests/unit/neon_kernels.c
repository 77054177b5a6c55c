/* NEON's kernels against the plain ones over odd sizes: a program without the test library, so that it can
 * be compiled for another processor and run by an emulator. test_engine_kernels.c does the same on the
 * processor itself. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/half.h"
#include "engine/kernels.h"
#include "engine/kernels_tables.h"

enum { MOST_ROWS = 19, MOST_COLUMNS = 640, PANELS = 3, OUT = PANELS * RT_PANEL };

static float x[MOST_ROWS * MOST_COLUMNS], fast[MOST_ROWS * MOST_COLUMNS],
    plain[MOST_ROWS * MOST_COLUMNS];
static uint8_t panels[PANELS * MOST_COLUMNS * RT_PANEL * sizeof(float)];

static float next(void)
{
    static uint32_t state = 1;

    state = state * 1664525 + 1013904223;
    return (float)(state >> 8) * 0x1p-23F - 1;
}

static void fill(float *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = next();
}

static void compare(const char *what, size_t rows, size_t columns, size_t n, float bound)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(fast[i] - plain[i]) <= bound)) {
            fprintf(stderr, "%s of %zu x %zu: %g at %zu, plain %g\n", what, rows, columns,
                    (double)fast[i], i, (double)plain[i]);
            exit(1);
        }
}

/* ---- products ---- */

static void fill_panels(rt_pack pack, size_t k)
{
    size_t bytes = PANELS * rt_panel_bytes(pack, k);
    size_t block = pack == RT_PACK_Q8 ? RT_Q8_BLOCK_BYTES : RT_Q4_BLOCK_BYTES;

    for (size_t i = 0; i < bytes; i++)
        panels[i] = (uint8_t)(int)(next() * 128);
    for (size_t i = 0; pack == RT_PACK_F32 && i < bytes; i += sizeof(float)) {
        float value = next();

        memcpy(panels + i, &value, sizeof(value));
    }
    for (size_t i = 0; pack == RT_PACK_BF16 && i < bytes; i += sizeof(uint16_t)) {
        uint16_t bits = rt_f32_to_bf16(next());

        memcpy(panels + i, &bits, sizeof(bits));
    }
    for (size_t at = block; pack >= RT_PACK_Q8 && at <= bytes; at += block)
        for (size_t row = 0; row < RT_PANEL; row++) {
            uint16_t scale = rt_f32_to_f16(0.01F + 0.001F * next());

            memcpy(panels + at - (RT_PANEL - row) * sizeof(scale), &scale, sizeof(scale));
        }
}

static void check_integers(rt_pack pack, size_t m, size_t k)
{
    static int8_t values[MOST_ROWS][MOST_COLUMNS], others[MOST_COLUMNS];
    static float scales[MOST_ROWS][MOST_COLUMNS], other_scales[MOST_COLUMNS];
    static int32_t offsets[MOST_ROWS][MOST_COLUMNS], other_offsets[MOST_COLUMNS];
    rt_q8_row rows[MOST_ROWS], other = {others, other_scales, other_offsets};

    for (size_t j = 0; j < m; j++) {
        rows[j] = (rt_q8_row){values[j], scales[j], offsets[j]};
        rt_kernels_generic.quantise_row(&rows[j], x + j * k, k);
        rt_kernels_neon.quantise_row(&other, x + j * k, k);
        for (size_t i = 0; i < k; i++) { /* a tie may go the other way where the product is fused */
            fast[i] = (float)others[i] * other_scales[i / RT_SCALED];
            plain[i] = (float)values[j][i] * scales[j][i / RT_SCALED];
        }
        compare("a row in integers", 1, k, k, 1.01F / 127);
    }
    rt_kernels_neon.product_int8[pack](fast, OUT, rows, m, k, panels, PANELS);
    rt_kernels_generic.product_int8[pack](plain, OUT, rows, m, k, panels, PANELS);
    compare("a product in integers", m, k, m * OUT, 1e-4F);
}

static void check_products(size_t m, size_t k)
{
    fill(x, m * k);
    for (rt_pack pack = 0; pack < RT_PACKS; pack++) {
        fill_panels(pack, k);
        rt_kernels_neon.product[pack](fast, OUT, x, k, m, k, panels, PANELS);
        rt_kernels_generic.product[pack](plain, OUT, x, k, m, k, panels, PANELS);
        compare("a product", m, k, m * OUT, 1e-4F);
        if (rt_kernels_generic.product_int8[pack])
            check_integers(pack, m, k);
    }
}

/* ---- the rest ---- */

static void check_attention(size_t m, size_t n, size_t d)
{
    static uint16_t kept[MOST_COLUMNS * 80];
    static float scores[MOST_ROWS * MOST_COLUMNS];

    fill(x, m * d);
    fill(scores, n * d);
    rt_kernels_neon.f32_to_f16(kept, scores, n * d);
    rt_kernels_neon.scores[RT_KEPT_F16](fast, n, x, d, m, kept, d, n, d);
    rt_kernels_generic.scores[RT_KEPT_F16](plain, n, x, d, m, kept, d, n, d);
    compare("scores", m, n, m * n, 1e-4F);
    fill(scores, m * n);
    rt_kernels_neon.blend[RT_KEPT_F16](fast, d, scores, n, m, kept, d, n, d);
    rt_kernels_generic.blend[RT_KEPT_F16](plain, d, scores, n, m, kept, d, n, d);
    compare("a blend", m, d, m * d, 1e-4F);
}

static void check_row(const char *what, void (*ours)(float *x, size_t n),
                      void (*theirs)(float *x, size_t n), size_t n)
{
    fill(fast, n);
    memcpy(plain, fast, n * sizeof(*fast));
    ours(fast, n);
    theirs(plain, n);
    compare(what, 1, n, n, 2e-5F);
}

static void check_rows(size_t n)
{
    const rt_kernels *neon = &rt_kernels_neon, *generic = &rt_kernels_generic;

    check_row("softmax", neon->softmax, generic->softmax, n);
    check_row("gelu", neon->gelu_erf, generic->gelu_erf, n);
    check_row("gelu by tanh", neon->gelu_tanh, generic->gelu_tanh, n);
    fill(x, 2 * n);
    neon->rms_norm(fast, x, x + n, n, 1e-5F);
    generic->rms_norm(plain, x, x + n, n, 1e-5F);
    compare("rms norm", 1, n, n, 2e-5F);
    neon->layer_norm(fast, x, x + n, NULL, n, 1e-5F);
    generic->layer_norm(plain, x, x + n, NULL, n, 1e-5F);
    compare("layer norm", 1, n, n, 2e-5F);
}

static void check_halves(void)
{
    for (uint32_t bits = 0; bits < 0x10000; bits += 4) {
        uint16_t halves[4] = {(uint16_t)bits, (uint16_t)(bits + 1), (uint16_t)(bits + 2),
                              (uint16_t)(bits + 3)};
        uint16_t back[4];

        rt_kernels_neon.f16_to_f32(fast, halves, 4);
        rt_kernels_neon.f32_to_f16(back, fast, 4);
        for (int i = 0; i < 4; i++)
            if (!isnan(fast[i]) && (fast[i] != rt_f16_to_f32(halves[i]) || back[i] != halves[i])) {
                fprintf(stderr, "f16 %04x: %a and back %04x\n", halves[i], (double)fast[i],
                        back[i]);
                exit(1);
            }
    }
}

int main(void)
{
    static const size_t columns[] = {1, 31, 32, 97, 128, 161, 257, 600};

    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        for (size_t rows = 1; rows <= MOST_ROWS; rows += 3)
            check_products(rows, columns[i]);
    for (size_t rows = 1; rows <= MOST_ROWS; rows += 6)
        check_attention(rows, 50 + rows, 72);
    for (size_t n = 1; n < 300; n += 23)
        check_rows(n);
    check_halves();
    return 0;
}
