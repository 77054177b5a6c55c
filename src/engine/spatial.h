/**
 * The universal spatial encoder: MapAnything without its dense and pose heads. One view or several,
 * each with any subset of intrinsics, depth and pose.
 * Source: MapAnything, arXiv 2509.13414, and facebookresearch/map-anything's module names; facts in docs/engine.md.
 */
#ifndef RT_ENGINE_SPATIAL_H
#define RT_ENGINE_SPATIAL_H

#include "engine/projector.h"
#include "engine/tower.h"
#include "robotracer.h"

/* One call at a time on one of these: parts of it keep their working memory. */
typedef struct rt_spatial rt_spatial;

/* weights: of the folder "spatial_encoder". */
FM_MUST_CHECK fm_status rt_spatial_load(rt_spatial **out, const rt_spatial_config *config,
                                        rt_packer *packer, const rt_weights *weights, fm_err *err);
void rt_spatial_free(rt_spatial *spatial); /* accepts NULL */

/* A run ends between two layers, with FM_E_INTERRUPTED, once *stop is true. NULL takes it off; borrowed. */
void rt_spatial_stop(rt_spatial *spatial, const atomic_bool *stop);

/* Features of n views, of malloc. */
typedef struct {
    int rows, columns, width; /* patches of a view */
    size_t n;
    float *final, *fused, *middle[2]; /* [n][rows][columns][width]; fused has the tower's width */
    float *scale_token;               /* [width] after info-sharing */
    double metric_scale;              /* of its own scale head; 0 where the weights have none */
} rt_spatial_features;
void rt_spatial_features_release(rt_spatial_features *features); /* accepts a zeroed one */

/* Pictures are resized and cropped by the resolution rule, intrinsics along with them; the first
 * picture's aspect ratio decides for all. Depth is used where the picture has intrinsics, poses where
 * the first picture has one (docs/engine.md). FM_E_USAGE says in one line what is wrong with a
 * picture; FM_E_NOMEM. */
FM_MUST_CHECK fm_status rt_spatial_run(const rt_spatial *spatial, const rt_compute *compute,
                                       const rt_picture *pictures, size_t n,
                                       rt_spatial_features *out, fm_err *err);

/* Memory that a run takes at most, with the features that it gives and the views of the pictures. */
size_t rt_spatial_run_bytes(const rt_spatial *spatial, const rt_picture *pictures, size_t n,
                            int threads);

/* What the language model is given of them: the tapped features of each view through the projector,
 * which is of config->projector, and last, where the configuration says so, the scale token as a grid
 * of one. out[rt_spatial_token_count()][projector.out]. FM_E_NOMEM. */
size_t rt_spatial_token_count(const rt_spatial_config *config, const rt_projector *projector,
                              const rt_spatial_features *features);
FM_MUST_CHECK fm_status rt_spatial_tokens(const rt_spatial_config *config,
                                          const rt_projector *projector, const rt_compute *compute,
                                          const rt_spatial_features *features, float *out,
                                          fm_err *err);

#endif
