/**
 * A tensor as it stands in a file: kind, shape, and where its bytes are, borrowed from the mapping
 * that it came from. Stateless, thread-safe.
 */
#ifndef RT_ENGINE_TENSOR_H
#define RT_ENGINE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fathom/status.h"

typedef enum {
    RT_F32,
    RT_F16,
    RT_BF16,
    RT_Q8_0, /* of GGUF: blocks of 32: f16 scale, then 32 signed bytes */
    RT_Q4_0, /* of GGUF: blocks of 32: f16 scale, then 16 bytes; value (nibble - 8) scale; low nibbles are
                the first 16 */
    RT_KINDS
} rt_kind;

#define RT_MAX_RANK 6

typedef struct {
    rt_kind kind;
    int rank;
    size_t shape[RT_MAX_RANK]; /* outermost first; row-major, contiguous */
    const void *data;          /* aligned to 1: loads must not assume more */
    size_t size_bytes;
} rt_tensor;

const char *rt_kind_name(rt_kind kind); /* "f32", "q8_0" */
/* Elements that are stored together: 32 in the kinds of GGUF's, else 1. */
size_t rt_kind_block(rt_kind kind);
/* Bytes of so many elements; false where that overflows or the elements do not fill their blocks. */
bool rt_kind_bytes(rt_kind kind, size_t elements, size_t *bytes);

/* Magnitudes below this are finite in the kind, of a block its scale too; the bound itself is not. */
float rt_kind_bound(rt_kind kind);

size_t rt_tensor_elements(const rt_tensor *tensor);

/* Elements [first, first + n) as f32, in row-major order; n and first multiples of 32 where the kind
 * has blocks. */
void rt_tensor_get(const rt_tensor *tensor, size_t first, size_t n, float *out);

/* The counterpart: n elements into rt_kind_bytes() bytes. Rounded to nearest even; a block's scale is
 * such that its largest magnitude becomes 127, or -8 in q4_0. n a multiple of 32 where the kind has
 * blocks. */
void rt_tensor_put(rt_kind kind, const float *in, size_t n, void *out);

/* All elements as f32 into out[n], n the product of the shape. NaN and infinities are refused:
 * FM_E_INPUT names the tensor. */
FM_MUST_CHECK fm_status rt_tensor_read(const rt_tensor *tensor, const char *name, float *out,
                                       fm_err *err);

#endif
