/**
 * From a picture to what a tower takes: resized as PIL does it, cut into tiles, normalised.
 * Pure; one thread a call.
 */
#ifndef RT_ENGINE_PICTURE_H
#define RT_ENGINE_PICTURE_H

#include <stdint.h>

#include "base/arena.h"
#include "engine/config.h"

#define RT_MAX_PICTURE_SIDE (1 << 20)

typedef enum { RT_FILTER_BICUBIC, RT_FILTER_LANCZOS, RT_FILTER_NEAREST } rt_filter;

/* Resize interleaved bytes with antialias (the filter's support grows with the reduction), in two
 * passes with 8-bit rounding between, as PIL.Image.resize: the same bytes as PIL 9.4. out[height]
 * [width][channels], channels 1 to 4; scratch from the arena, which is as it was afterwards.
 * FM_E_USAGE: a side under 1 or over RT_MAX_PICTURE_SIDE; FM_E_NOMEM.
 * Source: Pillow src/libImaging/Resample.c and Geometry.c, behaviour. */
FM_MUST_CHECK fm_status rt_picture_resize(uint8_t *out, int width, int height, const uint8_t *in,
                                          int in_width, int in_height, int channels,
                                          rt_filter filter, fm_arena *arena, fm_err *err);

/* Tiles of one picture: pixels[n][side][side][3] f32, normalised; in the arena. */
typedef struct {
    float *pixels;
    int n, side;
    int columns, rows;            /* of the grid that the last scale was cut into */
    int per_scale[RT_MAX_SCALES]; /* dynamic_s2: tiles of each */
    bool thumbnail;               /* dynamic: the last tile shows the whole */
} rt_tiles;

/* Tiles of a grid come row by row; dynamic_s2's scales one after another, the smallest first. */
FM_MUST_CHECK fm_status rt_picture_tiles(rt_tiles *out, const rt_picture_config *config, int side,
                                         const uint8_t *rgb, int width, int height, fm_arena *arena,
                                         fm_err *err);

/* The grid of fewest to most tiles whose aspect ratio is nearest to the picture's, as `dynamic` and
 * dynamic_s2's last scale choose it; where two are as near, the one with more tiles if the picture
 * has more than half as many pixels as it. 1 x 1 where there is none of so many tiles. */
void rt_picture_grid(int side, int width, int height, int fewest, int most, int *columns,
                     int *rows);

/* Depth of n pixels in metres as the picture that a depth tower takes: rgb[n][3], the three channels
 * alike, from 0 to 255 between the least and the most of the map; 0 where depth is unknown (not over
 * 0, or not finite). By inverse depth the nearest point is 255, as relative depth estimators draw it. */
void rt_picture_depth(uint8_t *rgb, const float *depth_m, size_t n, rt_depth_rule rule);

#endif
