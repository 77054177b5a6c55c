/**
 * A matrix with its bias, y = W x + b, packed for the kernels and spread over threads. One layout
 * serves one row (decoding) and many (prefill, vision).
 */
#ifndef RT_ENGINE_LINEAR_H
#define RT_ENGINE_LINEAR_H

#include "engine/kernels.h"
#include "engine/packed.h"

typedef struct {
    size_t n_out, n_in;
    rt_pack pack;
    const void *panels; /* in memory of ours or in the packed file's mapping */
    const float *bias;  /* [n_out] or NULL */
} rt_linear;

/* What computes: shared by all parts of a model. */
typedef struct {
    const rt_kernels *kernels;
    rt_pool *pool;
    bool int8_activations;
} rt_compute;

/* "<name>.weight" [n_out][n_in] (a tensor of more dimensions whose product is the same is taken, as of
 * a convolution over whole patches) and, where `bias`, "<name>.bias". */
FM_MUST_CHECK fm_status rt_linear_load(rt_linear *out, rt_packer *packer, const rt_weights *weights,
                                       const char *name, size_t n_out, size_t n_in, bool bias,
                                       fm_err *err);

/* Several matrices over the same input as one, its rows those of the first, then of the second:
 * every product costs a waking of the threads. */
typedef struct {
    const char *name;
    size_t n_out;
} rt_stacked;
FM_MUST_CHECK fm_status rt_linear_load_stack(rt_linear *out, rt_packer *packer,
                                             const rt_weights *weights, const rt_stacked *parts,
                                             size_t n_parts, size_t n_in, bool bias, fm_err *err);

/* Memory for rows that products give, from a whole line of the cache on: what they put is a line each, and half
 * of two lines would cost a seventh of their speed. Released with free(); NULL without memory. */
void *rt_rows_new(size_t bytes);

/* out[m][n_out] = x[m][n_in] W^T + bias, strides in floats. scratch: rt_linear_scratch_bytes(m,
 * n_in), of the call. */
size_t rt_linear_scratch_bytes(size_t m, size_t n_in);
void rt_linear_apply(const rt_linear *linear, const rt_compute *compute, float *out, size_t ldo,
                     const float *x, size_t ldx, size_t m, void *scratch);

#endif
