/* Owns how views become features: the encoder of pictures, what the geometry adds to it, and the
 * layers in which the views attend to one another. */
#include "engine/spatial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "engine/block.h"
#include "engine/scale.h"
#include "engine/spatial_encoders.h"
#include "engine/spatial_view.h"

static const double NORM_EPS = 1e-6;

/* Linears of MapAnything's scale head between the first and the last. */
enum { SCALE_LAYERS = 2 };
/* Tokens of all views together: what a block takes. */
enum { MOST_TOKENS = 1 << 20 };

struct rt_spatial {
    rt_spatial_config config;
    rt_tower *tower;
    rt_dense_encoder *rays, *depth;
    rt_global_encoder *depth_scale, *rotation, *translation, *translation_scale;
    const float *fusion_norm, *fusion_bias;
    const float *scale_token; /* [tower.width] */
    rt_linear project;        /* tower.width -> width, where they differ */
    rt_block *blocks;
    const float *norm, *norm_bias;
    rt_scale_head *scale_head; /* NULL: the weights have none */
    const atomic_bool *stop;   /* or NULL */
};

/* ---- loading ---- */

static fm_status load_geometry(rt_spatial *s, rt_packer *packer, const rt_weights *weights,
                               fm_err *err)
{
    const rt_spatial_config *c = &s->config;
    const struct {
        rt_dense_encoder **out;
        const char *name;
        int channels;
    } fields[] = {{&s->rays, "ray_dirs_encoder", 3}, {&s->depth, "depth_encoder", 1}};
    const struct {
        rt_global_encoder **out;
        const char *name;
        int in;
    } numbers[] = {{&s->depth_scale, "depth_scale_encoder", 1},
                   {&s->rotation, "cam_rot_encoder", 4},
                   {&s->translation, "cam_trans_encoder", 3},
                   {&s->translation_scale, "cam_trans_scale_encoder", 1}};
    fm_status st = FM_OK;

    for (size_t i = 0; i < FM_COUNT_OF(fields) && st == FM_OK; i++)
        st = rt_dense_encoder_load(fields[i].out, fields[i].channels, c->tower.patch, c->dense,
                                   c->tower.width, packer, weights, fields[i].name, err);
    for (size_t i = 0; i < FM_COUNT_OF(numbers) && st == FM_OK; i++)
        st = rt_global_encoder_load(numbers[i].out, numbers[i].in, c->global, c->tower.width,
                                    packer, weights, numbers[i].name, err);
    return st;
}

static fm_status load_vectors(rt_spatial *s, rt_packer *packer, const rt_weights *weights,
                              fm_err *err)
{
    const struct {
        const float **out;
        const char *name;
        int n;
    } vectors[] = {{&s->fusion_norm, "fusion_norm_layer.weight", s->config.tower.width},
                   {&s->fusion_bias, "fusion_norm_layer.bias", s->config.tower.width},
                   {&s->scale_token, "scale_token", s->config.tower.width},
                   {&s->norm, "info_sharing.norm.weight", s->config.width},
                   {&s->norm_bias, "info_sharing.norm.bias", s->config.width}};
    fm_status st = FM_OK;

    for (size_t i = 0; i < FM_COUNT_OF(vectors) && st == FM_OK; i++)
        st = rt_packer_vector(packer, weights, vectors[i].out, (size_t)vectors[i].n, err, "%s",
                              vectors[i].name);
    return st;
}

static rt_block_shape shape_of(const rt_spatial_config *c)
{
    return (rt_block_shape){.width = c->width,
                            .heads = c->heads,
                            .mlp = c->mlp,
                            .swiglu = c->swiglu,
                            .layer_scale = c->layer_scale,
                            .qk_norm = c->qk_norm,
                            .eps = NORM_EPS};
}

