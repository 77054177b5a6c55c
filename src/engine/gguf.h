/* What the reader and the writer of GGUF share: how the format numbers things, and how it names the tensors of a
 * language model. Source: ggml docs/gguf.md. */
#ifndef RT_ENGINE_GGUF_H
#define RT_ENGINE_GGUF_H

#include "engine/tensor.h"

enum { RT_GGUF_VERSION = 3, RT_GGUF_ALIGNMENT = 32, RT_GGUF_NAME_BYTES = 256 };

/* Types of metadata. */
enum {
    RT_GGUF_U8,
    RT_GGUF_I8,
    RT_GGUF_U16,
    RT_GGUF_I16,
    RT_GGUF_U32,
    RT_GGUF_I32,
    RT_GGUF_F32,
    RT_GGUF_BOOL,
    RT_GGUF_TEXT,
    RT_GGUF_ARRAY,
    RT_GGUF_U64,
    RT_GGUF_I64,
    RT_GGUF_F64,
    RT_GGUF_TYPES
};

/* Types of tokens. */
enum {
    RT_GGUF_NORMAL = 1,
    RT_GGUF_CONTROL = 3,
    RT_GGUF_USER_DEFINED = 4,
    RT_GGUF_UNUSED = 5,
};

/* The type of a tensor; RT_KINDS for one that is not read here. */
rt_kind rt_gguf_kind(uint32_t type);
uint32_t rt_gguf_type(rt_kind kind);

/* "blk.3.attn_q.weight" as "model.layers.3.self_attn.q_proj.weight", and back; what is not known stays. */
void rt_gguf_name_to_ours(const char *theirs, char out[RT_GGUF_NAME_BYTES]);
void rt_gguf_name_to_theirs(const char *ours, char out[RT_GGUF_NAME_BYTES]);

#endif
