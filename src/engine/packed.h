/**
 * Where the panels of a model's matrices live: in memory, made of the weights while loading, or in a
 * packed file that an earlier opening left and that is mapped.
 *
 * One thread at a time; panels and vectors are read by any number.
 */
#ifndef RT_ENGINE_PACKED_H
#define RT_ENGINE_PACKED_H

#include <stdint.h>

#include "engine/kernels.h"
#include "engine/pool.h"
#include "engine/weights.h"

typedef struct rt_packer rt_packer;

/* pack_as RT_PACKS: every tensor as it is stored (f16 as f32, GGUF's blocks as blocks of ours). */
FM_MUST_CHECK fm_status rt_packer_new(rt_packer **out, rt_pack pack_as, rt_pool *pool, fm_err *err);
void rt_packer_free(rt_packer *packer); /* ends all that it gave; accepts NULL */
size_t rt_packer_bytes(const rt_packer *packer);

/* Keep panels in a file of this folder, which is made where it is not there, named after `model` (a path)
 * and the kind of panels: what it holds of these very weights is mapped; where something is missing, stale
 * or damaged it is written anew, and panels are mapped from there as they are made. bytes: of all panels,
 * about. To be called before anything is loaded. A folder or a disk that does not take them costs no
 * more than a slow next opening. */
FM_MUST_CHECK fm_status rt_packer_use_file(rt_packer *packer, const char *folder, const char *model,
                                           uint64_t bytes, fm_err *err);
/* After all is loaded: a thread waits for the disk and gives the file its name; rt_packer_free() waits for
 * that thread. */
void rt_packer_keep(rt_packer *packer);

/* Called after each matrix that was made, with the bytes of all panels so far; false ends the loading with
 * FM_E_INTERRUPTED. */
typedef bool (*rt_packer_watch)(void *context, uint64_t done_bytes);
void rt_packer_watched(rt_packer *packer, rt_packer_watch watch, void *context);

/* Several tensors over the same input as one matrix: its rows are those of the first, then of the
 * second. Each reads as rows of n_in. */
#define RT_MAX_STACK 4
typedef struct {
    const char *names[RT_MAX_STACK];
    const rt_tensor *tensors[RT_MAX_STACK];
    size_t starts[RT_MAX_STACK + 1]; /* the row at which each begins; then their end */
    size_t n_parts, n_in;
} rt_matrix;

/* Its panels, aligned to a cache line. FM_E_INPUT where a value is not finite. */
FM_MUST_CHECK fm_status rt_packer_matrix(rt_packer *packer, const rt_weights *weights,
                                         const rt_matrix *matrix, rt_pack *pack,
                                         const void **panels, fm_err *err);

/* Small vectors (biases, norms) that live as long as the packer: f32 copies. The name by printf. */
FM_MUST_CHECK fm_status rt_packer_vector(rt_packer *packer, const rt_weights *weights,
                                         const float **out, size_t n, fm_err *err, const char *fmt,
                                         ...) FM_PRINTF(6, 7);
/* Room for such a vector; NULL without memory. */
float *rt_packer_floats(rt_packer *packer, size_t n);

#endif
