/**
 * Weights of one part of a model, by name: a folder with model.safetensors or with shards and
 * model.safetensors.index.json, or one GGUF file, mapped and never copied.
 *
 * Everything that a header says is checked before it is used: offsets, sizes, overlaps, shapes,
 * kinds. Not written to by anybody; any number of threads read.
 * Source: safetensors format 0.4 (huggingface/safetensors README), GGUF v2 and v3 (ggml docs/gguf.md).
 */
#ifndef RT_ENGINE_WEIGHTS_H
#define RT_ENGINE_WEIGHTS_H

#include <stdbool.h>

#include "base/arena.h"
#include "engine/tensor.h"

typedef struct rt_weights rt_weights;

/* path: a folder, a .safetensors or a .gguf file. FM_E_INPUT names file and tensor. */
FM_MUST_CHECK fm_status rt_weights_open(rt_weights **out, const char *path, fm_err *err);
/* Weights that lie in somebody's memory and stay there, as those of a model that is being trained: what
 * is made of them is of their values at that time. Names are copied; `what` stands for the path. */
FM_MUST_CHECK fm_status rt_weights_borrow(rt_weights **out, const char *what,
                                          const char *const *names, const rt_tensor *tensors,
                                          size_t n, fm_err *err);
void rt_weights_close(rt_weights *weights); /* accepts NULL; ends every tensor that it gave */

/* NULL where there is none. Names of a GGUF file are given their names of Hugging Face's layout
 * ("blk.0.attn_q.weight" is found as "model.layers.0.self_attn.q_proj.weight"). */
const rt_tensor *rt_weights_find(const rt_weights *weights, const char *name);

/* The tensor of exactly this shape, or FM_E_INPUT "<file>: '<name>' has shape [..], [..] is needed".
 * The name is made by printf. */
FM_MUST_CHECK fm_status rt_weights_need(const rt_weights *weights, const size_t *shape, int rank,
                                        const rt_tensor **out, fm_err *err, const char *fmt, ...)
    FM_PRINTF(6, 7);

/* All of a tensor as f32; FM_E_INPUT "<path>: the weights '<name>' hold a value that is not finite". */
FM_MUST_CHECK fm_status rt_weights_read(const rt_weights *weights, const rt_tensor *tensor,
                                        const char *name, float *out, fm_err *err);

size_t rt_weights_count(const rt_weights *weights);
/* In the order of names. */
const char *rt_weights_name(const rt_weights *weights, size_t index, const rt_tensor **tensor);
const char *rt_weights_path(const rt_weights *weights);
/* What tells these files from others and from themselves after a change, without reading them whole: a
 * SHA-256 of their sizes, their times and what they begin with. 64 digits. */
const char *rt_weights_identity(const rt_weights *weights);

/* Bytes [first, first + n) of a tensor were read for the last time: their pages leave this process's
 * memory, and come back from the file if that is not so. */
void rt_weights_forget(const rt_weights *weights, const rt_tensor *tensor, size_t first, size_t n);

/* Metadata of a GGUF file by key ("qwen2.block_count"); false where there is none of that type. */
bool rt_weights_integer(const rt_weights *weights, const char *key, int64_t *out);
bool rt_weights_number(const rt_weights *weights, const char *key, double *out);
bool rt_weights_text(const rt_weights *weights, const char *key, const char **out);
bool rt_weights_has(const rt_weights *weights, const char *key); /* of whatever type */

/* An array of texts or of whole numbers, read from its beginning on. */
typedef struct {
    size_t n; /* that are left */
    const uint8_t *at;
    uint32_t of;
} rt_list;
bool rt_weights_list(const rt_weights *weights, const char *key, rt_list *out);
/* The next one, not terminated and borrowed; NULL at the end or where they are no texts. */
const char *rt_list_text(rt_list *list, size_t *size);
bool rt_list_integer(rt_list *list, int64_t *out);

#endif
