/* The spatial encoder of both generations against activations that PyTorch computed in double
 * precision (engine/mapanything.py): every subset of geometry, one view and two, by several tables of
 * kernels and packs. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/size.h"
#include "engine/spatial.h"
#include "engine/spatial_encoders.h"
#include "engine/spatial_view.h"
#include "support/golden.h"

/* ---- the two models, small ---- */

#define SMALL_TOWER                                                                                \
    .width = 20, .layers = 2, .heads = 2, .patch = 4, .image = 12, .used_layers = 2,               \
    .class_token = true, .layer_scale = true, .resample_positions = true, .norm_eps = 1e-6

typedef struct {
    const char *file;
    rt_spatial_config config;
} model;

static const model models[] = {
    {"mapanything_v1.safetensors",
     {.generation = RT_MAPANYTHING_V1,
      .tower = {SMALL_TOWER, .mlp = 48, .final_norm = true},
      .width = 16,
      .layers = 4,
      .heads = 2,
      .mlp = 32,
      .taps = {1, 2},
      .long_side = 20,
      .dense = {10, 12, 14},
      .global = {6, 8, 10},
      .scale_hidden = 9}},
    {"mapanything_v11.safetensors",
     {.generation = RT_MAPANYTHING_V11,
      .tower = {SMALL_TOWER, .mlp = 20, .swiglu = true},
      .width = 20,
      .layers = 4,
      .heads = 2,
      .mlp = 20,
      .swiglu = true,
      .layer_scale = true,
      .registers = true,
      .taps = {1, 2},
      .long_side = 20,
      .dense = {10, 12, 14},
      .global = {6, 8, 10},
      .scale_hidden = 9}},
};

/* What computes, and how far the worst value may be off, as a share of the largest. In f32 all of them
 * are within 2e-6. The files' weights are exact in bf16: what is lost there is of tables that round
 * what they multiply. The bound of 8 bits is half as much again as what was measured, in models this
 * narrow with weights this large. */
typedef struct {
    const char *isa;
    rt_pack pack;
    bool int8;
    double bound;
} way;

static const way ways[] = {
    {"generic", RT_PACK_F32, false, 1e-5}, {NULL, RT_PACK_F32, false, 1e-5},
    {NULL, RT_PACK_BF16, false, 0.02},     {NULL, RT_PACK_Q8, false, 0.06},
    {NULL, RT_PACK_Q8, true, 0.06},
};

#define each_model(m) for (const model *m = models; m < models + FM_COUNT_OF(models); m++)
#define each_way(w)   for (const way *w = ways; w < ways + FM_COUNT_OF(ways); w++)

/* ---- the pictures ---- */

enum { MOST_VIEWS = 2 };

/* What a case gives of each picture: its letter, then k(intrinsics), d(epth), p(ose). */
static const struct {
    const char *name;
    const char *views[MOST_VIEWS];
} cases[] = {
    {"rgb", {"a"}},
    {"k", {"ak"}},
    {"k_depth", {"akd"}},
    {"k_depth_pose", {"akdp"}},
    {"resized", {"bkd"}},
    {"two", {"a", "b"}},
    {"two_mixed", {"akp", "bkdp"}},
};

typedef struct {
    rt_picture pictures[MOST_VIEWS];
    size_t n;
    void *owned[2 * MOST_VIEWS];
} scene;

static float *input(const golden *g, char view, const char *part, size_t *n)
{
    char name[32];

    snprintf(name, sizeof(name), "input.%c.%s", view, part);
    return golden_values(g, name, n);
}

static const int *sides_of(char view)
{
    static const int sides[][2] = {{20, 16}, {27, 20}};

    return sides[view == 'b'];
}

/* Files hold finite numbers alone: -2, -3 and -4 stand for a NaN and the infinities. */
static void restore_unknown(float *depth, size_t n)
{
    static const float kinds[] = {NAN, INFINITY, -INFINITY};

    for (size_t i = 0; i < n; i++)
        if (depth[i] <= -2)
            depth[i] = kinds[-(int)depth[i] - 2];
}

