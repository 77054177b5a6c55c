#include "engine/layout.h"

#include <math.h>
#include <stdio.h>

/* LayerScale at a start that is no start of a training: small, as deep networks want it, but large
 * enough for every block to show in what comes out. */
static const float start_layer_scale = 0.1F;

/* Failures stick: after the first, nothing more is visited. */
typedef struct {
    const char *part;
    rt_slot_visit visit;
    void *context;
    fm_status st;
    fm_err *err;
} walk;

/* The name of one tensor, "<prefix><name><suffix>", and the call. */
static void put(walk *w, rt_slot slot, const char *suffix, const char *prefix, const char *name)
{
    char full[192];

    if (w->st != FM_OK)
        return;
    if (snprintf(full, sizeof(full), "%s%s%s", prefix, name, suffix) >= (int)sizeof(full)) {
        w->st = fm_fail(w->err, FM_E_INTERNAL, "the name '%s%s' is too long", prefix, name);
        return;
    }
    slot.part = w->part;
    slot.name = full;
    w->st = w->visit(w->context, &slot, w->err);
}

static void put_vector(walk *w, const char *prefix, const char *name, int n, rt_start start,
                       float value)
{
    put(w, (rt_slot){.rank = 1, .shape = {(size_t)n}, .start = start, .value = value}, "", prefix,
        name);
}

/* Weight and bias of a norm; RMSNorm has none. */
static void put_norm(walk *w, const char *prefix, const char *name, int n, bool bias)
{
    put(w, (rt_slot){.rank = 1, .shape = {(size_t)n}, .start = RT_START_ONES}, ".weight", prefix,
        name);
    if (bias)
        put(w, (rt_slot){.rank = 1, .shape = {(size_t)n}, .start = RT_START_ZEROS}, ".bias", prefix,
            name);
}

/* Such that what comes out varies as much as what goes in, over `divisor`. */
static float deviation(size_t n_in, double divisor)
{
    return (float)(1 / sqrt((double)n_in * divisor));
}

static void put_scaled(walk *w, const char *prefix, const char *name, int n_out, int n_in,
                       bool bias, double divisor)
{
    put(w,
        (rt_slot){.rank = 2,
                  .shape = {(size_t)n_out, (size_t)n_in},
                  .start = RT_START_NORMAL,
                  .value = deviation((size_t)n_in, divisor)},
        ".weight", prefix, name);
    if (bias)
        put(w, (rt_slot){.rank = 1, .shape = {(size_t)n_out}, .start = RT_START_ZEROS}, ".bias",
            prefix, name);
}

static void put_linear(walk *w, const char *prefix, const char *name, int n_out, int n_in,
                       bool bias)
{
    put_scaled(w, prefix, name, n_out, n_in, bias, 1);
}

static void put_convolution(walk *w, const char *prefix, const char *name, int n_out, int n_in,
                            int side)
{
    size_t area = (size_t)side * (size_t)side;

    put(w,
        (rt_slot){.rank = 4,
                  .shape = {(size_t)n_out, (size_t)n_in, (size_t)side, (size_t)side},
                  .start = RT_START_NORMAL,
                  .value = deviation((size_t)n_in * area, 1)},
        ".weight", prefix, name);
    put(w, (rt_slot){.rank = 1, .shape = {(size_t)n_out}, .start = RT_START_ZEROS}, ".bias", prefix,
        name);
}

/* What a block adds to the stream: less the more of them there are, as in GPT-2. */
static double share_of(int layers)
{
    return 2.0 * layers;
}

/* ---- the language model ---- */

static void walk_decoder(walk *w, const rt_decoder_config *c)
{
    int q = c->heads * c->head_size, kv = c->kv_heads * c->head_size;

    put_linear(w, "", "model.embed_tokens", c->vocabulary, c->width, false);
    for (int i = 0; i < c->layers; i++) {
        char prefix[64];

        snprintf(prefix, sizeof(prefix), "model.layers.%d.", i);
        put_norm(w, prefix, "input_layernorm", c->width, false);
        put_linear(w, prefix, "self_attn.q_proj", q, c->width, c->qkv_bias);
        put_linear(w, prefix, "self_attn.k_proj", kv, c->width, c->qkv_bias);
        put_linear(w, prefix, "self_attn.v_proj", kv, c->width, c->qkv_bias);
        if (c->qk_norm) {
            put_norm(w, prefix, "self_attn.q_norm", c->head_size, false);
            put_norm(w, prefix, "self_attn.k_norm", c->head_size, false);
        }
        put_scaled(w, prefix, "self_attn.o_proj", c->width, q, false, share_of(c->layers));
        put_norm(w, prefix, "post_attention_layernorm", c->width, false);
        put_linear(w, prefix, "mlp.gate_proj", c->mlp, c->width, false);
        put_linear(w, prefix, "mlp.up_proj", c->mlp, c->width, false);
        put_scaled(w, prefix, "mlp.down_proj", c->width, c->mlp, false, share_of(c->layers));
    }
    put_norm(w, "", "model.norm", c->width, false);
    if (!c->tied)
        put_linear(w, "", "lm_head", c->vocabulary, c->width, false);
}