static fm_status load_sharing(rt_spatial *s, rt_packer *packer, const rt_weights *weights,
                              fm_err *err)
{
    const rt_spatial_config *c = &s->config;
    rt_block_shape shape = shape_of(c);
    fm_status st = FM_OK;

    if (c->tower.width != c->width)
        st = rt_linear_load(&s->project, packer, weights, "info_sharing.proj_embed",
                            (size_t)c->width, (size_t)c->tower.width, true, err);
    s->blocks = calloc((size_t)c->layers, sizeof(*s->blocks));
    if (st == FM_OK && !s->blocks)
        st = fm_fail(err, FM_E_NOMEM, "no memory for a spatial encoder");
    for (int i = 0; i < c->layers && st == FM_OK; i++) {
        char prefix[64];

        snprintf(prefix, sizeof(prefix), "info_sharing.self_attention_blocks.%d.", i);
        st = rt_block_load(&s->blocks[i], &shape, RT_NAMES_TIMM, packer, weights, prefix, err);
    }
    return st;
}

fm_status rt_spatial_load(rt_spatial **out, const rt_spatial_config *config, rt_packer *packer,
                          const rt_weights *weights, fm_err *err)
{
    rt_spatial *s = calloc(1, sizeof(*s));

    if (!s)
        return fm_fail(err, FM_E_NOMEM, "no memory for a spatial encoder");
    s->config = *config;
    fm_status st =
        rt_tower_load(&s->tower, &config->tower, false, packer, weights, "encoder.model.", err);
    if (st == FM_OK)
        st = load_geometry(s, packer, weights, err);
    if (st == FM_OK)
        st = load_vectors(s, packer, weights, err);
    if (st == FM_OK)
        st = load_sharing(s, packer, weights, err);
    if (st == FM_OK && rt_weights_find(weights, "scale_head.proj.weight"))
        st = rt_scale_head_load(&s->scale_head, config->width, config->scale_hidden, SCALE_LAYERS,
                                packer, weights, "scale_head.", err);
    if (st != FM_OK) {
        rt_spatial_free(s);
        return st;
    }
    *out = s;
    return FM_OK;
}

void rt_spatial_free(rt_spatial *spatial)
{
    if (!spatial)
        return;
    rt_tower_free(spatial->tower);
    rt_dense_encoder_free(spatial->rays);
    rt_dense_encoder_free(spatial->depth);
    rt_global_encoder_free(spatial->depth_scale);
    rt_global_encoder_free(spatial->rotation);
    rt_global_encoder_free(spatial->translation);
    rt_global_encoder_free(spatial->translation_scale);
    rt_scale_head_free(spatial->scale_head);
    free(spatial->blocks);
    free(spatial);
}

void rt_spatial_stop(rt_spatial *spatial, const atomic_bool *stop)
{
    spatial->stop = stop;
    rt_tower_stop(spatial->tower, stop);
}

void rt_spatial_features_release(rt_spatial_features *features)
{
    free(features->final);
    free(features->fused);
    free(features->middle[0]);
    free(features->middle[1]);
    free(features->scale_token);
    *features = (rt_spatial_features){0};
}

/* ---- one run ---- */

static size_t most_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

typedef struct {
    const rt_spatial *s;
    const rt_compute *compute;
    const rt_picture *pictures;
    size_t n, patches, tokens; /* views; patches of one; with its register, where there is one */
    int width, height;         /* of the views, in pixels */

    fm_arena arena; /* of the view at hand */
    rt_view_pose *poses;
    double pose_scale;
    float *registers; /* [n][tower.width] */
    float *added;     /* [patches][tower.width]: what one encoder of geometry gives */
    float *x;         /* [n tokens + 1][width], the scale token last */
    void *block_scratch, *linear_scratch;
    rt_spatial_features *out;
} pass;

static size_t tower_width(const pass *p)
{
    return (size_t)p->s->config.tower.width;
}

static float *new_floats(size_t rows, size_t columns)
{
    return calloc(rows, columns * sizeof(float));
}

static bool make_features(const pass *p, rt_spatial_features *f)
{
    size_t rows = p->n * p->patches, width = (size_t)f->width;

    f->final = new_floats(rows, width);
    f->fused = new_floats(rows, tower_width(p));
    f->middle[0] = new_floats(rows, width);
    f->middle[1] = new_floats(rows, width);
    f->scale_token = new_floats(1, width);
    return f->final && f->fused && f->middle[0] && f->middle[1] && f->scale_token;
}

