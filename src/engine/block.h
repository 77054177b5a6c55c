/**
 * One pre-norm block of an encoder: x += ls1 attention(norm1 x); x += ls2 mlp(norm2 x). No mask:
 * every token sees all of its sequence. Used by towers and by info-sharing.
 * Source: ViT, arXiv 2010.11929; LayerScale, arXiv 2103.17239; SwiGLU, arXiv 2002.05202.
 */
#ifndef RT_ENGINE_BLOCK_H
#define RT_ENGINE_BLOCK_H

#include "engine/linear.h"

typedef struct {
    int width, heads, mlp; /* width is a multiple of heads */
    bool swiglu;           /* silu(gate) up in place of GELU; mlp is the width of each half */
    bool gelu_tanh;
    bool layer_scale;
    bool qk_norm; /* LayerNorm over each head of q and k */
    double eps;   /* of every norm in it */
} rt_block_shape;

typedef struct {
    rt_block_shape shape;
    const float *norm1, *norm1_bias, *norm2, *norm2_bias;
    const float *q_norm, *q_norm_bias, *k_norm, *k_norm_bias; /* [width / heads], or NULL */
    rt_linear qkv; /* [3 width], q, k, v one after another */
    rt_linear out;
    rt_linear mlp_in; /* with swiglu [2 mlp], gate before up */
    rt_linear mlp_out;
    const float *scale1, *scale2; /* LayerScale, or NULL */
} rt_block;

/* How checkpoints call a block's tensors. */
typedef enum {
    RT_NAMES_SIGLIP, /* layer_norm1, self_attn.q_proj, self_attn.out_proj, mlp.fc1, ... */
    RT_NAMES_TIMM, /* norm1, attn.qkv, attn.proj, ls1.gamma, mlp.fc1 or mlp.w12, ...: DINOv2's too */
} rt_block_names;

/* prefix: of the names, its full stop included ("encoder.layers.3."). FM_E_INPUT names the tensor. */
FM_MUST_CHECK fm_status rt_block_load(rt_block *out, const rt_block_shape *shape,
                                      rt_block_names names, rt_packer *packer,
                                      const rt_weights *weights, const char *prefix, fm_err *err);

/* Working memory for one sequence of n tokens through a block of this shape. n and the shape's sizes
 * are at most 2^20. */
size_t rt_block_scratch_bytes(const rt_block_shape *shape, size_t n, int threads);

/* x[n][width] in place, n from 1. scratch: rt_block_scratch_bytes() for the pool's threads, of
 * the call, fastest of rt_rows_new(). A token's result does not depend on the number of threads. */
void rt_block_run(const rt_block *block, const rt_compute *compute, float *x, size_t n,
                  void *scratch);

#endif
