/**
 * A vision transformer: patches in, features out. SigLIP so400m, DINOv2 ViT-L and ViT-g are
 * configurations of it; MapAnything's info-sharing is made of the same blocks (block.h).
 * Source: SigLIP (arXiv 2303.15343), DINOv2 (arXiv 2304.07193); facts in docs/engine.md.
 */
#ifndef RT_ENGINE_TOWER_H
#define RT_ENGINE_TOWER_H

#include <stdatomic.h>

#include "engine/config.h"
#include "engine/linear.h"
#include "robotracer.h"

typedef struct rt_tower rt_tower;

/* prefix: of the tensors' names ("vision_model." or "encoder.model."); names of SigLIP's layout where
 * siglip, else of DINOv2's. Layers past used_layers are not looked for. */
FM_MUST_CHECK fm_status rt_tower_load(rt_tower **out, const rt_tower_config *config, bool siglip,
                                      rt_packer *packer, const rt_weights *weights,
                                      const char *prefix, fm_err *err);
void rt_tower_free(rt_tower *tower); /* accepts NULL */

/* pixels[n][height][width][3] f32, normalised, sides multiples of the patch. out[n][tokens][width of
 * the config], tokens = (height / patch) (width / patch), row-major, without the class token;
 * class_out[n][width], or NULL. FM_E_NOMEM; FM_E_USAGE where the grid is not that of the position
 * table and the table is not one that is resized. */
FM_MUST_CHECK fm_status rt_tower_run(const rt_tower *tower, const rt_compute *compute, float *out,
                                     float *class_out, const float *pixels, size_t n, int height,
                                     int width, fm_err *err);

/* Working memory that a run takes for pictures of so many tokens each. */
size_t rt_tower_run_bytes(const rt_tower *tower, size_t tokens, int threads);

/* What place (row, column) of a grid of rows x columns gets of a table of side x side positions: these
 * entries of it, times these weights. */
typedef struct {
    int at[16];
    float weight[16];
} rt_tower_position;
void rt_tower_position_of(rt_tower_position *out, int side, int rows, int columns, int row,
                          int column);

/* After each layer, tokens and the class token before them: "<name>.layer.3". NULL takes it off.
 * name is borrowed. */
void rt_tower_probe(rt_tower *tower, const char *name, rt_probe probe, void *context);

/* A run ends between two layers, with FM_E_INTERRUPTED, once *stop is true. NULL takes it off; borrowed. */
void rt_tower_stop(rt_tower *tower, const atomic_bool *stop);

#endif