static bool make_scratch(pass *p)
{
    rt_block_shape shape = shape_of(&p->s->config);
    size_t all = p->n * p->tokens + 1;

    p->poses = calloc(p->n, sizeof(*p->poses));
    p->registers = new_floats(p->n, tower_width(p));
    p->added = new_floats(p->patches, tower_width(p));
    p->x = new_floats(all, (size_t)shape.width);
    p->linear_scratch = malloc(rt_linear_scratch_bytes(p->patches, tower_width(p)));
    p->block_scratch =
        rt_rows_new(rt_block_scratch_bytes(&shape, all, rt_pool_threads(p->compute->pool)));
    return p->poses && p->registers && p->added && p->x && p->linear_scratch && p->block_scratch;
}

static void pass_release(pass *p)
{
    free(p->poses);
    free(p->registers);
    free(p->added);
    free(p->x);
    free(p->block_scratch);
    free(p->linear_scratch);
    fm_arena_release(&p->arena);
}

static void normalise(const pass *p, float *out, const float *x, size_t rows, size_t width,
                      const float *weight, const float *bias)
{
    for (size_t i = 0; i < rows; i++)
        p->compute->kernels->layer_norm(out + i * width, x + i * width, weight, bias, width,
                                        (float)NORM_EPS);
}

/* ---- views: pictures and geometry, added up ---- */

/* features[patches][tower.width] += the encoder's reading of a field. */
static fm_status add_field(const pass *p, const rt_dense_encoder *encoder, const float *field,
                           float *features, fm_err *err)
{
    fm_status st = rt_dense_encoder_run(encoder, p->compute, p->added, field, p->out->rows,
                                        p->out->columns, err);

    if (st == FM_OK)
        p->compute->kernels->add(features, p->added, p->patches * tower_width(p));
    return st;
}

/* features[patches][tower.width] += the encoder's reading of numbers, the same for every patch. */
static void add_numbers(const pass *p, const rt_global_encoder *encoder, const float *numbers,
                        float *features)
{
    rt_global_encoder_run(encoder, p->compute, p->added, numbers);
    for (size_t i = 0; i < p->patches; i++)
        p->compute->kernels->add(features + i * tower_width(p), p->added, tower_width(p));
}

static float logarithm_of(double scale)
{
    return (float)log(scale + 1e-8);
}

static void add_pose(const pass *p, const rt_view_pose *pose, float *features)
{
    float scale = logarithm_of(p->pose_scale);

    add_numbers(p, p->s->rotation, pose->rotation, features);
    add_numbers(p, p->s->translation, pose->translation, features);
    add_numbers(p, p->s->translation_scale, &scale, features);
}

static fm_status add_geometry(const pass *p, const rt_view *view, const rt_view_pose *pose,
                              float *features, fm_err *err)
{
    fm_status st = FM_OK;

    if (view->rays)
        st = add_field(p, p->s->rays, view->rays, features, err);
    if (st == FM_OK && view->depth)
        st = add_field(p, p->s->depth, view->depth, features, err);
    if (st == FM_OK && view->depth) {
        float scale = logarithm_of(view->depth_mean);

        add_numbers(p, p->s->depth_scale, &scale, features);
    }
    if (st == FM_OK && pose->known)
        add_pose(p, pose, features);
    return st;
}

static fm_status encode_view(pass *p, size_t i, fm_err *err)
{
    float *features = p->out->fused + i * p->patches * tower_width(p);
    rt_view view;

    fm_arena_reset(&p->arena);
    fm_status st = rt_view_make(&view, &p->pictures[i], p->width, p->height, &p->arena, err);
    if (st == FM_OK)
        st = rt_tower_run(p->s->tower, p->compute, features,
                          p->s->config.registers ? p->registers + i * tower_width(p) : NULL,
                          view.pixels, 1, p->height, p->width, err);
    if (st == FM_OK)
        st = add_geometry(p, &view, &p->poses[i], features, err);
    if (st == FM_OK)
        normalise(p, features, features, p->patches, tower_width(p), p->s->fusion_norm,
                  p->s->fusion_bias);
    return st;
}

