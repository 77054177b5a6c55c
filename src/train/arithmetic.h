/**
 * What training computes over and over, one table an instruction set: matrix products with any
 * strides, the derivatives of what src/engine/kernels.h does forwards, and AdamW's step.
 *
 * All of them: one thread, no allocation, cannot fail, no aliasing but where said. Training spreads
 * whole pictures over threads, so that nothing in here has to be split.
 */
#ifndef TR_ARITHMETIC_H
#define TR_ARITHMETIC_H

#include <stdbool.h>
#include <stddef.h>

/* Columns that lie together where the right factor of a product is packed: [ceil(n / 16)][k][16], the
 * last filled up with zeros. Panels of columns 16 i .. 16 j are a contiguous part of it. */
#define TR_PANEL 16
size_t tr_packed_floats(size_t k, size_t n);

/* A factor as it lies in memory: element (i, j) at data[i * row + j * column]. One of the strides is 1. */
typedef struct {
    const float *data;
    size_t row, column;
} tr_factor;

/* What is learnt at one step, and how far (Loshchilov and Hutter, arXiv 1711.05101). */
typedef struct {
    float rate, decay; /* decay: share of the value taken away a step, rate included */
    float beta1, beta2, eps;
    float correction1, correction2; /* 1 - beta^step */
    float scale;                    /* of the gradient: clipping */
} tr_adam;

typedef struct {
    const char *name; /* "generic", "avx2" */

    /* panels = b[k][n] */
    void (*pack)(float *panels, tr_factor b, size_t k, size_t n);
    /* c[m][n] (row stride ldc) = a[m][k] b[k][n], or += where `add` */
    void (*product)(float *c, size_t ldc, tr_factor a, const float *panels, size_t m, size_t n,
                    size_t k, bool add);

    /* dx += derivative at x, times dy; y is what the function gave. */
    void (*gelu_erf_back)(float *dx, const float *dy, const float *x, const float *y, size_t n);
    void (*gelu_tanh_back)(float *dx, const float *dy, const float *x, size_t n);
    /* y = silu(gate) up */
    void (*silu_gate_back)(float *dgate, float *dup, const float *dy, const float *gate,
                           const float *up, size_t n);
    /* One row of a softmax: ds = p (dp - sum of p dp), over dp itself. */
    void (*softmax_back)(float *dp, const float *p, size_t n);
    /* One row of a norm: dx += , dweight += , dbias += (NULL: none). centred: LayerNorm, else RMSNorm. */
    void (*norm_back)(float *dx, float *dweight, float *dbias, const float *dy, const float *x,
                      const float *weight, size_t n, float eps, bool centred);

    void (*add)(float *to, const float *x, size_t n);
    void (*adam)(float *value, float *first, float *second, const float *gradient, size_t n,
                 const tr_adam *how);
    double (*sum_of_squares)(const float *x, size_t n);
} tr_arithmetic;

/* The best table of this machine, or the one of that name; NULL: this machine or build has none such. */
const tr_arithmetic *tr_arithmetic_choose(const char *name);

#endif
