/**
 * One pre-norm block of an encoder: x += ls1 attention(norm1 x); x += ls2 mlp(norm2 x). No mask:
 * every token sees all of its sequence. Used by towers and by info-sharing.
 */
#ifndef RT_ENGINE_BLOCK_H
#define RT_ENGINE_BLOCK_H

#include "engine/linear.h"

typedef struct {
    int width, heads, mlp;
    bool swiglu; /* w12 gives gate and up side by side, w3 brings them back */
    bool gelu_tanh;
    double eps;
    const float *norm1, *norm1_bias, *norm2, *norm2_bias;
    rt_linear qkv; /* [3 width], q, k, v one after another */
    rt_linear out;
    rt_linear mlp_in, mlp_out;
    const float *scale1, *scale2; /* LayerScale, or NULL */
} rt_block;

/* x[n][width] in place, one sequence of n tokens. scratch: rt_block_scratch_bytes(). */
size_t rt_block_scratch_bytes(const rt_block *block, size_t n, int threads);
void rt_block_run(const rt_block *block, const rt_compute *compute, float *x, size_t n,
                  void *scratch);

#endif
