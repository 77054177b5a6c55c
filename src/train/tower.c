/* Owns a vision transformer: patches in, features out. */
#include <math.h>
#include <stdio.h>

#include "engine/tower.h"
#include "train/parts.h"

void tr_cut_patches(float *out, const float *pixels, size_t height, size_t width, size_t channels,
                    size_t patch)
{
    for (size_t row = 0; row + patch <= height; row += patch)
        for (size_t column = 0; column + patch <= width; column += patch)
            for (size_t c = 0; c < channels; c++)
                for (size_t y = 0; y < patch; y++)
                    for (size_t x = 0; x < patch; x++)
                        *out++ = pixels[((row + y) * width + column + x) * channels + c];
}

static tr_block_shape shape_of(const rt_tower_config *c)
{
    return (tr_block_shape){.width = c->width,
                            .heads = c->heads,
                            .mlp = c->mlp,
                            .swiglu = c->swiglu,
                            .gelu_tanh = c->gelu_tanh,
                            .layer_scale = c->layer_scale,
                            .qk_norm = c->qk_norm,
                            .eps = c->norm_eps};
}

static fm_status find_ends(tr_tower *t, bool siglip, const tr_store *store, const char *part,
                           fm_err *err)
{
    const rt_tower_config *c = &t->config;
    tr_source from = {store, part, siglip ? "vision_model.embeddings." : "encoder.model."};
    size_t width = (size_t)c->width, side = (size_t)(c->image / c->patch);
    size_t rows = side * side + (c->class_token ? 1 : 0);
    fm_status st = tr_find_linear(&from, &t->patch, siglip ? "patch_embedding" : "patch_embed.proj",
                                  width, 3 * (size_t)c->patch * (size_t)c->patch, true, err);

    /* DINOv2's tables have a first dimension of 1, and are one row to the store. */
    if (st == FM_OK && siglip)
        st = tr_find_table(&from, &t->positions, "position_embedding.weight", rows, width, err);
    if (st == FM_OK && !siglip)
        st = tr_find_table(&from, &t->positions, "pos_embed", 1, rows * width, err);
    if (st == FM_OK && c->class_token)
        st = tr_find_table(&from, &t->class_token, "cls_token", 1, width, err);
    if (st == FM_OK && c->final_norm)
        st = tr_find_norm(&from, &t->norm, "norm", width, true, err);
    t->positions.rows = rows;
    t->positions.columns = width;
    return st;
}

fm_status tr_tower_find(tr_tower *out, const rt_tower_config *config, bool siglip,
                        const tr_store *store, const char *part, fm_arena *arena, fm_err *err)
{
    tr_tower t = {.config = *config};
    tr_block_shape shape = shape_of(config);
    fm_status st = find_ends(&t, siglip, store, part, err);

    t.blocks = fm_arena_alloc(arena, (size_t)config->used_layers + 1, sizeof(*t.blocks));
    if (st == FM_OK && !t.blocks)
        st = fm_fail(err, FM_E_NOMEM, "no memory for a vision tower");
    for (int i = 0; i < config->used_layers && st == FM_OK; i++) {
        char prefix[64];
        tr_source from = {store, part, prefix};

        snprintf(prefix, sizeof(prefix), "%s%d.",
                 siglip ? "vision_model.encoder.layers." : "encoder.model.blocks.", i);
        st = tr_block_find(&t.blocks[i], &shape, siglip, &from, err);
    }
    if (st == FM_OK)
        *out = t;
    return st;
}

void tr_tower_start_positions(const tr_tower *tower, tr_store *store)
{
    const double pi = 3.14159265358979323846;
    int side = tower->config.image / tower->config.patch, waves = tower->config.width / 4;
    float *row = store->values + tower->positions.first;

    if (tower->config.class_token)
        row += tower->config.width;
    for (int i = 0; i < side * side; i++, row += tower->config.width) {
        int down = i / side, across = i % side;

        for (int k = 0; k < waves; k++) {
            double turn = pi * pow(2.0 * side, -(double)k / waves);
            double x = turn * across, y = turn * down;
            float *four = row + (ptrdiff_t)4 * k;

            four[0] = (float)sin(x);
            four[1] = (float)cos(x);
            four[2] = (float)sin(y);
            four[3] = (float)cos(y);
        }
    }
}

/* Of a grid of another shape than the table's: the class token's own, then mixtures of the patches'. */
static tr_rows add_resized(tr_pass *pass, const tr_tower *tower, tr_rows x, size_t rows,
                           size_t columns)
{
    enum { PARTS = 16 };
    const rt_tower_config *c = &tower->config;
    int32_t *at = tr_pass_take(pass, x.n * PARTS * sizeof(*at)), first = c->class_token ? 1 : 0;
    float *weights = tr_pass_floats(pass, x.n * PARTS);

    if (!at || !weights)
        return x;
    for (size_t i = 0; i < x.n; i++) {
        rt_tower_position p = {.weight = {1}};
        size_t patch = i - (size_t)first;

        if (i >= (size_t)first)
            rt_tower_position_of(&p, c->image / c->patch, (int)rows, (int)columns,
                                 (int)(patch / columns), (int)(patch % columns));
        for (size_t j = 0; j < PARTS; j++) {
            at[i * PARTS + j] = i < (size_t)first ? 0 : first + p.at[j];
            weights[i * PARTS + j] = p.weight[j];
        }
    }
    return tr_add_mixed(pass, x, tower->positions, at, weights, PARTS);
}

tr_rows tr_tower_run(tr_pass *pass, const tr_tower *tower, const float *patches, size_t rows,
                     size_t columns, tr_rows *class_out)
{
    const rt_tower_config *c = &tower->config;
    static const int32_t only = 0;
    tr_rows x = tr_input(pass, patches, rows * columns, 3 * (size_t)c->patch * (size_t)c->patch);
    size_t first = c->class_token ? 1 : 0, side = (size_t)(c->image / c->patch);

    x = tr_apply(pass, x, &tower->patch);
    if (c->class_token)
        x = tr_append(pass, tr_embed(pass, tower->class_token, &only, 1), x);
    x = rows == side && columns == side ? tr_add_table(pass, x, tower->positions)
                                        : add_resized(pass, tower, x, rows, columns);
    for (int i = 0; i < c->used_layers; i++)
        x = tr_block_run(pass, &tower->blocks[i], x);
    if (c->final_norm)
        x = tr_layer_norm(pass, x, tower->norm.weight, tower->norm.bias, c->norm_eps);
    if (class_out)
        *class_out = tr_part(x, 0, first);
    return tr_part(x, first, x.n);
}
