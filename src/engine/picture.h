/**
 * From a picture to what a tower takes: resized as PIL does it, cut into tiles, normalised.
 * Pure; one thread a call.
 */
#ifndef RT_ENGINE_PICTURE_H
#define RT_ENGINE_PICTURE_H

#include <stdint.h>

#include "base/arena.h"
#include "engine/config.h"
#include "robotracer.h"

typedef enum { RT_FILTER_BICUBIC, RT_FILTER_LANCZOS, RT_FILTER_NEAREST } rt_filter;

/* Resize interleaved bytes with antialias (the filter's support grows with the reduction), in two
 * passes with 8-bit rounding between, as PIL.Image.resize. out[h][w][channels]; scratch from arena.
 * Agrees with PIL 9.4 to one step of 255. Source: Pillow src/libImaging/Resample.c, behaviour. */
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
FM_MUST_CHECK fm_status rt_picture_tiles(rt_tiles *out, const rt_picture_config *config, int side,
                                         const uint8_t *rgb, int width, int height, fm_arena *arena,
                                         fm_err *err);

/* The grid that `dynamic` and dynamic_s2's last scale choose. Ties and order: docs/engine.md. */
void rt_picture_grid(const rt_picture_config *config, int side, int width, int height, int fewest,
                     int most, int *columns, int *rows);

#endif
