/* Owns how a picture becomes tokens: patches, positions, the class token; what happens to them then
 * is the blocks'. */
#include "engine/tower.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "engine/block.h"

struct rt_tower {
    rt_tower_config config;
    rt_linear patch;
    float *positions; /* [class token, where there is one, and image / patch squared][width] */
    float *class_token;
    rt_block *blocks; /* used_layers of them */
    const float *norm, *norm_bias;

    const char *name;
    rt_probe probe;
    void *probe_context;
    const atomic_bool *stop; /* or NULL */
};

/* ---- loading ---- */

typedef struct {
    const char *patch, *positions, *layers, *norm;
} name_set;

static const name_set siglip_names = {"embeddings.patch_embedding",
                                      "embeddings.position_embedding.weight", "encoder.layers.",
                                      "post_layernorm"};
static const name_set dinov2_names = {"patch_embed.proj", "pos_embed", "blocks.", "norm"};

/* A table of rows that the tower keeps: SigLIP's has two dimensions, DINOv2's a first one of 1. */
static fm_status load_rows(float **out, const rt_weights *weights, size_t rows, size_t width,
                           bool flat, const char *prefix, const char *name, fm_err *err)
{
    const size_t shape[] = {1, rows, width};
    const rt_tensor *tensor;
    fm_status st = rt_weights_need(weights, flat ? shape + 1 : shape, flat ? 2 : 3, &tensor, err,
                                   "%s%s", prefix, name);

    if (st != FM_OK)
        return st;
    *out = calloc(rows * width, sizeof(**out));
    return *out ? rt_weights_read(weights, tensor, name, *out, err)
                : fm_fail(err, FM_E_NOMEM, "no memory for a vision tower");
}

static fm_status load_ends(rt_tower *t, const name_set *names, bool siglip, rt_packer *packer,
                           const rt_weights *weights, const char *prefix, fm_err *err)
{
    const rt_tower_config *c = &t->config;
    size_t width = (size_t)c->width, side = (size_t)(c->image / c->patch);
    char patch[128];

    if (snprintf(patch, sizeof(patch), "%s%s", prefix, names->patch) >= (int)sizeof(patch))
        return fm_fail(err, FM_E_INTERNAL, "the name '%s%s' is too long", prefix, names->patch);
    fm_status st = rt_linear_load(&t->patch, packer, weights, patch, width,
                                  3 * (size_t)c->patch * (size_t)c->patch, true, err);
    if (st == FM_OK)
        st = load_rows(&t->positions, weights, side * side + (c->class_token ? 1 : 0), width,
                       siglip, prefix, names->positions, err);
    if (st == FM_OK && c->class_token)
        st = load_rows(&t->class_token, weights, 1, width, false, prefix, "cls_token", err);
    if (st == FM_OK && c->final_norm)
        st = rt_packer_vector(packer, weights, &t->norm, width, err, "%s%s.weight", prefix,
                              names->norm);
    if (st == FM_OK && c->final_norm)
        st = rt_packer_vector(packer, weights, &t->norm_bias, width, err, "%s%s.bias", prefix,
                              names->norm);
    return st;
}

static rt_block_shape shape_of(const rt_tower_config *c)
{
    return (rt_block_shape){.width = c->width,
                            .heads = c->heads,
                            .mlp = c->mlp,
                            .swiglu = c->swiglu,
                            .gelu_tanh = c->gelu_tanh,
                            .layer_scale = c->layer_scale,
                            .qk_norm = c->qk_norm,
                            .eps = c->norm_eps};
}

static fm_status load_blocks(rt_tower *t, const name_set *names, bool siglip, rt_packer *packer,
                             const rt_weights *weights, const char *prefix, fm_err *err)
{
    rt_block_shape shape = shape_of(&t->config);
    fm_status st = FM_OK;

    for (int i = 0; i < t->config.used_layers && st == FM_OK; i++) {
        char full[128];

        if (snprintf(full, sizeof(full), "%s%s%d.", prefix, names->layers, i) >= (int)sizeof(full))
            return fm_fail(err, FM_E_INTERNAL, "the name '%s' is too long", prefix);
        st = rt_block_load(&t->blocks[i], &shape, siglip ? RT_NAMES_SIGLIP : RT_NAMES_TIMM, packer,
                           weights, full, err);
    }
    return st;
}

