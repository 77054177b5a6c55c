/**
 * The parts of the network, as the engine has them, made of layers: each finds its parameters in a
 * store by the names of src/engine/layout.h, and runs over one picture.
 *
 * What a part holds is where its parameters are; it is plain data, in the arena that it was found
 * with. FM_E_INPUT names what a store lacks. Sources and shapes: the header of the same name in
 * src/engine.
 */
#ifndef TR_PARTS_H
#define TR_PARTS_H

#include "engine/config.h"
#include "train/layers.h"

typedef struct {
    tr_param weight, bias;
} tr_affine; /* a linear, or a norm */

/* Where something is looked for: "<prefix><name>.weight" in the store's part. */
typedef struct {
    const tr_store *store;
    const char *part, *prefix;
} tr_source;
FM_MUST_CHECK fm_status tr_find_linear(const tr_source *from, tr_affine *out, const char *name,
                                       size_t n_out, size_t n_in, bool bias, fm_err *err);
FM_MUST_CHECK fm_status tr_find_norm(const tr_source *from, tr_affine *out, const char *name,
                                     size_t n, bool bias, fm_err *err);
FM_MUST_CHECK fm_status tr_find_table(const tr_source *from, tr_param *out, const char *name,
                                      size_t rows, size_t columns, fm_err *err);
tr_rows tr_apply(tr_pass *pass, tr_rows x, const tr_affine *linear);

/* ---- blocks of encoders (blocks.c) ---- */

typedef struct {
    int width, heads, mlp;
    bool swiglu, gelu_tanh, layer_scale, qk_norm;
    double eps;
} tr_block_shape;

typedef struct {
    tr_block_shape shape;
    tr_affine norm1, norm2, q, k, v, q_norm, k_norm, out;
    tr_affine mlp_in, mlp_gate, mlp_out; /* mlp_gate: swiglu's first half, mlp_in its second */
    tr_param scale1, scale2;
} tr_block;

/* siglip: the names of its checkpoints, else of DINOv2's. */
FM_MUST_CHECK fm_status tr_block_find(tr_block *out, const tr_block_shape *shape, bool siglip,
                                      const tr_source *from, fm_err *err);
/* All of x sees all of x. */
tr_rows tr_block_run(tr_pass *pass, const tr_block *block, tr_rows x);

/* ---- towers (tower.c) ---- */

typedef struct {
    rt_tower_config config;
    tr_affine patch, norm;
    tr_param positions, class_token; /* rows 0: none */
    tr_block *blocks;
} tr_tower;

FM_MUST_CHECK fm_status tr_tower_find(tr_tower *out, const rt_tower_config *config, bool siglip,
                                      const tr_store *store, const char *part, fm_arena *arena,
                                      fm_err *err);
/* The table of positions as waves along both sides, from two patches long to four times the side: where
 * a patch lies is to be read from it at once, beside pixels of deviation 1. */
void tr_tower_start_positions(const tr_tower *tower, tr_store *store);
/* patches[rows columns][3 patch patch], as tr_cut_patches() gives them; where the grid is not the one
 * that the table of positions is for, the table is resized as the engine does it. class_out (NULL: not
 * wanted) takes the class token's row. */
tr_rows tr_tower_run(tr_pass *pass, const tr_tower *tower, const float *patches, size_t rows,
                     size_t columns, tr_rows *class_out);
/* pixels[height][width][channels] as rows of patches: channel, line, column. */
void tr_cut_patches(float *out, const float *pixels, size_t height, size_t width, size_t channels,
                    size_t patch);

/* ---- projectors (projector.c) ---- */

typedef struct {
    rt_projector_config config;
    tr_affine first_norm, second_norm, linears[3];
} tr_projector;

FM_MUST_CHECK fm_status tr_projector_find(tr_projector *out, const rt_projector_config *config,
                                          const tr_store *store, const char *part, fm_err *err);
/* Patches along each side of what becomes one token. */
size_t tr_projector_side(const rt_projector_config *config);
size_t tr_projector_tokens(const rt_projector_config *config, size_t rows, size_t columns);
tr_rows tr_projector_run(tr_pass *pass, const tr_projector *projector, tr_rows features,
                         size_t rows, size_t columns);

/* ---- the spatial encoder (spatial.c) ---- */

typedef struct {
    tr_affine conv_in, conv1[2], conv2[2], shortcut[2], conv_out, norm;
} tr_dense;
typedef struct {
    tr_affine linears[4], norm;
} tr_global;

typedef struct {
    rt_spatial_config config;
    tr_tower tower;
    tr_dense rays, depth;
    tr_global depth_scale;
    tr_affine fusion_norm, project, norm;
    tr_param scale_token;
    tr_block *blocks;
} tr_spatial;

/* One view, without a pose: rows x columns patches as of the tower, of rays three channels, of depth one (divided by
 * its mean, then log(1 + x)). rays or depth NULL: not known. */
typedef struct {
    size_t rows, columns;
    const float *patches, *rays, *depth;
    float depth_mean;
} tr_view;

FM_MUST_CHECK fm_status tr_spatial_find(tr_spatial *out, const rt_spatial_config *config,
                                        const tr_store *store, fm_arena *arena, fm_err *err);
/* The first layer that reads depth, so that a scene all at its mean depth gives nothing but the bias, and
 * what stands out from it as much as other inputs do. */
void tr_spatial_start_depth(const tr_spatial *spatial, tr_store *store);
/* What the projector is given; and, by itself, the scale token's row, which may be left out. */
tr_rows tr_spatial_run(tr_pass *pass, const tr_spatial *spatial, const tr_view *view,
                       tr_rows *scale_token);

/* ---- the language model (decoder.c) ---- */

typedef struct {
    tr_affine attention_norm, mlp_norm, q, k, v, q_norm, k_norm, out, gate, up, down;
} tr_decoder_layer;

typedef struct {
    rt_decoder_config config;
    tr_param embeddings, head;
    tr_affine norm;
    tr_decoder_layer *layers;
} tr_decoder;

FM_MUST_CHECK fm_status tr_decoder_find(tr_decoder *out, const rt_decoder_config *config,
                                        const tr_store *store, fm_arena *arena, fm_err *err);
/* Final normed states of the wanted rows of x, in their order. x's rows stand at positions[n] and see
 * what spans say. Places are of source 0, and live until the pass is reset. */
tr_rows tr_decoder_run(tr_pass *pass, const tr_decoder *decoder, tr_rows x, const size_t *positions,
                       const tr_span *spans, size_t n_spans, const tr_place *wanted,
                       size_t n_wanted);
tr_rows tr_decoder_logits(tr_pass *pass, const tr_decoder *decoder, tr_rows hidden);

/* ---- the scale decoder (scale.c) ---- */

typedef struct {
    int layers;
    tr_affine projector, first, middle[8], last;
} tr_scale_decoder;

FM_MUST_CHECK fm_status tr_scale_decoder_find(tr_scale_decoder *out, const rt_scale_config *config,
                                              int llm_width, const tr_store *store, fm_err *err);
/* log of the scale: [n][1] */
tr_rows tr_scale_decoder_run(tr_pass *pass, const tr_scale_decoder *scale, tr_rows hidden);

#endif