/* ---- towers ---- */

/* How far positions and other learned rows start from nothing. */
static const float start_rows = 0.02F;

static void walk_siglip(walk *w, const rt_tower_config *c)
{
    static const char embeddings[] = "vision_model.embeddings.";
    int side = c->image / c->patch;

    put_convolution(w, embeddings, "patch_embedding", c->width, 3, c->patch);
    put(w,
        (rt_slot){.rank = 2,
                  .shape = {(size_t)side * (size_t)side, (size_t)c->width},
                  .start = RT_START_NORMAL,
                  .value = start_rows},
        ".weight", embeddings, "position_embedding");
    for (int i = 0; i < c->used_layers; i++) {
        char prefix[64];

        snprintf(prefix, sizeof(prefix), "vision_model.encoder.layers.%d.", i);
        put_norm(w, prefix, "layer_norm1", c->width, true);
        put_linear(w, prefix, "self_attn.q_proj", c->width, c->width, true);
        put_linear(w, prefix, "self_attn.k_proj", c->width, c->width, true);
        put_linear(w, prefix, "self_attn.v_proj", c->width, c->width, true);
        if (c->qk_norm) {
            put_norm(w, prefix, "self_attn.q_norm", c->width / c->heads, true);
            put_norm(w, prefix, "self_attn.k_norm", c->width / c->heads, true);
        }
        put_scaled(w, prefix, "self_attn.out_proj", c->width, c->width, true, share_of(c->layers));
        put_norm(w, prefix, "layer_norm2", c->width, true);
        put_linear(w, prefix, "mlp.fc1", c->mlp, c->width, true);
        put_scaled(w, prefix, "mlp.fc2", c->width, c->mlp, true, share_of(c->layers));
    }
}

/* A block as DINOv2 and info-sharing have it. */
typedef struct {
    int width, heads, mlp, layers;
    bool layer_scale, swiglu, qk_norm;
} block_shape;

static void walk_block(walk *w, const char *prefix, const block_shape *b)
{
    put_norm(w, prefix, "norm1", b->width, true);
    put_linear(w, prefix, "attn.qkv", 3 * b->width, b->width, true);
    if (b->qk_norm) {
        put_norm(w, prefix, "attn.q_norm", b->width / b->heads, true);
        put_norm(w, prefix, "attn.k_norm", b->width / b->heads, true);
    }
    put_scaled(w, prefix, "attn.proj", b->width, b->width, true, share_of(b->layers));
    if (b->layer_scale)
        put_vector(w, prefix, "ls1.gamma", b->width, RT_START_CONSTANT, start_layer_scale);
    put_norm(w, prefix, "norm2", b->width, true);
    put_linear(w, prefix, b->swiglu ? "mlp.w12" : "mlp.fc1", b->swiglu ? 2 * b->mlp : b->mlp,
               b->width, true);
    put_scaled(w, prefix, b->swiglu ? "mlp.w3" : "mlp.fc2", b->width, b->mlp, true,
               share_of(b->layers));
    if (b->layer_scale)
        put_vector(w, prefix, "ls2.gamma", b->width, RT_START_CONSTANT, start_layer_scale);
}

static void walk_blocks(walk *w, const char *prefix, const block_shape *b, int n)
{
    for (int i = 0; i < n; i++) {
        char full[96];

        snprintf(full, sizeof(full), "%s%d.", prefix, i);
        walk_block(w, full, b);
    }
}

static void walk_dinov2(walk *w, const rt_tower_config *c)
{
    static const char prefix[] = "encoder.model.";
    size_t side = (size_t)(c->image / c->patch), width = (size_t)c->width;
    block_shape block = {c->width,       c->heads,  c->mlp,    c->layers,
                         c->layer_scale, c->swiglu, c->qk_norm};

    if (c->class_token)
        put(w,
            (rt_slot){
                .rank = 3, .shape = {1, 1, width}, .start = RT_START_NORMAL, .value = start_rows},
            "", prefix, "cls_token");
    put(w,
        (rt_slot){.rank = 3,
                  .shape = {1, side * side + (c->class_token ? 1 : 0), width},
                  .start = RT_START_NORMAL,
                  .value = start_rows},
        "", prefix, "pos_embed");
    put_convolution(w, prefix, "patch_embed.proj", c->width, 3, c->patch);
    walk_blocks(w, "encoder.model.blocks.", &block, c->used_layers);
    if (c->final_norm)
        put_norm(w, prefix, "norm", c->width, true);
}

/* ---- projectors ---- */