static rt_picture make_picture(const golden *g, const char *view, void *owned[2])
{
    size_t n;
    float *rgb = input(g, *view, "rgb", &n), *depth, *k, *pose;
    uint8_t *bytes = calloc(n, 1);
    rt_picture p = {.rgb = bytes, .width = sides_of(*view)[0], .height = sides_of(*view)[1]};

    cr_assert(eq(sz, n, (size_t)p.width * p.height * 3));
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)rgb[i];
    depth = input(g, *view, "depth", &n);
    restore_unknown(depth, n);
    k = input(g, *view, "k", &n);
    pose = input(g, *view, "pose", &n);
    p.depth_m = strchr(view + 1, 'd') ? depth : NULL;
    p.has_intrinsics = strchr(view, 'k') != NULL;
    p.fx = k[0], p.fy = k[1], p.cx = k[2], p.cy = k[3];
    p.has_pose = strchr(view, 'p') != NULL;
    for (int i = 0; i < 7; i++)
        *(i < 4 ? &p.rotation[i] : &p.translation[i - 4]) = pose[i];
    free(rgb);
    free(k);
    free(pose);
    owned[0] = bytes;
    owned[1] = depth;
    return p;
}

static scene scene_make(const golden *g, const char *const views[MOST_VIEWS])
{
    scene s = {0};

    for (; s.n < MOST_VIEWS && views[s.n]; s.n++)
        s.pictures[s.n] = make_picture(g, views[s.n], s.owned + 2 * s.n);
    return s;
}

static void scene_release(scene *s)
{
    for (size_t i = 0; i < FM_COUNT_OF(s->owned); i++)
        free(s->owned[i]);
}

/* ---- the whole encoder ---- */

static golden open_for(const model *m, const way *w, int threads)
{
    golden g = golden_open(m->file, w->isa, w->pack, threads);

    g.compute.int8_activations = w->int8;
    return g;
}

static rt_spatial *load(const golden *g, const model *m)
{
    rt_spatial *spatial = NULL;
    fm_err err = {0};

    if (rt_spatial_load(&spatial, &m->config, g->packer, g->weights, &err) != FM_OK)
        cr_fatal("%s", err.text);
    return spatial;
}

static rt_spatial_features features_of(const golden *g, const rt_spatial *spatial, const scene *s)
{
    rt_spatial_features f = {0};
    fm_err err = {0};

    if (rt_spatial_run(spatial, &g->compute, s->pictures, s->n, &f, &err) != FM_OK)
        cr_fatal("%s", err.text);
    return f;
}

/* Stages that a case has no values of are not compared. */
static void expect_near(const golden *g, const model *m, const way *w, const char *name,
                        const char *stage, const float *got)
{
    char full[64];

    snprintf(full, sizeof(full), "expected.%s.%s", name, stage);
    if (!rt_weights_find(g->weights, full))
        return;
    double off = golden_off(g, full, got);
    cr_expect(off <= w->bound * golden_share(g, w->pack), "%s, %s, pack %d: '%s' is off by %g",
              m->file, g->compute.kernels->name, (int)w->pack, full, off);
}

static void check_case(const golden *g, const model *m, const way *w, const rt_spatial *spatial,
                       size_t index)
{
    const char *name = cases[index].name;
    scene s = scene_make(g, cases[index].views);
    rt_spatial_features f = features_of(g, spatial, &s);
    float scale = (float)f.metric_scale;

    cr_assert(f.rows == 4 && f.columns == 5 && f.width == m->config.width && f.n == s.n);
    expect_near(g, m, w, name, "fused", f.fused);
    expect_near(g, m, w, name, "tap.0", f.middle[0]);
    expect_near(g, m, w, name, "tap.1", f.middle[1]);
    expect_near(g, m, w, name, "final", f.final);
    expect_near(g, m, w, name, "scale_token", f.scale_token);
    expect_near(g, m, w, name, "metric_scale", &scale);
    rt_spatial_features_release(&f);
    scene_release(&s);
}

