/**
 * The arithmetic of the network, one table an instruction set. The plain one (kernels_plain.c) says
 * what each of them means; the others are held against it (tests/unit/test_engine_kernels.c).
 *
 * All of them: one thread, no allocation, cannot fail, no aliasing but where said, any size from 1,
 * pointers aligned for their type alone. A result depends on its inputs and on the table, never on
 * how work was split among threads: a row of a product is summed in one order.
 */
#ifndef RT_ENGINE_KERNELS_H
#define RT_ENGINE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Weights as the products read them: panels of RT_PANEL rows, one after another, the last filled up
 * with zeros. In a panel, k runs outside and rows inside, so that one load holds the same k of all
 * rows:
 *   f32    [k][16] f32
 *   bf16   [ceil(k / 2)][16][2] bf16, k padded with zeros to even
 *   q8     [ceil(k / 32)] blocks of { uint8_t [8][16][4] (value + 128); uint16_t scale_f16 [16] }: 544 bytes
 *   q4     [ceil(k / 32)] blocks of { uint8_t [4][16][4]: low nibbles k 0..15, high nibbles k 16..31 (value + 8);
 *          uint16_t scale_f16 [16] }: 288 bytes
 */
#define RT_PANEL_LAYOUT   1 /* raised with every change of it: packed files are then made anew */
#define RT_PANEL          16
#define RT_BLOCK          32
#define RT_Q8_BLOCK_BYTES 544
#define RT_Q4_BLOCK_BYTES 288

typedef enum { RT_PACK_F32, RT_PACK_BF16, RT_PACK_Q8, RT_PACK_Q4, RT_PACKS } rt_pack;

/* Bytes of a panel of k columns. */
size_t rt_panel_bytes(rt_pack pack, size_t k);

/* How keys and values are kept. */
typedef enum { RT_KEPT_F16, RT_KEPT_F32, RT_KEPT_KINDS } rt_kept;

/* Activations of one row in integers: values[k padded to 32]; a scale (largest magnitude / 127) for every
 * RT_SCALED of them; and for every block of RT_BLOCK what takes the offset of q4's weights away: -8 times
 * the sum of its values, in the low half of a word of those in the first two places of four, in the high
 * half of the others. */
#define RT_SCALED 128

typedef struct {
    int8_t *values;
    float *scales;
    int32_t *offsets;
} rt_q8_row;

typedef struct {
    const char *name;    /* "generic", "avx2", "avx512", "neon", "onednn" */
    const char *version; /* of the library behind it, "2.6.3"; NULL: these are our own */

    /* out[m][panels * 16], row stride ldo (floats), = x[m][k] (row stride ldx floats) times the panels'
     * rows. panels: so many, one after another; for the quantised packs with the weights' values
     * made f32. m from 1. Of bf16, "avx512" takes x rounded to bf16 as well, which moves a
     * result by at most 2^-9 of the sum of |x w|; the others differ by the rounding of sums alone. */
    void (*product[RT_PACKS])(float *out, size_t ldo, const float *x, size_t ldx, size_t m,
                              size_t k, const void *panels, size_t n_panels);
    /* The same in integers (RT_PACK_Q8, RT_PACK_Q4; NULL for the others): every block's sum of products is
     * exact, times both scales, added in order of blocks. */
    void (*product_int8[RT_PACKS])(float *out, size_t ldo, const rt_q8_row *x, size_t m, size_t k,
                                   const void *panels, size_t n_panels);
    void (*quantise_row)(rt_q8_row *out, const float *x, size_t k);
    /* product[RT_PACK_BF16], to the bit but in "onednn", of x that was rounded before, once for all panels:
     * x[m][k], row stride ldx, and a zero behind each row where k is odd. NULL where products of bf16 take x as
     * it is. */
    void (*product_rounded)(float *out, size_t ldo, const uint16_t *x, size_t ldx, size_t m,
                            size_t k, const void *panels, size_t n_panels);
    /* RT_PACK_BF16 where products of bf16 are faster than those of f32: an encoder whose weights are
     * not f32 packs keys and values so as well. Otherwise RT_PACK_F32. */
    rt_pack attention;

    /* out[m][n] = q[m][d] . keys[n][d]; and out[m][d] = weights[m][n] . values[n][d]; keys and values
     * of the kind. Row strides in elements. The two halves of attention. */
    void (*scores[RT_KEPT_KINDS])(float *out, size_t ldo, const float *q, size_t ldq, size_t m,
                                  const void *keys, size_t ldk, size_t n, size_t d);
    void (*blend[RT_KEPT_KINDS])(float *out, size_t ldo, const float *weights, size_t ldw, size_t m,
                                 const void *values, size_t ldv, size_t n, size_t d);

    /* x[n] in place: exp(x - max) / sum */
    void (*softmax)(float *x, size_t n);
    /* out[n] may be x. weight, bias [n]; bias NULL: none */
    void (*layer_norm)(float *out, const float *x, const float *weight, const float *bias, size_t n,
                       float eps);
    void (*rms_norm)(float *out, const float *x, const float *weight, size_t n, float eps);
    void (*gelu_erf)(float *x, size_t n);  /* x Phi(x) */
    void (*gelu_tanh)(float *x, size_t n); /* its approximation by tanh, as SigLIP's */
    void (*silu_gate)(float *gate, const float *up, size_t n); /* gate = silu(gate) up */
    void (*add)(float *to, const float *x, size_t n);
    void (*add_scaled)(float *to, const float *x, const float *scale, size_t n); /* to += scale x */
    /* Rotate pairs (i, i + d / 2) of one head, x[d], by angles whose cosines and sines are [d / 2] */
    void (*rotate_halves)(float *x, const float *cosines, const float *sines, size_t d);

    void (*f32_to_f16)(uint16_t *out, const float *x, size_t n); /* round to nearest even */
    void (*f32_to_bf16)(uint16_t *out, const float *x,
                        size_t n); /* NULL where product_rounded is */
    void (*f16_to_f32)(float *out, const uint16_t *x, size_t n);
    void (*bf16_to_f32)(float *out, const uint16_t *x, size_t n);
} rt_kernels;

extern const rt_kernels rt_kernels_generic;

/* The best table of this machine, or the one of that name ("onednn" is never the best: it has to be asked
 * for, allocates, and falls back on the best where it cannot); NULL: this machine or build has none such. */
const rt_kernels *rt_kernels_choose(const char *name);

#endif
