/* From a tower's features to the language model's embeddings: the projectors of NVILA. */
#ifndef RT_ENGINE_PROJECTOR_H
#define RT_ENGINE_PROJECTOR_H

#include "engine/config.h"
#include "engine/linear.h"

typedef struct rt_projector rt_projector;

FM_MUST_CHECK fm_status rt_projector_load(rt_projector **out, const rt_projector_config *config,
                                          rt_packer *packer, const rt_weights *weights,
                                          const char *prefix, fm_err *err);
void rt_projector_free(rt_projector *projector);

/* Tokens that a grid of rows x columns becomes. */
size_t rt_projector_tokens(const rt_projector *projector, int rows, int columns);

/* out[tokens][config.out] from features[rows][columns][config.in]. */
FM_MUST_CHECK fm_status rt_projector_run(const rt_projector *projector, const rt_compute *compute,
                                         float *out, const float *features, int rows, int columns,
                                         fm_err *err);

#endif
