/* Rows of matrices as the panels of kernels.h have them. Pure. */
#ifndef RT_ENGINE_PANELS_H
#define RT_ENGINE_PANELS_H

#include "engine/kernels.h"
#include "engine/tensor.h"

/* What a kind becomes where nothing else is asked for: f16 as f32, GGUF's blocks as blocks of ours. */
rt_pack rt_pack_as_stored(rt_kind kind);

/* Bytes of working memory for rt_panels_put_row(). */
size_t rt_panels_scratch_bytes(size_t n_in);

/* Row `from` of a tensor that reads as rows of n_in, into row `to` (below RT_PANEL) of a panel that was
 * zero. Blocks go into blocks of the same bits as they are. False where a value is not finite, or would not be in
 * the panel. */
bool rt_panels_put_row(rt_pack pack, uint8_t *panel, size_t to, const rt_tensor *tensor,
                       size_t from, size_t n_in, void *scratch);

#endif
