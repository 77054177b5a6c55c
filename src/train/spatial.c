/* Owns the spatial encoder: a tower, what the geometry adds to it, and layers in which patches and
 * the scale token attend to one another. One view, so that every other layer differs from the rest
 * only by leaving the scale token out. */
#include <math.h>
#include <stdio.h>

#include "base/size.h"
#include "train/parts.h"

static const double NORM_EPS = 1e-6;

/* ---- finding ---- */

static fm_status find_dense(tr_dense *d, const rt_spatial_config *c, const tr_store *store,
                            const char *prefix, size_t channels, fm_err *err)
{
    static const char *const conv1[] = {"encoder.0.conv1", "encoder.1.conv1"};
    static const char *const conv2[] = {"encoder.0.conv2", "encoder.1.conv2"};
    static const char *const shortcut[] = {"encoder.0.shortcut", "encoder.1.shortcut"};
    tr_source from = {store, "spatial_encoder", prefix};
    size_t patch = (size_t)c->tower.patch, width = (size_t)c->tower.width;
    const size_t w[] = {(size_t)c->dense[0], (size_t)c->dense[1], (size_t)c->dense[2]};
    fm_status st = tr_find_linear(&from, &d->conv_in, "conv_in", w[0], channels * patch * patch * 9,
                                  true, err);

    for (size_t i = 0; i < 2 && st == FM_OK; i++) {
        st = tr_find_linear(&from, &d->conv1[i], conv1[i], w[i + 1], w[i] * 9, true, err);
        if (st == FM_OK)
            st = tr_find_linear(&from, &d->conv2[i], conv2[i], w[i + 1], w[i + 1] * 9, true, err);
        if (st == FM_OK)
            st = tr_find_linear(&from, &d->shortcut[i], shortcut[i], w[i + 1], w[i], true, err);
    }
    if (st == FM_OK)
        st = tr_find_linear(&from, &d->conv_out, "encoder.2", width, w[2], true, err);
    if (st == FM_OK)
        st = tr_find_norm(&from, &d->norm, "norm_layer", width, true, err);
    return st;
}

static fm_status find_global(tr_global *g, const rt_spatial_config *c, const tr_store *store,
                             const char *prefix, size_t in, fm_err *err)
{
    static const char *const names[] = {"encoder.0.0.0.0", "encoder.0.0.1", "encoder.0.1",
                                        "encoder.1"};
    const size_t sizes[] = {in, (size_t)c->global[0], (size_t)c->global[1], (size_t)c->global[2],
                            (size_t)c->tower.width};
    tr_source from = {store, "spatial_encoder", prefix};
    fm_status st = FM_OK;

    for (size_t i = 0; i < FM_COUNT_OF(names) && st == FM_OK; i++)
        st = tr_find_linear(&from, &g->linears[i], names[i], sizes[i + 1], sizes[i], true, err);
    if (st == FM_OK)
        st = tr_find_norm(&from, &g->norm, "norm_layer", sizes[4], true, err);
    return st;
}

static fm_status find_sharing(tr_spatial *s, const tr_store *store, fm_arena *arena, fm_err *err)
{
    const rt_spatial_config *c = &s->config;
    tr_source from = {store, "spatial_encoder", ""};
    tr_block_shape shape = {.width = c->width,
                            .heads = c->heads,
                            .mlp = c->mlp,
                            .swiglu = c->swiglu,
                            .layer_scale = c->layer_scale,
                            .qk_norm = c->qk_norm,
                            .eps = NORM_EPS};
    size_t tower = (size_t)c->tower.width, width = (size_t)c->width;
    fm_status st = tr_find_norm(&from, &s->fusion_norm, "fusion_norm_layer", tower, true, err);

    if (st == FM_OK)
        st = tr_find_table(&from, &s->scale_token, "scale_token", 1, tower, err);
    if (st == FM_OK && tower != width)
        st = tr_find_linear(&from, &s->project, "info_sharing.proj_embed", width, tower, true, err);
    if (st == FM_OK)
        st = tr_find_norm(&from, &s->norm, "info_sharing.norm", width, true, err);
    s->blocks = fm_arena_alloc(arena, (size_t)c->layers + 1, sizeof(*s->blocks));
    if (st == FM_OK && !s->blocks)
        st = fm_fail(err, FM_E_NOMEM, "no memory for a spatial encoder");
    for (int i = 0; i < c->layers && st == FM_OK; i++) {
        char prefix[64];
        tr_source within = {store, "spatial_encoder", prefix};

        snprintf(prefix, sizeof(prefix), "info_sharing.self_attention_blocks.%d.", i);
        st = tr_block_find(&s->blocks[i], &shape, false, &within, err);
    }
    return st;
}

fm_status tr_spatial_find(tr_spatial *out, const rt_spatial_config *config, const tr_store *store,
                          fm_arena *arena, fm_err *err)
{
    tr_spatial s = {.config = *config};
    fm_status st =
        config->registers || config->tap == RT_TAP_MIDDLE
            ? fm_fail(err, FM_E_INPUT,
                      "spatial_encoder: neither registers nor middle features are trained")
            : tr_tower_find(&s.tower, &config->tower, false, store, "spatial_encoder", arena, err);

    if (st == FM_OK)
        st = find_dense(&s.rays, config, store, "ray_dirs_encoder.", 3, err);
    if (st == FM_OK)
        st = find_dense(&s.depth, config, store, "depth_encoder.", 1, err);
    if (st == FM_OK)
        st = find_global(&s.depth_scale, config, store, "depth_scale_encoder.", 1, err);
    if (st == FM_OK)
        st = find_sharing(&s, store, arena, err);
    if (st == FM_OK)
        *out = s;
    return st;
}