Test(engine_mapanything, every_subset_of_geometry)
{
    each_model(m) each_way(w)
    {
        golden g = open_for(m, w, 2);
        rt_spatial *spatial = load(&g, m);

        for (size_t i = 0; i < FM_COUNT_OF(cases); i++)
            check_case(&g, m, w, spatial, i);
        rt_spatial_free(spatial);
        golden_close(&g);
    }
}

/* ---- its parts ---- */

static void run_dense(const golden *g, const model *m, const char *name, const float *field,
                      int channels, float *out)
{
    rt_dense_encoder *encoder = NULL;
    fm_err err = {0};

    if (rt_dense_encoder_load(&encoder, channels, 4, m->config.dense, 20, g->packer, g->weights,
                              name, &err) != FM_OK ||
        rt_dense_encoder_run(encoder, &g->compute, out, field, 4, 5, &err) != FM_OK)
        cr_fatal("%s", err.text);
    rt_dense_encoder_free(encoder);
}

static void check_parts(const golden *g, const model *m, const way *w)
{
    scene s = scene_make(g, cases[2].views);
    rt_tower *tower = NULL;
    rt_view view;
    fm_arena arena = {0};
    float out[20 * 20];

    cr_assert(eq(int, rt_view_make(&view, s.pictures, 20, 16, &arena, NULL), FM_OK));
    cr_assert(eq(int,
                 rt_tower_load(&tower, &m->config.tower, false, g->packer, g->weights,
                               "encoder.model.", NULL),
                 FM_OK));
    cr_assert(
        eq(int, rt_tower_run(tower, &g->compute, out, NULL, view.pixels, 1, 16, 20, NULL), FM_OK));
    expect_near(g, m, w, "k_depth", "encoder", out);
    run_dense(g, m, "ray_dirs_encoder", view.rays, 3, out);
    expect_near(g, m, w, "k_depth", "rays", out);
    run_dense(g, m, "depth_encoder", view.depth, 1, out);
    expect_near(g, m, w, "k_depth", "depth", out);
    rt_tower_free(tower);
    fm_arena_release(&arena);
    scene_release(&s);
}

Test(engine_mapanything, each_encoder_by_itself)
{
    each_model(m) each_way(w)
    {
        golden g = open_for(m, w, 3);

        check_parts(&g, m, w);
        golden_close(&g);
    }
}

/* ---- what holds of all models ---- */

Test(engine_mapanything, results_do_not_depend_on_the_number_of_threads)
{
    const size_t last = FM_COUNT_OF(cases) - 1; /* two views with all that there is */

    each_model(m)
    {
        rt_spatial_features f[3];
        size_t bytes = sizeof(float) * 2 * 20 * (size_t)m->config.width;

        for (int threads = 1; threads <= 3; threads++) {
            golden g = open_for(m, &ways[1], threads);
            rt_spatial *spatial = load(&g, m);
            scene s = scene_make(&g, cases[last].views);

            f[threads - 1] = features_of(&g, spatial, &s);
            cr_expect(memcmp(f[0].final, f[threads - 1].final, bytes) == 0);
            cr_expect(f[0].metric_scale == f[threads - 1].metric_scale);
            scene_release(&s);
            rt_spatial_free(spatial);
            golden_close(&g);
        }
        for (int i = 0; i < 3; i++)
            rt_spatial_features_release(&f[i]);
    }
}

static double difference(const float *a, const float *b, size_t n)
{
    double most = 0;

    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)a[i] - b[i]));
    return most;
}