static void walk_projector(walk *w, const rt_projector_config *c)
{
    switch (c->kind) {
    case RT_PROJECT_LINEAR:
        put_linear(w, "", "layers", c->out, c->in, true);
        break;
    case RT_PROJECT_MLP2X:
        put_linear(w, "", "layers.0", c->out, c->in, true);
        put_linear(w, "", "layers.2", c->out, c->out, true);
        break;
    case RT_PROJECT_DOWN_2X2:
        put_norm(w, "", "layers.1", 4 * c->in, true);
        put_linear(w, "", "layers.2", c->out, 4 * c->in, true);
        put_linear(w, "", "layers.4", c->out, c->out, true);
        break;
    case RT_PROJECT_DOWN_3X3:
        put_norm(w, "", "layers.1", 9 * c->in, true);
        put_linear(w, "", "layers.2", 3 * c->in, 9 * c->in, true);
        put_norm(w, "", "layers.4", 3 * c->in, true);
        put_linear(w, "", "layers.5", c->out, 3 * c->in, true);
        put_linear(w, "", "layers.7", c->out, c->out, true);
        break;
    }
}

/* ---- the spatial encoder and the scale decoder ---- */

/* Of rays (three channels) or depth (one): a picture of a patch's pixels as channels. */
static void walk_dense(walk *w, const rt_spatial_config *c, const char *prefix, int channels)
{
    const int *size = c->dense;

    put_convolution(w, prefix, "conv_in", size[0], channels * c->tower.patch * c->tower.patch, 3);
    for (int i = 0; i < 2; i++) {
        char block[64];

        snprintf(block, sizeof(block), "%sencoder.%d.", prefix, i);
        put_convolution(w, block, "conv1", size[i + 1], size[i], 3);
        put_convolution(w, block, "conv2", size[i + 1], size[i + 1], 3);
        put_convolution(w, block, "shortcut", size[i + 1], size[i], 1);
    }
    put_convolution(w, prefix, "encoder.2", c->tower.width, size[2], 1);
    put_norm(w, prefix, "norm_layer", c->tower.width, true);
}

static void walk_global(walk *w, const rt_spatial_config *c, const char *prefix, int in)
{
    const int *size = c->global;

    put_linear(w, prefix, "encoder.0.0.0.0", size[0], in, true);
    put_linear(w, prefix, "encoder.0.0.1", size[1], size[0], true);
    put_linear(w, prefix, "encoder.0.1", size[2], size[1], true);
    put_linear(w, prefix, "encoder.1", c->tower.width, size[2], true);
    put_norm(w, prefix, "norm_layer", c->tower.width, true);
}

static void walk_scale_head(walk *w, const char *prefix, int in, int hidden, int layers)
{
    put_linear(w, prefix, "proj", hidden, in, true);
    for (int i = 0; i < layers; i++) {
        char name[32];

        snprintf(name, sizeof(name), "mlp.%d.0", i);
        put_linear(w, prefix, name, hidden, hidden, true);
    }
    put_linear(w, prefix, "output_proj", 1, hidden, true);
}

static void walk_spatial(walk *w, const rt_spatial_config *c)
{
    block_shape block = {c->width,       c->heads,  c->mlp,    c->layers,
                         c->layer_scale, c->swiglu, c->qk_norm};

    walk_dinov2(w, &c->tower);
    walk_dense(w, c, "ray_dirs_encoder.", 3);
    walk_dense(w, c, "depth_encoder.", 1);
    walk_global(w, c, "depth_scale_encoder.", 1);
    walk_global(w, c, "cam_rot_encoder.", 4);
    walk_global(w, c, "cam_trans_encoder.", 3);
    walk_global(w, c, "cam_trans_scale_encoder.", 1);
    put_norm(w, "", "fusion_norm_layer", c->tower.width, true);
    put_vector(w, "", "scale_token", c->tower.width, RT_START_NORMAL, start_rows);
    if (c->tower.width != c->width)
        put_linear(w, "info_sharing.", "proj_embed", c->width, c->tower.width, true);
    walk_blocks(w, "info_sharing.self_attention_blocks.", &block, c->layers);
    put_norm(w, "info_sharing.", "norm", c->width, true);
    walk_scale_head(w, "scale_head.", c->width, c->scale_hidden, 2);
}

static void walk_scale(walk *w, const rt_config *c)
{
    put_linear(w, "", "scale_projector", c->scale.projected, c->llm.width, true);
    walk_scale_head(w, "scale_head.", c->scale.projected, c->scale.hidden, c->scale.layers);
}

fm_status rt_layout_walk(const rt_config *config, rt_slot_visit visit, void *context, fm_err *err)
{
    walk w = {.visit = visit, .context = context, .err = err};

    w.part = "llm";
    walk_decoder(&w, &config->llm);
    if (config->has_vision) {
        w.part = "vision_tower";
        walk_siglip(&w, &config->vision);
        w.part = "mm_projector";
        walk_projector(&w, &config->projector);
    }
    if (config->has_own_depth_tower) {
        w.part = "depth_tower";
        walk_siglip(&w, &config->depth_tower);
    }
    if (config->has_depth) {
        w.part = "depth_projector";
        walk_projector(&w, &config->depth_projector);
    }
    if (config->has_spatial) {
        w.part = "spatial_encoder";
        walk_spatial(&w, &config->spatial);
        w.part = "spatial_projector";
        walk_projector(&w, &config->spatial.projector);
    }
    if (config->has_scale) {
        w.part = "scale_decoder";
        walk_scale(&w, config);
    }
    return w.st;
}
