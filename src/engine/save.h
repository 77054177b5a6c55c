/**
 * Writing weights: safetensors files, each made beside its place and renamed into it when it is whole.
 * Source: safetensors format 0.4; names of shards and their index as Hugging Face's.
 */
#ifndef RT_ENGINE_SAVE_H
#define RT_ENGINE_SAVE_H

#include "engine/tensor.h"

typedef struct {
    const char *name;
    rt_kind kind;
    int rank;
    size_t shape[RT_MAX_RANK]; /* where the kind has blocks, the last is a multiple of 32 */
} rt_entry;

/* Give elements [first, first + n) of entry `index` as f32; they are converted by rt_tensor_put().
 * n is 2^20 at most. */
typedef fm_status (*rt_fill)(void *context, size_t index, size_t first, size_t n, float *out,
                             fm_err *err);

/* metadata: pairs of key and value, n_metadata pairs, or NULL. The format knows no blocks: they are
 * written as U8 [.., bytes of a row], with metadata of ours, RT_SAVED_AS and the name, that says
 * "q8_0" or "q4_0". FM_E_IO names the file. */
#define RT_SAVED_AS "fathom.kind."
FM_MUST_CHECK fm_status rt_safetensors_write(const char *path, const rt_entry *entries, size_t n,
                                             const char *const (*metadata)[2], size_t n_metadata,
                                             rt_fill fill, void *context, fm_err *err);

/* The same as what a folder's weights are: model.safetensors, or where that would pass shard_bytes
 * several files and model.safetensors.index.json, last. No tensor is split. */
#define RT_SHARD_BYTES ((size_t)4 << 30)
FM_MUST_CHECK fm_status rt_weights_write(const char *folder, const rt_entry *entries, size_t n,
                                         size_t shard_bytes, rt_fill fill, void *context,
                                         fm_err *err);

#endif
