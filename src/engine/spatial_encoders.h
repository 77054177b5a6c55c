/**
 * The two kinds of network that read geometry: one for a field over the pixels (rays, depth), one for
 * a few numbers of the whole view (a rotation, a length).
 * Source: MapAnything, arXiv 2509.13414, section 3.1; names and shapes in docs/engine.md.
 */
#ifndef RT_ENGINE_SPATIAL_ENCODERS_H
#define RT_ENGINE_SPATIAL_ENCODERS_H

#include "engine/linear.h"

/* Patches unshuffled into channels, a convolution, two residual blocks, a 1 x 1 convolution, a norm. */
typedef struct rt_dense_encoder rt_dense_encoder;

/* channels of the field; widths of the convolution and the two blocks; out of the whole. name:
 * "depth_encoder". */
FM_MUST_CHECK fm_status rt_dense_encoder_load(rt_dense_encoder **out, int channels, int patch,
                                              const int widths[3], int out_width, rt_packer *packer,
                                              const rt_weights *weights, const char *name,
                                              fm_err *err);
void rt_dense_encoder_free(rt_dense_encoder *encoder); /* accepts NULL */

/* out[rows][columns][out_width] from field[rows patch][columns patch][channels]. FM_E_NOMEM. */
FM_MUST_CHECK fm_status rt_dense_encoder_run(const rt_dense_encoder *encoder,
                                             const rt_compute *compute, float *out,
                                             const float *field, int rows, int columns,
                                             fm_err *err);

/* Working memory that a run takes for so many patches. */
size_t rt_dense_encoder_run_bytes(const rt_dense_encoder *encoder, size_t patches);

/* Four linears with GELU between, a norm. */
typedef struct rt_global_encoder rt_global_encoder;
FM_MUST_CHECK fm_status rt_global_encoder_load(rt_global_encoder **out, int in, const int widths[3],
                                               int out_width, rt_packer *packer,
                                               const rt_weights *weights, const char *name,
                                               fm_err *err);
void rt_global_encoder_free(rt_global_encoder *encoder); /* accepts NULL */

/* out[out_width] from values[in]. One call at a time on an encoder, which keeps its working memory. */
void rt_global_encoder_run(const rt_global_encoder *encoder, const rt_compute *compute, float *out,
                           const float *values);

#endif
