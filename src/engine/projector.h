/**
 * From a tower's features to the language model's embeddings: the projectors of NVILA. Those that
 * make fewer tokens join blocks of 2 x 2 or 3 x 3 neighbours into one, the grid filled up with zeros
 * at the bottom and the right; a block's channels run by row in the block, column in the block,
 * channel. Source: NVILA, arXiv 2412.04468; facts in docs/engine.md.
 */
#ifndef RT_ENGINE_PROJECTOR_H
#define RT_ENGINE_PROJECTOR_H

#include "engine/config.h"
#include "engine/linear.h"

typedef struct rt_projector rt_projector;

/* prefix: of the names "layers.weight" (linear) and "layers.<index>.weight" (the others). */
FM_MUST_CHECK fm_status rt_projector_load(rt_projector **out, const rt_projector_config *config,
                                          rt_packer *packer, const rt_weights *weights,
                                          const char *prefix, fm_err *err);
void rt_projector_free(rt_projector *projector); /* accepts NULL */

/* Tokens that a grid of rows x columns becomes. */
size_t rt_projector_tokens(const rt_projector *projector, int rows, int columns);

/* out[tokens][config.out], row-major, from features[rows][columns][config.in]. FM_E_NOMEM. */
FM_MUST_CHECK fm_status rt_projector_run(const rt_projector *projector, const rt_compute *compute,
                                         float *out, const float *features, int rows, int columns,
                                         fm_err *err);

#endif
