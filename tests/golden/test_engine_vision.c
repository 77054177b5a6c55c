/* Towers and projectors against activations that PyTorch computed in double precision
 * (engine/vision.py), by every table of kernels, every pack, and several numbers of threads. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/size.h"
#include "engine/projector.h"
#include "engine/tower.h"
#include "support/golden.h"

/* What computes, and how far the worst value may be off, as a share of the largest. In f32 all of them
 * are within 1e-6; the other packs' bounds are half as much again as what was measured: rounding to 8,
 * 7 and 4 bits, in two layers of this width with weights this large. */
typedef struct {
    const char *isa;
    rt_pack pack;
    bool int8;
    double bound;
    bool pairs; /* attention in pairs of bf16, whatever the table says */
} way;

static const way ways[] = {
    {"generic", RT_PACK_F32, false, 1e-5, false}, {NULL, RT_PACK_F32, false, 1e-5, false},
    {NULL, RT_PACK_BF16, false, 0.01, false},     {NULL, RT_PACK_Q8, false, 0.04, false},
    {NULL, RT_PACK_Q8, true, 0.045, false},       {NULL, RT_PACK_Q4, false, 0.6, false},
    {"generic", RT_PACK_BF16, false, 0.01, true},
};

static golden open_for(const way *w, int threads)
{
    static rt_kernels in_pairs;
    golden g = golden_open("vision.safetensors", w->isa, w->pack, threads);

    g.compute.int8_activations = w->int8;
    if (w->pairs) {
        in_pairs = *g.compute.kernels;
        in_pairs.attention = RT_PACK_BF16;
        g.compute.kernels = &in_pairs;
    }
    return g;
}

#define each_way(w) for (const way *w = ways; w < ways + FM_COUNT_OF(ways); w++)

static void expect_near(const golden *g, const way *w, const char *name, const float *got)
{
    double off = golden_off(g, name, got);

    cr_expect(off <= w->bound * golden_share(g, w->pack), "%s, pack %d: '%s' is off by %g",
              g->compute.kernels->name, (int)w->pack, name, off);
}

/* ---- towers ---- */

static const rt_tower_config siglip = {.width = 36,
                                       .layers = 3,
                                       .heads = 2,
                                       .mlp = 50,
                                       .patch = 4,
                                       .image = 20,
                                       .used_layers = 2,
                                       .gelu_tanh = true,
                                       .norm_eps = 1e-6};
static const rt_tower_config large = {.width = 32,
                                      .layers = 2,
                                      .heads = 4,
                                      .mlp = 64,
                                      .patch = 2,
                                      .image = 8,
                                      .used_layers = 2,
                                      .class_token = true,
                                      .layer_scale = true,
                                      .final_norm = true,
                                      .resample_positions = true,
                                      .norm_eps = 1e-6};
static const rt_tower_config giant = {.width = 40,
                                      .layers = 2,
                                      .heads = 2,
                                      .mlp = 24,
                                      .patch = 2,
                                      .image = 6,
                                      .used_layers = 2,
                                      .class_token = true,
                                      .layer_scale = true,
                                      .swiglu = true,
                                      .qk_norm = true,
                                      .resample_positions = true,
                                      .norm_eps = 1e-6};

static rt_tower *load_tower(const golden *g, const rt_tower_config *config, bool is_siglip,
                            const char *prefix)
{
    rt_tower *tower = NULL;
    fm_err err = {0};

    if (rt_tower_load(&tower, config, is_siglip, g->packer, g->weights, prefix, &err) != FM_OK)
        cr_fatal("%s", err.text);
    return tower;
}

typedef struct {
    const golden *golden;
    const way *way;
    int seen;
} layer_check;

static void check_layer(void *context, const char *stage, const float *values, size_t rows,
                        size_t columns)
{
    layer_check *check = context;

    /* The golden layers hold both pictures; the first comes first. */
    if (check->seen++ >= siglip.used_layers)
        return;
    size_t n;
    float *want = golden_values(check->golden, stage, &n);
    double off = 0, most = 0;

    cr_assert(eq(sz, n, 2 * rows * columns));
    for (size_t i = 0; i < rows * columns; i++) {
        off = fmax(off, fabs((double)values[i] - want[i]));
        most = fmax(most, fabs(want[i]));
    }
    cr_expect(off <= check->way->bound * most, "'%s' is off by %g", stage, off / most);
    free(want);
}

static void check_siglip(const way *w)
{
    golden g = open_for(w, 2);
    rt_tower *tower = load_tower(&g, &siglip, true, "siglip.vision_model.");
    layer_check check = {&g, w, 0};
    float out[2 * 25 * 36];
    size_t n;
    float *pixels = golden_values(&g, "siglip.pixels", &n);

    rt_tower_probe(tower, "siglip", check_layer, &check);
    cr_assert(eq(int, rt_tower_run(tower, &g.compute, out, NULL, pixels, 2, 20, 20, NULL), FM_OK));
    cr_expect(eq(int, check.seen, 4));
    expect_near(&g, w, "siglip.layer.1", out);
    free(pixels);
    rt_tower_free(tower);
    golden_close(&g);
}

Test(engine_vision, siglip_by_layer)
{
    each_way(w) check_siglip(w);
}