/* ---- what the views share ---- */

/* out[m][width] from in[m][tower.width] */
static void project(const pass *p, float *out, const float *in, size_t m)
{
    size_t width = (size_t)p->s->config.width;

    if (tower_width(p) == width)
        memcpy(out, in, m * width * sizeof(*out));
    else
        rt_linear_apply(&p->s->project, p->compute, out, width, in, tower_width(p), m,
                        p->linear_scratch);
}

/* The first view is the one that all is relative to. It is marked by the first row of a table of
 * sines and cosines, whose angles are 0. */
static void mark_reference(const pass *p)
{
    size_t width = (size_t)p->s->config.width;

    for (size_t i = 0; i < p->tokens; i++)
        for (size_t j = 1; j < width; j += 2)
            p->x[i * width + j] += 1;
}

static void gather_tokens(const pass *p)
{
    size_t width = (size_t)p->s->config.width;

    for (size_t i = 0; i < p->n; i++) {
        float *view = p->x + i * p->tokens * width;

        project(p, view, p->out->fused + i * p->patches * tower_width(p), p->patches);
        if (p->s->config.registers)
            project(p, view + p->patches * width, p->registers + i * tower_width(p), 1);
    }
    project(p, p->x + p->n * p->tokens * width, p->s->scale_token, 1);
    mark_reference(p);
}

/* The patches' tokens through the last norm: out[n][patches][width]. */
static void take(const pass *p, float *out)
{
    size_t width = (size_t)p->s->config.width;

    for (size_t i = 0; i < p->n; i++)
        normalise(p, out + i * p->patches * width, p->x + i * p->tokens * width, p->patches, width,
                  p->s->norm, p->s->norm_bias);
}

/* Even layers see all views and the scale token, odd ones each view by itself. */
static fm_status share(const pass *p, fm_err *err)
{
    const rt_spatial_config *c = &p->s->config;
    size_t width = (size_t)c->width;

    for (int layer = 0; layer < c->layers; layer++) {
        const rt_block *block = &p->s->blocks[layer];

        if (p->s->stop && atomic_load(p->s->stop))
            return fm_fail(err, FM_E_INTERRUPTED, "cancelled");
        if (layer % 2 == 0)
            rt_block_run(block, p->compute, p->x, p->n * p->tokens + 1, p->block_scratch);
        else
            for (size_t i = 0; i < p->n; i++)
                rt_block_run(block, p->compute, p->x + i * p->tokens * width, p->tokens,
                             p->block_scratch);
        for (int tap = 0; tap < 2; tap++)
            if (c->taps[tap] == layer)
                take(p, p->out->middle[tap]);
    }
    take(p, p->out->final);
    normalise(p, p->out->scale_token, p->x + p->n * p->tokens * width, 1, width, p->s->norm,
              p->s->norm_bias);
    return FM_OK;
}

/* ---- the whole ---- */

static fm_status check_pictures(const rt_picture *pictures, size_t n, fm_err *err)
{
    fm_status st = n > 0 ? FM_OK : fm_fail(err, FM_E_USAGE, "the spatial encoder has no picture");

    for (size_t i = 0; i < n && st == FM_OK; i++) {
        st = rt_view_check(&pictures[i], err);
        if (st != FM_OK && n > 1)
            st = fm_fail_within(err, st, "picture %zu", i + 1);
    }
    return st;
}

static fm_status begin_pass(pass *p, fm_err *err)
{
    const rt_spatial_config *c = &p->s->config;
    rt_spatial_features *f = p->out;

    rt_view_size(c->long_side, c->tower.patch, p->pictures[0].width, p->pictures[0].height,
                 &p->width, &p->height);
    f->rows = p->height / c->tower.patch;
    f->columns = p->width / c->tower.patch;
    f->width = c->width;
    f->n = p->n;
    p->patches = (size_t)f->rows * (size_t)f->columns;
    p->tokens = p->patches + (c->registers ? 1 : 0);
    if (p->n > (MOST_TOKENS - 1) / p->tokens)
        return fm_fail(err, FM_E_USAGE, "%zu pictures of %zu patches are too many at once", p->n,
                       p->patches);
    if (!make_features(p, f) || !make_scratch(p))
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu patches", p->n * p->patches);
    p->pose_scale = rt_view_poses(p->poses, p->pictures, p->n);
    return FM_OK;
}

