/* A tensor as it stands in a file: kind, shape, and where its bytes are. Borrowed from the mapping
 * that it came from. */
#ifndef RT_ENGINE_TENSOR_H
#define RT_ENGINE_TENSOR_H

#include <stddef.h>
#include <stdint.h>

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

#endif
