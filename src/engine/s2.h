/**
 * Several scales of one picture made one: S2's merging, between tower and projector of `dynamic_s2`,
 * and the laying together of what the tiles became after it.
 * Source: S2, arXiv 2403.13043; NVILA, arXiv 2412.04468; facts in docs/engine.md.
 */
#ifndef RT_ENGINE_S2_H
#define RT_ENGINE_S2_H

#include "engine/picture.h"

/* The grid of tiles that merging gives: the last scale's, or that of the one which the configuration
 * brings the others to. */
void rt_s2_grid(const rt_picture_config *config, const rt_tiles *tiles, int *columns, int *rows);

/* out[rows columns][side][side][n_scales width] from features[tiles->n][side][side][width]: each
 * scale's tiles are laid together, brought to the grid's size by averaging over areas, joined channel
 * after channel, and cut into the grid's tiles again. */
void rt_s2_merge(float *out, const rt_picture_config *config, const rt_tiles *tiles,
                 const float *features, int side, int width);

/* Tiles [rows columns][side][side][width] as one map, out[rows side][columns side][width]. */
void rt_s2_lay(float *out, const float *tiles, int columns, int rows, int side, int width);

#endif