void tr_spatial_start_depth(const tr_spatial *spatial, tr_store *store)
{
    /* Depth is given as log(1 + depth / mean): log 2 at the mean, and some 0.15 off it. */
    const float at_mean = logf(2), gain = 5;
    tr_affine in = spatial->depth.conv_in;

    for (size_t i = 0; i < in.weight.rows; i++) {
        float *row = store->values + in.weight.first + i * in.weight.columns, sum = 0;

        for (size_t j = 0; j < in.weight.columns; j++) {
            row[j] *= gain;
            sum += row[j];
        }
        store->values[in.bias.first + i] -= at_mean * sum;
    }
}

/* ---- running ---- */

static tr_rows convolve(tr_pass *pass, tr_rows x, const tr_affine *linear, const tr_view *view)
{
    return tr_apply(pass, tr_neighbours(pass, x, view->rows, view->columns), linear);
}

/* Rays or depth, by patches, as tower->width features each. */
static tr_rows read_field(tr_pass *pass, const tr_spatial *s, const tr_dense *d,
                          const tr_view *view, const float *patches, size_t channels)
{
    size_t area = (size_t)s->config.tower.patch * (size_t)s->config.tower.patch;
    tr_rows x = tr_input(pass, patches, view->rows * view->columns, channels * area);

    x = convolve(pass, x, &d->conv_in, view);
    for (size_t i = 0; i < 2; i++) {
        tr_rows bent = tr_gelu(pass, convolve(pass, x, &d->conv1[i], view), false);
        tr_rows straight = tr_apply(pass, x, &d->shortcut[i]);

        bent = convolve(pass, bent, &d->conv2[i], view);
        x = tr_gelu(pass, tr_add(pass, straight, bent), false);
    }
    x = tr_apply(pass, x, &d->conv_out);
    return tr_layer_norm(pass, x, d->norm.weight, d->norm.bias, NORM_EPS);
}

/* The same row for each of n patches. */
static tr_rows read_number(tr_pass *pass, const tr_global *g, float number, size_t n)
{
    tr_rows x = tr_input(pass, &number, 1, 1);
    tr_place *places = tr_pass_take(pass, n * sizeof(*places));

    for (size_t i = 0; i < FM_COUNT_OF(g->linears); i++)
        x = tr_apply(pass, i > 0 ? tr_gelu(pass, x, false) : x, &g->linears[i]);
    x = tr_layer_norm(pass, x, g->norm.weight, g->norm.bias, NORM_EPS);
    for (size_t i = 0; places && i < n; i++)
        places[i] = (tr_place){0, 0};
    return tr_gather(pass, &x, 1, places, n, x.width);
}

/* Patches with their geometry. */
static tr_rows fuse(tr_pass *pass, const tr_spatial *s, const tr_view *view)
{
    tr_rows x = tr_tower_run(pass, &s->tower, view->patches, view->rows, view->columns, NULL);

    if (view->rays)
        x = tr_add(pass, x, read_field(pass, s, &s->rays, view, view->rays, 3));
    if (view->depth) {
        x = tr_add(pass, x, read_field(pass, s, &s->depth, view, view->depth, 1));
        x = tr_add(pass, x,
                   read_number(pass, &s->depth_scale, logf(view->depth_mean + 1e-8F), x.n));
    }
    return tr_layer_norm(pass, x, s->fusion_norm.weight, s->fusion_norm.bias, NORM_EPS);
}

/* The first row of a table of sines and cosines marks the reference view: 1 in every other channel. */
static void mark_reference(tr_rows x)
{
    for (size_t i = 0; i < x.n; i++)
        for (size_t j = 1; j < x.width; j += 2)
            x.x[i * x.width + j] += 1;
}

static tr_rows share(tr_pass *pass, const tr_spatial *s, tr_rows patches, tr_rows token)
{
    tr_rows x = tr_append(pass, patches, token);

    mark_reference(tr_part(x, 0, patches.n));
    for (int i = 0; i < s->config.layers; i++) {
        if (i % 2 == 0) {
            x = tr_block_run(pass, &s->blocks[i], x);
        } else {
            patches = tr_block_run(pass, &s->blocks[i], tr_part(x, 0, x.n - 1));
            x = tr_append(pass, patches, tr_part(x, x.n - 1, x.n));
        }
    }
    return tr_layer_norm(pass, x, s->norm.weight, s->norm.bias, NORM_EPS);
}

tr_rows tr_spatial_run(tr_pass *pass, const tr_spatial *spatial, const tr_view *view,
                       tr_rows *scale_token)
{
    static const int32_t first = 0;
    bool projected = spatial->project.weight.rows > 0;
    tr_rows fused = fuse(pass, spatial, view),
            token = tr_embed(pass, spatial->scale_token, &first, 1);
    tr_rows x = projected ? tr_apply(pass, fused, &spatial->project) : fused;

    if (projected)
        token = tr_apply(pass, token, &spatial->project);
    x = share(pass, spatial, x, token);
    *scale_token = tr_part(x, x.n - 1, x.n);
    return spatial->config.tap == RT_TAP_FUSED ? fused : tr_part(x, 0, x.n - 1);
}
