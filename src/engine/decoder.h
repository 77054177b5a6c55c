/**
 * The language model: embeddings in, logits out, with a memory of what came before.
 *
 * A memory (KV cache) holds one prefix; branches of it continue it side by side, so that several
 * questions share one picture. Source: Qwen2, arXiv 2407.10671; RoPE, arXiv 2104.09864; GQA, arXiv
 * 2305.13245.
 */
#ifndef RT_ENGINE_DECODER_H
#define RT_ENGINE_DECODER_H

#include <stdatomic.h>

#include "engine/config.h"
#include "engine/linear.h"

typedef struct rt_decoder rt_decoder;
typedef struct rt_memory rt_memory;

FM_MUST_CHECK fm_status rt_decoder_load(rt_decoder **out, const rt_decoder_config *config,
                                        rt_packer *packer, const rt_weights *weights, int threads,
                                        fm_err *err);
void rt_decoder_free(rt_decoder *decoder);

/* out[n][width]; ids are below the vocabulary. */
void rt_decoder_embed(const rt_decoder *decoder, const int32_t *ids, size_t n, float *out);

/* Room for a shared prefix of up to `shared` positions and n_branches continuations of up to `own` each.
 * kept: f16 halves what a step reads; f32 is for exact comparison. */
FM_MUST_CHECK fm_status rt_memory_new(rt_memory **out, const rt_decoder *decoder, rt_kept kept,
                                      size_t shared, size_t n_branches, size_t own, fm_err *err);
void rt_memory_free(rt_memory *memory); /* accepts NULL */
/* Bytes that so many positions take, of the shared ones and of a branch alike; 0 where a size_t does not
 * hold them. */
size_t rt_memory_bytes(const rt_decoder *decoder, rt_kept kept, size_t positions);
/* New branches, empty, in the place of those there are; the shared positions stay. FM_E_NOMEM, and then
 * there are none. */
FM_MUST_CHECK fm_status rt_memory_branch(rt_memory *memory, size_t n_branches, size_t own,
                                         fm_err *err);
size_t rt_memory_shared(const rt_memory *memory);             /* positions filled */
size_t rt_memory_own(const rt_memory *memory, size_t branch); /* beyond the shared ones */
void rt_memory_prune(rt_memory *memory);                      /* the branches, given back */
/* What all branches hold, and shared positions past this one. */
void rt_memory_forget(rt_memory *memory, size_t shared);
/* A branch back to its first `own` positions. */
void rt_memory_rewind(rt_memory *memory, size_t branch, size_t own);

#define RT_SHARED ((size_t)-1) /* as a branch: the prefix itself; only while no branch has begun */

/* Go n positions on in one branch: embeddings[n][width]. hidden (NULL: not wanted) takes the final
 * normed states of the last n_hidden of them, [n_hidden][width]. FM_E_USAGE where there is no room. */
FM_MUST_CHECK fm_status rt_decoder_prefill(rt_decoder *decoder, const rt_compute *compute,
                                           rt_memory *memory, size_t branch,
                                           const float *embeddings, size_t n, float *hidden,
                                           size_t n_hidden, fm_err *err);

/* Branches that one step takes on. */
#define RT_DECODER_TOGETHER 16

/* One position on in each of n <= RT_DECODER_TOGETHER different branches: embeddings[n][width] in,
 * hidden[n][width] out. The weights are read once for all. */
FM_MUST_CHECK fm_status rt_decoder_step(rt_decoder *decoder, const rt_compute *compute,
                                        rt_memory *memory, const size_t *branches, size_t n,
                                        const float *embeddings, float *hidden, fm_err *err);

/* logits[n][vocabulary], n <= RT_DECODER_TOGETHER */
void rt_decoder_logits(rt_decoder *decoder, const rt_compute *compute, const float *hidden,
                       size_t n, float *logits);

/* After each layer: see rt_model_probe(). */
typedef void (*rt_layer_probe)(void *context, const char *stage, const float *values, size_t rows,
                               size_t columns);
void rt_decoder_probe(rt_decoder *decoder, rt_layer_probe probe, void *context);

/* rt_decoder_prefill() ends between two layers, with FM_E_INTERRUPTED, once *stop is true. NULL takes it off;
 * borrowed. */
void rt_decoder_stop(rt_decoder *decoder, const atomic_bool *stop);

#endif
