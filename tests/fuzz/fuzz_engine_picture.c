/* A few bytes say sizes, filter and tiling, the rest are pixels, again and again: a picture comes out
 * whole or is refused, a flat one stays flat, and tiles are finite and as many as their grids say. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZES = 12, MOST_PIXELS = 1 << 12, MOST_BYTES = 1 << 20 };

/* From 1, and such that the product of both is MOST_PIXELS at most. */
static void two_sides(const uint8_t *bytes, int *a, int *b)
{
    *a = 1 + (bytes[0] | bytes[1] << 8) % MOST_PIXELS;
    *b = 1 + (bytes[2] | bytes[3] << 8) % (MOST_PIXELS / *a);
}

static bool is_flat(const uint8_t *bytes, size_t n)
{
    return n == 0 || memcmp(bytes, bytes + 1, n - 1) == 0;
}

static void resize(const uint8_t *data, const uint8_t *in, int in_width, int in_height,
                   int channels)
{
    fm_arena arena = {.cap_bytes = MOST_BYTES};
    int width, height;

    two_sides(data, &width, &height);
    size_t n = (size_t)width * (size_t)height * (size_t)channels;
    uint8_t *out = malloc(n);
    if (!out)
        abort();
    fm_status st = rt_picture_resize(out, width, height, in, in_width, in_height, channels,
                                     (rt_filter)(data[4] % 3), &arena, NULL);
    if (st != FM_OK && st != FM_E_NOMEM)
        abort();
    /* Past that, the rounding of so many weights can show, as PIL's does. */
    bool gentle = in_width / width < 64 && in_height / height < 64;
    if (st == FM_OK && gentle && channels == 1 &&
        is_flat(in, (size_t)in_width * (size_t)in_height) && (!is_flat(out, n) || out[0] != in[0]))
        abort();
    free(out);
    fm_arena_release(&arena);
}

static void cut(const uint8_t *data, const uint8_t *rgb, int width, int height)
{
    const rt_picture_config config = {.tiling = (rt_tiling)(data[0] % 3),
                                      .min_tiles = 1 + data[1] % 4,
                                      .max_tiles = 4 + data[1] / 4 % 16,
                                      .scales = {8, 16, 24, 40},
                                      .n_scales = 1 + data[2] % 4,
                                      .mean = {0.5F, 0.4F, 0.3F},
                                      .deviation = {0.5F, 0.2F, 1},
                                      .centred = data[2] & 128};
    fm_arena arena = {.cap_bytes = MOST_BYTES};
    rt_tiles tiles;
    int side = 1 + data[3] % 32;
    fm_status st = rt_picture_tiles(&tiles, &config, side, rgb, width, height, &arena, NULL);

    if (st != FM_OK && st != FM_E_NOMEM)
        abort();
    if (st == FM_OK) {
        int n = 0;

        for (int i = 0; i < RT_MAX_SCALES; i++)
            n += tiles.per_scale[i];
        if (tiles.n != n || tiles.columns * tiles.rows > n || tiles.side != side)
            abort();
        for (size_t i = 0; i < (size_t)n * (size_t)side * (size_t)side * 3; i++)
            if (!isfinite(tiles.pixels[i]))
                abort();
    }
    fm_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int width, height;

    if (size <= SIZES)
        return 0;
    two_sides(data, &width, &height);
    int channels = 1 + data[4] / 3 % 4;
    size_t n = (size_t)width * (size_t)height * 4;
    uint8_t *pixels = malloc(n);
    if (!pixels)
        abort();
    for (size_t i = 0; i < n; i++)
        pixels[i] = data[SIZES + i % (size - SIZES)];
    if (data[11] % 2)
        resize(data + 4, pixels, width, height, channels);
    else
        cut(data + 4, pixels, width, height);
    free(pixels);
    return 0;
}
