/**
 * Writing weights: one safetensors file, made beside its place and renamed into it when it is whole.
 * Source: safetensors format 0.4.
 */
#ifndef RT_ENGINE_SAVE_H
#define RT_ENGINE_SAVE_H

#include "engine/tensor.h"
#include "fathom/status.h"

typedef struct {
    const char *name;
    rt_kind kind; /* RT_F32, RT_F16 or RT_BF16 */
    int rank;
    size_t shape[RT_MAX_RANK];
} rt_entry;

/* Give elements [first, first + n) of entry `index` as f32; they are rounded to nearest even. */
typedef fm_status (*rt_fill)(void *context, size_t index, size_t first, size_t n, float *out,
                             fm_err *err);

/* metadata: pairs of key and value, n_metadata pairs, or NULL. FM_E_IO names the file. */
FM_MUST_CHECK fm_status rt_safetensors_write(const char *path, const rt_entry *entries, size_t n,
                                             const char *const (*metadata)[2], size_t n_metadata,
                                             rt_fill fill, void *context, fm_err *err);

#endif