/* Each kind of geometry changes the features; what cannot be used changes nothing. */
Test(engine_mapanything, what_is_given_is_used_and_what_cannot_be_is_not)
{
    static const struct {
        const char *less[MOST_VIEWS], *more[MOST_VIEWS];
        bool used;
    } pairs[] = {
        {{"a"}, {"ak"}, true},
        {{"ak"}, {"akd"}, true},
        {{"akd"}, {"akdp"}, true},
        {{"ap", "b"}, {"ap", "bp"}, true},
        {{"a"}, {"ad"}, false},           /* depth without intrinsics */
        {{"a", "b"}, {"a", "bp"}, false}, /* a pose where the first picture has none */
    };

    each_model(m)
    {
        golden g = open_for(m, &ways[1], 2);
        rt_spatial *spatial = load(&g, m);

        for (size_t i = 0; i < FM_COUNT_OF(pairs); i++) {
            scene less = scene_make(&g, pairs[i].less), more = scene_make(&g, pairs[i].more);
            rt_spatial_features f = features_of(&g, spatial, &less);
            rt_spatial_features h = features_of(&g, spatial, &more);
            double off = difference(f.final, h.final, f.n * 20 * (size_t)f.width);

            cr_expect(pairs[i].used ? off > 1e-3 : off == 0, "%s, pair %zu: %g", m->file, i, off);
            rt_spatial_features_release(&f);
            rt_spatial_features_release(&h);
            scene_release(&less);
            scene_release(&more);
        }
        rt_spatial_free(spatial);
        golden_close(&g);
    }
}

Test(engine_mapanything, a_missing_tensor_is_named)
{
    golden g = open_for(&models[0], &ways[0], 1);
    rt_spatial_config deeper = models[0].config;
    rt_spatial *spatial = NULL;
    fm_err err = {0};

    deeper.layers = 5;
    cr_expect(eq(int, rt_spatial_load(&spatial, &deeper, g.packer, g.weights, &err), FM_E_INPUT));
    cr_expect(strstr(err.text, "has no 'info_sharing.self_attention_blocks.4.norm1.weight'") !=
                  NULL,
              "%s", err.text);
    golden_close(&g);
}

Test(engine_mapanything, a_run_that_is_stopped_gives_nothing)
{
    golden g = open_for(&models[0], &ways[0], 1);
    rt_spatial *spatial = load(&g, &models[0]);
    scene s = scene_make(&g, cases[0].views);
    rt_spatial_features f = {0};
    atomic_bool stop = true;
    fm_err err = {0};

    rt_spatial_stop(spatial, &stop);
    cr_expect(
        eq(int, rt_spatial_run(spatial, &g.compute, s.pictures, 1, &f, &err), FM_E_INTERRUPTED));
    cr_expect(f.final == NULL && f.n == 0);
    atomic_store(&stop, false);
    f = features_of(&g, spatial, &s);
    cr_expect(eq(sz, f.n, 1));
    rt_spatial_features_release(&f);
    scene_release(&s);
    rt_spatial_free(spatial);
    golden_close(&g);
}

/* ---- the language model's tokens ---- */

Test(engine_mapanything, the_tapped_features_become_tokens)
{
    static const char *const names[] = {
        [RT_TAP_FINAL] = "final", [RT_TAP_FUSED] = "fused", [RT_TAP_MIDDLE] = "middle"};
    const model *m = &models[1];
    rt_spatial_config config = m->config;
    golden g = open_for(m, &ways[1], 2);
    rt_spatial *spatial = load(&g, m);
    scene s = scene_make(&g, cases[5].views);
    rt_spatial_features f = features_of(&g, spatial, &s);
    rt_projector *projector = NULL;
    fm_err err = {0};

    config.projector = (rt_projector_config){RT_PROJECT_DOWN_2X2, 20, 12};
    cr_assert(eq(int,
                 rt_projector_load(&projector, &config.projector, g.packer, g.weights,
                                   "spatial_projector.", &err),
                 FM_OK),
              "%s", err.text);
    cr_expect(eq(sz, rt_spatial_token_count(&config, projector, &f), 12));
    config.give_scale_token = true;
    cr_assert(eq(sz, rt_spatial_token_count(&config, projector, &f), 13));
    for (int tap = RT_TAP_FINAL; tap <= RT_TAP_MIDDLE; tap++) {
        char stage[32];
        float out[13 * 12];

        config.tap = tap;
        snprintf(stage, sizeof(stage), "tokens.%s", names[tap]);
        cr_assert(eq(int, rt_spatial_tokens(&config, projector, &g.compute, &f, out, NULL), FM_OK));
        expect_near(&g, m, &ways[1], "two", stage, out);
    }
    rt_projector_free(projector);
    rt_spatial_features_release(&f);
    scene_release(&s);
    rt_spatial_free(spatial);
    golden_close(&g);
}