fm_status rt_tower_load(rt_tower **out, const rt_tower_config *config, bool siglip,
                        rt_packer *packer, const rt_weights *weights, const char *prefix,
                        fm_err *err)
{
    const name_set *names = siglip ? &siglip_names : &dinov2_names;
    rt_tower *t = calloc(1, sizeof(*t));

    if (!t)
        return fm_fail(err, FM_E_NOMEM, "no memory for a vision tower");
    t->config = *config;
    t->blocks = calloc((size_t)config->used_layers + 1, sizeof(*t->blocks));
    fm_status st = t->blocks ? load_ends(t, names, siglip, packer, weights, prefix, err)
                             : fm_fail(err, FM_E_NOMEM, "no memory for a vision tower");
    if (st == FM_OK)
        st = load_blocks(t, names, siglip, packer, weights, prefix, err);
    if (st != FM_OK) {
        rt_tower_free(t);
        return st;
    }
    *out = t;
    return FM_OK;
}

void rt_tower_free(rt_tower *tower)
{
    if (!tower)
        return;
    free(tower->positions);
    free(tower->class_token);
    free(tower->blocks);
    free(tower);
}

void rt_tower_probe(rt_tower *tower, const char *name, rt_probe probe, void *context)
{
    tower->name = name;
    tower->probe = probe;
    tower->probe_context = context;
}

void rt_tower_stop(rt_tower *tower, const atomic_bool *stop)
{
    tower->stop = stop;
}

/* ---- positions ---- */

/* Keys' cubic convolution with a = -0.75: the weights of the four samples around a point that lies t
 * past the second. Source: Keys 1981; a as image libraries choose it. */
static void cubic_weights(double t, double weights[4])
{
    const double a = -0.75;

    for (int i = 0; i < 4; i++) {
        double d = fabs(t - (i - 1));

        weights[i] = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1
                            : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    }
}

static int clamp(int i, int n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* Where place i of n falls on a table of `side`. DINOv2 hands its resizer (n + 0.1) / side as the
 * factor, and the step between samples follows from the factor, not from the sizes. */
static int sample_at(int i, int n, int side, double weights[4])
{
    double at = (i + 0.5) * side / (n + 0.1) - 0.5, whole = floor(at);

    cubic_weights(at - whole, weights);
    return (int)whole - 1;
}

void rt_tower_position_of(rt_tower_position *out, int side, int rows, int columns, int row,
                          int column)
{
    double down[4], across[4];
    int top = sample_at(row, rows, side, down), left = sample_at(column, columns, side, across);

    for (int i = 0; i < 16; i++) {
        out->at[i] = clamp(top + i / 4, side) * side + clamp(left + i % 4, side);
        out->weight[i] = (float)(down[i / 4] * across[i % 4]);
    }
}

/* out[rows][columns][width] += the table at the grid's places. */
static void add_resized(const rt_tower *t, float *out, int rows, int columns)
{
    size_t width = (size_t)t->config.width;
    int side = t->config.image / t->config.patch;
    const float *table = t->positions + (t->config.class_token ? width : 0);
    rt_tower_position position;

    for (int p = 0; p < rows * columns; p++, out += width) {
        rt_tower_position_of(&position, side, rows, columns, p / columns, p % columns);
        for (int i = 0; i < 16; i++) {
            const float *from = table + (size_t)position.at[i] * width;

            for (size_t j = 0; j < width; j++)
                out[j] += position.weight[i] * from[j];
        }
    }
}

/* x[rows columns][width] += the positions of the patches. */
static void add_positions(const rt_tower *t, const rt_compute *compute, float *x, int rows,
                          int columns)
{
    size_t width = (size_t)t->config.width;
    int side = t->config.image / t->config.patch;

    if (rows == side && columns == side)
        compute->kernels->add(x, t->positions + (t->config.class_token ? width : 0),
                              (size_t)(side * side) * width);
    else
        add_resized(t, x, rows, columns);
}

/* ---- running ---- */

/* Working memory of one call, which takes its pictures one after another. */
typedef struct {
    float *patches; /* [tokens][3][patch][patch] */
    float *x;       /* [class token and tokens][width] */
    void *block_scratch, *linear_scratch;
} work;

static void work_release(work *w)
{
    free(w->patches);
    free(w->x);
    free(w->block_scratch);
    free(w->linear_scratch);
}

size_t rt_tower_run_bytes(const rt_tower *tower, size_t tokens, int threads)
{
    rt_block_shape shape = shape_of(&tower->config);
    size_t all = tokens + 1;

    return (tokens * tower->patch.n_in + all * (size_t)tower->config.width) * sizeof(float) +
           rt_block_scratch_bytes(&shape, all, threads) +
           rt_linear_scratch_bytes(tokens, tower->patch.n_in);
}

static bool work_make(work *w, const rt_tower *t, size_t tokens, int threads)
{
    rt_block_shape shape = shape_of(&t->config);
    size_t all = tokens + (t->config.class_token ? 1 : 0);

    w->patches = calloc(tokens * t->patch.n_in, sizeof(*w->patches));
    w->x = calloc(all * (size_t)t->config.width, sizeof(*w->x));
    w->block_scratch = rt_rows_new(rt_block_scratch_bytes(&shape, all, threads));
    w->linear_scratch = malloc(rt_linear_scratch_bytes(tokens, t->patch.n_in));
    return w->patches && w->x && w->block_scratch && w->linear_scratch;
}

/* Each patch as a row in the order of a convolution's weights: channel, row, column. */
static void cut_patches(const rt_tower *t, float *out, const float *pixels, int rows, int columns)
{
    int patch = t->config.patch;

    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++)
            for (int channel = 0; channel < 3; channel++)
                for (int y = 0; y < patch; y++) {
                    const float *from =
                        pixels +
                        (((size_t)r * patch + y) * columns * patch + (size_t)c * patch) * 3 +
                        channel;

                    for (int x = 0; x < patch; x++)
                        *out++ = from[x * 3];
                }
}