size_t rt_spatial_run_bytes(const rt_spatial *spatial, const rt_picture *pictures, size_t n,
                            int threads)
{
    const rt_spatial_config *c = &spatial->config;
    rt_block_shape shape = shape_of(c);
    size_t width = (size_t)c->width, seen = (size_t)c->tower.width;
    int wide, high;

    rt_view_size(c->long_side, c->tower.patch, pictures[0].width, pictures[0].height, &wide, &high);
    size_t pixels = (size_t)wide * (size_t)high;
    size_t patches = pixels / (size_t)(c->tower.patch * c->tower.patch);
    if (n > (MOST_TOKENS - 1) / (patches + 1))
        return 0; /* too many, which the run says */
    size_t all = n * (patches + 1) + 1;
    size_t features = n * patches * (3 * width + seen);
    size_t fields = most_of(rt_dense_encoder_run_bytes(spatial->rays, patches),
                            rt_dense_encoder_run_bytes(spatial->depth, patches));
    /* A view's pixels, rays and depth, while one part after another reads it. */
    return (features + (n + patches) * seen + all * width + 7 * pixels) * sizeof(float) +
           rt_linear_scratch_bytes(patches, seen) + rt_block_scratch_bytes(&shape, all, threads) +
           most_of(fields, rt_tower_run_bytes(spatial->tower, patches, threads));
}

fm_status rt_spatial_run(const rt_spatial *spatial, const rt_compute *compute,
                         const rt_picture *pictures, size_t n, rt_spatial_features *out,
                         fm_err *err)
{
    rt_spatial_features features = {0};
    pass p = {.s = spatial, .compute = compute, .pictures = pictures, .n = n, .out = &features};
    fm_status st = check_pictures(pictures, n, err);

    if (st == FM_OK)
        st = begin_pass(&p, err);
    for (size_t i = 0; i < n && st == FM_OK; i++)
        st = encode_view(&p, i, err);
    if (st == FM_OK) {
        gather_tokens(&p);
        st = share(&p, err);
    }
    if (st == FM_OK) {
        if (spatial->scale_head)
            features.metric_scale =
                rt_scale_head_run(spatial->scale_head, compute, features.scale_token);
        *out = features;
        features = (rt_spatial_features){0};
    }
    rt_spatial_features_release(&features);
    pass_release(&p);
    return st;
}

/* ---- the language model's tokens ---- */

size_t rt_spatial_token_count(const rt_spatial_config *config, const rt_projector *projector,
                              const rt_spatial_features *features)
{
    return features->n * rt_projector_tokens(projector, features->rows, features->columns) +
           (config->give_scale_token ? rt_projector_tokens(projector, 1, 1) : 0);
}

fm_status rt_spatial_tokens(const rt_spatial_config *config, const rt_projector *projector,
                            const rt_compute *compute, const rt_spatial_features *features,
                            float *out, fm_err *err)
{
    const float *const tapped[] = {[RT_TAP_FINAL] = features->final,
                                   [RT_TAP_FUSED] = features->fused,
                                   [RT_TAP_MIDDLE] = features->middle[1]};
    size_t view = (size_t)features->rows * (size_t)features->columns * (size_t)config->projector.in;
    size_t tokens = rt_projector_tokens(projector, features->rows, features->columns);
    fm_status st = FM_OK;

    for (size_t i = 0; i < features->n && st == FM_OK; i++) {
        st = rt_projector_run(projector, compute, out, tapped[config->tap] + i * view,
                              features->rows, features->columns, err);
        out += tokens * (size_t)config->projector.out;
    }
    if (st == FM_OK && config->give_scale_token)
        st = rt_projector_run(projector, compute, out, features->scale_token, 1, 1, err);
    return st;
}
