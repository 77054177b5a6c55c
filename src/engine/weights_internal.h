/* What the readers of the file formats share: a mapped file, and the table that they fill. */
#ifndef RT_ENGINE_WEIGHTS_INTERNAL_H
#define RT_ENGINE_WEIGHTS_INTERNAL_H

#include "base/hash.h"
#include "engine/weights.h"

typedef struct {
    const char *path; /* in the arena */
    const uint8_t *bytes;
    size_t size;
    int64_t changed_ns; /* when it was written last */
    bool of_disk;       /* its pages come back after they were dropped */
} rt_mapped;

typedef struct {
    const char *name; /* in the arena */
    rt_tensor tensor;
    const rt_mapped *file;
} rt_named;

struct rt_weights {
    fm_arena arena;
    const char *path;
    rt_mapped *files;
    size_t n_files;
    rt_named *items; /* of realloc; sorted by name once all are there */
    size_t n, capacity;
    struct rt_meta *metas; /* of a GGUF file, in the arena */
    size_t n_metas;
    char identity[FM_HASH_TEXT_BYTES];
};

#define RT_MAX_TENSORS 100000

/* Check shape against size and put the tensor into the table; the name is copied. */
FM_MUST_CHECK fm_status rt_weights_add(rt_weights *weights, const rt_mapped *file, const char *name,
                                       const rt_tensor *tensor, fm_err *err);

bool rt_is_gguf_file(const char *path); /* by its first bytes */
FM_MUST_CHECK fm_status rt_gguf_read(rt_weights *weights, const rt_mapped *file, fm_err *err);
FM_MUST_CHECK fm_status rt_safetensors_read(rt_weights *weights, const rt_mapped *file,
                                            fm_err *err);

#endif