static void embed(const rt_tower *t, const rt_compute *compute, const work *w, const float *pixels,
                  int rows, int columns)
{
    size_t width = (size_t)t->config.width;
    float *tokens = w->x + (t->config.class_token ? width : 0);

    cut_patches(t, w->patches, pixels, rows, columns);
    rt_linear_apply(&t->patch, compute, tokens, width, w->patches, t->patch.n_in,
                    (size_t)rows * (size_t)columns, w->linear_scratch);
    add_positions(t, compute, tokens, rows, columns);
    for (size_t j = 0; t->config.class_token && j < width; j++)
        w->x[j] = t->class_token[j] + t->positions[j];
}

static fm_status run_layers(const rt_tower *t, const rt_compute *compute, const work *w, size_t n,
                            fm_err *err)
{
    for (int i = 0; i < t->config.used_layers; i++) {
        if (t->stop && atomic_load(t->stop))
            return fm_fail(err, FM_E_INTERRUPTED, "cancelled");
        rt_block_run(&t->blocks[i], compute, w->x, n, w->block_scratch);
        if (t->probe) {
            char stage[64];

            snprintf(stage, sizeof(stage), "%s.layer.%d", t->name, i);
            t->probe(t->probe_context, stage, w->x, n, (size_t)t->config.width);
        }
    }
    return FM_OK;
}

static void give(const rt_tower *t, const rt_compute *compute, const float *x, float *out, size_t n)
{
    size_t width = (size_t)t->config.width;

    if (!t->config.final_norm) {
        memcpy(out, x, n * width * sizeof(*out));
        return;
    }
    for (size_t j = 0; j < n; j++)
        compute->kernels->layer_norm(out + j * width, x + j * width, t->norm, t->norm_bias, width,
                                     (float)t->config.norm_eps);
}

fm_status rt_tower_run(const rt_tower *tower, const rt_compute *compute, float *out,
                       float *class_out, const float *pixels, size_t n, int height, int width,
                       fm_err *err)
{
    const rt_tower_config *c = &tower->config;
    int rows = height / c->patch, columns = width / c->patch, side = c->image / c->patch;
    size_t tokens = (size_t)rows * (size_t)columns, first = c->class_token ? 1 : 0;
    work w = {0};
    fm_status st = FM_OK;

    if (!c->resample_positions && (rows != side || columns != side))
        return fm_fail(err, FM_E_USAGE, "a picture of %d x %d for a tower of %d x %d", width,
                       height, c->image, c->image);
    if (!work_make(&w, tower, tokens, rt_pool_threads(compute->pool)))
        st = fm_fail(err, FM_E_NOMEM, "no memory for %zu patches", tokens);
    for (size_t i = 0; i < n && st == FM_OK; i++) {
        embed(tower, compute, &w, pixels + i * (size_t)height * (size_t)width * 3, rows, columns);
        st = run_layers(tower, compute, &w, first + tokens, err);
        if (st != FM_OK)
            break;
        give(tower, compute, w.x + first * (size_t)c->width, out + i * tokens * (size_t)c->width,
             tokens);
        if (class_out)
            give(tower, compute, w.x, class_out + i * (size_t)c->width, first);
    }
    work_release(&w);
    return st;
}
