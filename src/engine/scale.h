/**
 * The scale decoder: from the language model's state at <SCALE> to one metric scale over 0. A linear
 * scale projector, then an MLP in the shape of MapAnything's scale head, then exp, at least 1e-8.
 * Source: RoboTracer, arXiv 2512.13660, section 3.2; MapAnything's scale head.
 */
#ifndef RT_ENGINE_SCALE_H
#define RT_ENGINE_SCALE_H

#include "engine/config.h"
#include "engine/linear.h"

/* "proj", "mlp.0.0", "mlp.1.0", ..., "output_proj" after a prefix: MapAnything's own head has the
 * same. One call at a time on a head and on a decoder: each keeps its working memory. */
typedef struct rt_scale_head rt_scale_head;
FM_MUST_CHECK fm_status rt_scale_head_load(rt_scale_head **out, int in, int hidden, int layers,
                                           rt_packer *packer, const rt_weights *weights,
                                           const char *prefix, fm_err *err);
void rt_scale_head_free(rt_scale_head *head); /* accepts NULL */
/* x[in]; the scale, over 0 and finite */
double rt_scale_head_run(const rt_scale_head *head, const rt_compute *compute, const float *x);

/* "scale_projector", and the head after "scale_head.". */
typedef struct rt_scale_decoder rt_scale_decoder;
FM_MUST_CHECK fm_status rt_scale_decoder_load(rt_scale_decoder **out, const rt_scale_config *config,
                                              int llm_width, rt_packer *packer,
                                              const rt_weights *weights, fm_err *err);
void rt_scale_decoder_free(rt_scale_decoder *decoder); /* accepts NULL */
/* hidden[llm_width]: the final normed state */
double rt_scale_decoder_run(const rt_scale_decoder *decoder, const rt_compute *compute,
                            const float *hidden);

#endif
