/**
 * The universal spatial encoder: MapAnything without its dense and pose heads. One view or several,
 * each with any subset of intrinsics, depth and pose.
 * Source: MapAnything, arXiv 2509.13414, and facebookresearch/map-anything's module names; facts in docs/engine.md.
 */
#ifndef RT_ENGINE_SPATIAL_H
#define RT_ENGINE_SPATIAL_H

#include "engine/tower.h"
#include "robotracer.h"

typedef struct rt_spatial rt_spatial;

FM_MUST_CHECK fm_status rt_spatial_load(rt_spatial **out, const rt_spatial_config *config,
                                        rt_packer *packer, const rt_weights *weights, fm_err *err);
void rt_spatial_free(rt_spatial *spatial);

/* Features of n views, of malloc. */
typedef struct {
    int rows, columns, width; /* patches of a view */
    size_t n;
    float *final, *fused, *middle[2]; /* [n][rows][columns][width]; fused has the tower's width */
    float *scale_token;               /* [width] after info-sharing */
    double metric_scale;              /* of its own scale head; 0 where the weights have none */
} rt_spatial_features;
void rt_spatial_features_release(rt_spatial_features *features);

/* Pictures are resized and cropped by the resolution rule, intrinsics along with them; the first
 * picture's aspect ratio decides for all. */
FM_MUST_CHECK fm_status rt_spatial_run(const rt_spatial *spatial, const rt_compute *compute,
                                       const rt_picture *pictures, size_t n,
                                       rt_spatial_features *out, fm_err *err);

#endif
