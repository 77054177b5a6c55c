/**
 * A model with its weights in another kind: blocks of 8 or 4 bits for the matrices, or f32, f16 or bf16 for
 * everything; as a folder again, or its language model alone as a GGUF file. Embeddings and the head become 8 bits where 4 are asked for; norms, biases, convolutions,
 * tables of positions and what has no rows of whole blocks stay what they are. Everything that is no
 * weights is copied.
 */
#ifndef RT_ENGINE_QUANTISE_H
#define RT_ENGINE_QUANTISE_H

#include <signal.h>

#include "engine/tensor.h"

typedef struct {
    rt_kind to;
    bool
        all_parts; /* blocks in towers, encoder and projectors too, not in the language model alone */

    const volatile sig_atomic_t *stop; /* NULL, or what ends the work with FM_E_INTERRUPTED */
    void (*progress)(void *context, uint64_t done_bytes, uint64_t all_bytes); /* or NULL */
    void *context;
} rt_quantise;

typedef struct {
    uint64_t before, after; /* bytes of weights */
} rt_quantise_totals;

/* The folder `out` appears whole or not at all. FM_E_USAGE where there is something of that name, or
 * `folder` is a file; FM_E_INPUT where a value is not finite. */
FM_MUST_CHECK fm_status rt_quantise_folder(const char *folder, const char *out,
                                           const rt_quantise *options, rt_quantise_totals *totals,
                                           fm_err *err);

/* The same of the language model of a folder or a GGUF file, into the GGUF file `out` (gguf_write.h): vectors
 * become f32, as programs that read it want them, and matrices without rows of whole blocks f16. */
FM_MUST_CHECK fm_status rt_quantise_gguf(const char *model, const char *out,
                                         const rt_quantise *options, rt_quantise_totals *totals,
                                         fm_err *err);

#endif