static void check_dinov2(const way *w, const rt_tower_config *config, const char *name, int rows,
                         int columns)
{
    golden g = open_for(w, 3);
    char text[64];
    float out[64 * 40], class_out[40];
    size_t n;

    snprintf(text, sizeof(text), "%s.encoder.model.", name);
    rt_tower *tower = load_tower(&g, config, false, text);
    snprintf(text, sizeof(text), "%s.%dx%d.pixels", name, rows, columns);
    float *pixels = golden_values(&g, text, &n);
    cr_assert(eq(int,
                 rt_tower_run(tower, &g.compute, out, class_out, pixels, 1, rows * config->patch,
                              columns * config->patch, NULL),
                 FM_OK));
    snprintf(text, sizeof(text), "%s.%dx%d.features", name, rows, columns);
    expect_near(&g, w, text, out);
    snprintf(text, sizeof(text), "%s.%dx%d.class", name, rows, columns);
    expect_near(&g, w, text, class_out);
    free(pixels);
    rt_tower_free(tower);
    golden_close(&g);
}

Test(engine_vision, dinov2_at_its_tables_size)
{
    each_way(w) check_dinov2(w, &large, "large", 4, 4);
}

Test(engine_vision, dinov2_at_another_size)
{
    each_way(w) check_dinov2(w, &large, "large", 5, 3);
}

Test(engine_vision, swiglu_and_normed_heads)
{
    each_way(w) check_dinov2(w, &giant, "giant", 9, 7);
}

Test(engine_vision, a_table_that_is_not_resized_takes_its_own_size_alone)
{
    golden g = open_for(&ways[0], 1);
    rt_tower *tower = load_tower(&g, &siglip, true, "siglip.vision_model.");
    static float pixels[20 * 24 * 3], out[30 * 36];
    fm_err err = {0};

    cr_expect(
        eq(int, rt_tower_run(tower, &g.compute, out, NULL, pixels, 1, 20, 24, &err), FM_E_USAGE));
    cr_expect(eq(str, err.text, "a picture of 24 x 20 for a tower of 20 x 20"));
    rt_tower_free(tower);
    golden_close(&g);
}

Test(engine_vision, a_missing_tensor_is_named)
{
    golden g = open_for(&ways[0], 1);
    rt_tower_config deeper = siglip;
    rt_tower *tower = NULL;
    fm_err err = {0};

    deeper.used_layers = 3;
    cr_expect(
        eq(int,
           rt_tower_load(&tower, &deeper, true, g.packer, g.weights, "siglip.vision_model.", &err),
           FM_E_INPUT));
    cr_expect(strstr(err.text,
                     "has no 'siglip.vision_model.encoder.layers.2.layer_norm1.weight'") != NULL,
              "%s", err.text);
    golden_close(&g);
}

Test(engine_vision, results_do_not_depend_on_the_number_of_threads)
{
    float out[3][63 * 40];

    for (int threads = 1; threads <= 3; threads++) {
        golden g = open_for(&ways[1], threads);
        rt_tower *tower = load_tower(&g, &giant, false, "giant.encoder.model.");
        size_t n;
        float *pixels = golden_values(&g, "giant.9x7.pixels", &n);

        cr_assert(eq(
            int, rt_tower_run(tower, &g.compute, out[threads - 1], NULL, pixels, 1, 18, 14, NULL),
            FM_OK));
        free(pixels);
        rt_tower_free(tower);
        golden_close(&g);
    }
    cr_expect(eq(int, memcmp(out[0], out[1], sizeof(out[0])), 0));
    cr_expect(eq(int, memcmp(out[0], out[2], sizeof(out[0])), 0));
}

/* ---- projectors ---- */

static const struct {
    const char *name;
    rt_projector_kind kind;
    int rows, columns;
    size_t tokens;
} projections[] = {
    {"linear", RT_PROJECT_LINEAR, 3, 4, 12},
    {"mlp2x", RT_PROJECT_MLP2X, 3, 4, 12},
    {"down2x2", RT_PROJECT_DOWN_2X2, 5, 4, 6},
    {"down3x3", RT_PROJECT_DOWN_3X3, 5, 7, 6},
};

static void check_projectors(const way *w)
{
    golden g = open_for(w, 2);

    for (size_t i = 0; i < FM_COUNT_OF(projections); i++) {
        rt_projector_config config = {projections[i].kind, 6, 10};
        rt_projector *projector = NULL;
        float out[12 * 10];
        char text[32];
        fm_err err = {0};
        size_t n;

        snprintf(text, sizeof(text), "%s.", projections[i].name);
        if (rt_projector_load(&projector, &config, g.packer, g.weights, text, &err) != FM_OK)
            cr_fatal("%s", err.text);
        cr_expect(eq(sz,
                     rt_projector_tokens(projector, projections[i].rows, projections[i].columns),
                     projections[i].tokens));
        snprintf(text, sizeof(text), "%s.features", projections[i].name);
        float *features = golden_values(&g, text, &n);
        cr_assert(eq(int,
                     rt_projector_run(projector, &g.compute, out, features, projections[i].rows,
                                      projections[i].columns, NULL),
                     FM_OK));
        snprintf(text, sizeof(text), "%s.out", projections[i].name);
        expect_near(&g, w, text, out);
        free(features);
        rt_projector_free(projector);
    }
    golden_close(&g);
}

Test(engine_vision, projectors)
{
    each_way(w) check_projectors(w);
}
