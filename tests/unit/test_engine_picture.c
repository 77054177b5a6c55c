/* Pictures to tiles: the bytes that PIL makes (golden/engine/pictures.py), grids, normalisation, depth
 * as a picture, and sizes at their limits. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "engine/picture.h"
#include "engine/s2.h"
#include "support/golden.h"

static const char *const file = "pictures.safetensors";
static const char *const filter_names[] = {[RT_FILTER_BICUBIC] = "bicubic",
                                           [RT_FILTER_LANCZOS] = "lanczos",
                                           [RT_FILTER_NEAREST] = "nearest"};

/* A tensor's values as the bytes that they are, of malloc. */
static uint8_t *golden_bytes(const golden *g, const char *name, size_t *n)
{
    float *values = golden_values(g, name, n);
    uint8_t *bytes = malloc(*n);

    for (size_t i = 0; i < *n; i++)
        bytes[i] = (uint8_t)values[i];
    free(values);
    return bytes;
}

static const struct {
    rt_filter filter;
    int in_width, in_height, width, height;
} resized[] = {
    {RT_FILTER_BICUBIC, 37, 23, 41, 30}, {RT_FILTER_BICUBIC, 37, 23, 17, 11},
    {RT_FILTER_BICUBIC, 37, 23, 37, 9},  {RT_FILTER_BICUBIC, 37, 23, 50, 23},
    {RT_FILTER_BICUBIC, 37, 23, 1, 1},   {RT_FILTER_BICUBIC, 1, 1, 5, 4},
    {RT_FILTER_BICUBIC, 1, 60, 7, 3},    {RT_FILTER_BICUBIC, 37, 23, 5, 40},
    {RT_FILTER_LANCZOS, 37, 23, 41, 30}, {RT_FILTER_LANCZOS, 37, 23, 13, 7},
    {RT_FILTER_LANCZOS, 37, 23, 20, 40}, {RT_FILTER_LANCZOS, 1, 60, 3, 11},
    {RT_FILTER_NEAREST, 37, 23, 41, 30}, {RT_FILTER_NEAREST, 37, 23, 10, 7},
    {RT_FILTER_NEAREST, 1, 60, 2, 100},
};

Test(engine_picture, resizing_gives_the_bytes_of_pil)
{
    golden g = golden_open(file, NULL, RT_PACK_F32, 1);

    for (size_t i = 0; i < FM_COUNT_OF(resized); i++) {
        int in_width = resized[i].in_width, in_height = resized[i].in_height;
        int width = resized[i].width, height = resized[i].height;
        uint8_t got[50 * 50 * 3];
        fm_arena arena = {0};
        char name[64];
        size_t n;

        snprintf(name, sizeof(name), "picture.%dx%d", in_width, in_height);
        uint8_t *in = golden_bytes(&g, name, &n);
        snprintf(name, sizeof(name), "%s.%dx%d.%dx%d", filter_names[resized[i].filter], in_width,
                 in_height, width, height);
        uint8_t *want = golden_bytes(&g, name, &n);
        cr_assert(eq(sz, n, (size_t)width * (size_t)height * 3));
        cr_assert(eq(int,
                     rt_picture_resize(got, width, height, in, in_width, in_height, 3,
                                       resized[i].filter, &arena, NULL),
                     FM_OK));
        cr_expect(eq(int, memcmp(got, want, n), 0), "%s", name);
        free(in);
        free(want);
        fm_arena_release(&arena);
    }
    golden_close(&g);
}

Test(engine_picture, channels_do_not_see_each_other)
{
    uint8_t grey[9 * 7], four[9 * 7 * 4], small[4 * 3], small_four[4 * 3 * 4];
    fm_arena arena = {0};

    for (size_t i = 0; i < sizeof(grey); i++) {
        grey[i] = (uint8_t)(i * 37);
        for (size_t c = 0; c < 4; c++)
            four[i * 4 + c] = c == 2 ? grey[i] : (uint8_t)(200 + c);
    }
    cr_assert(eq(int,
                 rt_picture_resize(small, 4, 3, grey, 9, 7, 1, RT_FILTER_LANCZOS, &arena, NULL),
                 FM_OK));
    cr_assert(
        eq(int, rt_picture_resize(small_four, 4, 3, four, 9, 7, 4, RT_FILTER_LANCZOS, &arena, NULL),
           FM_OK));
    for (size_t i = 0; i < sizeof(small); i++) {
        cr_expect(eq(u8, small_four[i * 4 + 2], small[i]));
        cr_expect(eq(u8, small_four[i * 4 + 3], 203));
    }
    fm_arena_release(&arena);
}

Test(engine_picture, sizes_that_are_none_are_refused)
{
    static const int sizes[][4] = {
        {0, 4, 4, 4}, {4, 0, 4, 4}, {4, 4, -1, 4}, {4, 4, 4, RT_MAX_PICTURE_SIDE + 1}};
    uint8_t bytes[64] = {0}, out[64];
    fm_arena arena = {0};
    fm_err err = {0};

    for (size_t i = 0; i < FM_COUNT_OF(sizes); i++)
        cr_expect(eq(int,
                     rt_picture_resize(out, sizes[i][2], sizes[i][3], bytes, sizes[i][0],
                                       sizes[i][1], 1, RT_FILTER_BICUBIC, &arena, &err),
                     FM_E_USAGE));
    cr_expect(eq(str, err.text, "a picture of 4 x 4 cannot be made 4 x 1048577"));
    arena.cap_bytes = 1000;
    cr_expect(eq(int,
                 rt_picture_resize(out, 1, 64, bytes, 2, 32, 1, RT_FILTER_BICUBIC, &arena, &err),
                 FM_E_NOMEM));
    cr_expect(eq(str, err.text, "no memory to make a picture of 2 x 32 1 x 64"));
    fm_arena_release(&arena);
}

/* ---- grids and tiles ---- */

Test(engine_picture, grids_are_those_of_the_reference)
{
    golden g = golden_open(file, NULL, RT_PACK_F32, 1);
    size_t n;
    float *rows = golden_values(&g, "grids", &n);

    for (const float *row = rows; row < rows + n; row += 6)
        for (int s2 = 0; s2 <= 1; s2++) {
            int columns, lines;

            rt_picture_grid(448, (int)row[0], (int)row[1], s2 ? 9 : 1, 12, &columns, &lines);
            cr_expect(columns == (int)row[2 + 2 * s2] && lines == (int)row[3 + 2 * s2],
                      "%g x %g: %d x %d, not %g x %g", row[0], row[1], columns, lines,
                      row[2 + 2 * s2], row[3 + 2 * s2]);
        }
    free(rows);
    golden_close(&g);
}

Test(engine_picture, of_two_grids_as_near_the_picture_decides)
{
    int columns, rows;

    rt_picture_grid(448, 300, 300, 1, 12, &columns, &rows);
    cr_expect(columns == 1 && rows == 1);
    rt_picture_grid(448, 640, 640, 1, 12, &columns, &rows);
    cr_expect(columns == 2 && rows == 2);
    rt_picture_grid(448, 1000, 1000, 1, 12, &columns, &rows);
    cr_expect(columns == 3 && rows == 3);
    rt_picture_grid(448, 640, 480, 3, 2, &columns, &rows);
    cr_expect(columns == 1 && rows == 1);
}

static const rt_picture_config half = {.min_tiles = 1,
                                       .max_tiles = 12,
                                       .scales = {6, 12, 18},
                                       .n_scales = 3,
                                       .resize_output_to = 2,
                                       .mean = {0.5F, 0.5F, 0.5F},
                                       .deviation = {0.5F, 0.5F, 0.5F}};

static rt_tiles tiles_of(const golden *g, const rt_picture_config *config, fm_arena *arena)
{
    rt_tiles tiles = {0};
    size_t n;
    uint8_t *rgb = golden_bytes(g, "picture.40x30", &n);

    cr_assert(eq(int, rt_picture_tiles(&tiles, config, 6, rgb, 40, 30, arena, NULL), FM_OK));
    free(rgb);
    return tiles;
}

static void expect_tiles(const golden *g, const char *name, const rt_tiles *tiles)
{
    size_t n;
    float *want = golden_values(g, name, &n);

    cr_assert(eq(sz, n, (size_t)tiles->n * 6 * 6 * 3));
    for (size_t i = 0; i < n; i++)
        cr_assert(fabsf(tiles->pixels[i] - (want[i] / 255 - 0.5F) / 0.5F) < 1e-6F, "%s at %zu",
                  name, i);
    free(want);
}

Test(engine_picture, tiles_of_every_kind)
{
    golden g = golden_open(file, NULL, RT_PACK_F32, 1);
    rt_picture_config config = half;
    fm_arena arena = {0};
    int columns, rows;

    rt_tiles tiles = tiles_of(&g, &config, &arena);
    cr_expect(tiles.n == 1 && tiles.columns == 1 && tiles.rows == 1 && !tiles.thumbnail);
    config.tiling = RT_TILES_DYNAMIC;
    tiles = tiles_of(&g, &config, &arena);
    cr_expect(tiles.n == 13 && tiles.columns == 4 && tiles.rows == 3 && tiles.thumbnail);
    expect_tiles(&g, "dynamic", &tiles);
    config.tiling = RT_TILES_DYNAMIC_S2;
    tiles = tiles_of(&g, &config, &arena);
    cr_expect(tiles.n == 17 && tiles.columns == 4 && tiles.rows == 3 && !tiles.thumbnail);
    cr_expect(tiles.per_scale[0] == 1 && tiles.per_scale[1] == 4 && tiles.per_scale[2] == 12);
    expect_tiles(&g, "s2", &tiles);
    rt_s2_grid(&config, &tiles, &columns, &rows);
    cr_expect(columns == 4 && rows == 3);
    config.resize_output_to = 1;
    rt_s2_grid(&config, &tiles, &columns, &rows);
    cr_expect(columns == 2 && rows == 2);
    fm_arena_release(&arena);
    golden_close(&g);
}

Test(engine_picture, one_tile_has_no_thumbnail)
{
    rt_picture_config config = half;
    fm_arena arena = {0};
    rt_tiles tiles;
    uint8_t rgb[3] = {0, 255, 51};

    config.tiling = RT_TILES_DYNAMIC;
    config.mean[2] = 0;
    cr_assert(eq(int, rt_picture_tiles(&tiles, &config, 2, rgb, 1, 1, &arena, NULL), FM_OK));
    cr_expect(tiles.n == 1 && !tiles.thumbnail);
    for (int i = 0; i < 4; i++) {
        cr_expect(eq(flt, tiles.pixels[i * 3], -1));
        cr_expect(eq(flt, tiles.pixels[i * 3 + 1], 1));
        cr_expect(fabsf(tiles.pixels[i * 3 + 2] - 0.4F) < 1e-6F);
    }
    fm_arena_release(&arena);
}

Test(engine_picture, centred_takes_the_pictures_own_mean_away)
{
    rt_picture_config config = half;
    fm_arena arena = {0};
    rt_tiles tiles;
    uint8_t rgb[4 * 3] = {0, 10, 255, 0, 20, 255, 51, 30, 255, 153, 40, 255};
    static const float want[4][3] = {{-0.4F, -30.0F / 255, 0},
                                     {-0.4F, -10.0F / 255, 0},
                                     {0, 10.0F / 255, 0},
                                     {0.8F, 30.0F / 255, 0}};

    config.centred = true;
    cr_assert(eq(int, rt_picture_tiles(&tiles, &config, 2, rgb, 2, 2, &arena, NULL), FM_OK));
    for (int i = 0; i < 12; i++)
        cr_expect(fabsf(tiles.pixels[i] - want[i / 3][i % 3]) < 1e-6F, "%d: %g", i,
                  tiles.pixels[i]);
    fm_arena_release(&arena);
}

/* ---- several scales ---- */

static void check_merging(const char *name, int to)
{
    golden g = golden_open("vision.safetensors", NULL, RT_PACK_F32, 1);
    rt_tiles tiles = {.n = 17, .columns = 4, .rows = 3, .per_scale = {1, 4, 12}};
    rt_picture_config config = half;
    float out[12 * 9 * 6], laid[9 * 12 * 2];
    char text[32];
    size_t n;

    config.resize_output_to = to;
    snprintf(text, sizeof(text), "%s.features", name);
    float *features = golden_values(&g, text, &n);
    cr_assert(eq(sz, n, 17 * 9 * 2));
    rt_s2_merge(out, &config, &tiles, features, 3, 2);
    snprintf(text, sizeof(text), "%s.out", name);
    cr_expect(golden_off(&g, text, out) < 1e-6);
    rt_s2_lay(laid, features + 5 * 9 * 2, 4, 3, 3, 2);
    snprintf(text, sizeof(text), "%s.laid", name);
    cr_expect(eq(dbl, golden_off(&g, text, laid), 0));
    free(features);
    golden_close(&g);
}

Test(engine_picture, scales_are_merged_at_the_last_ones_size)
{
    check_merging("last", 2);
}

Test(engine_picture, scales_are_merged_at_a_smaller_ones_size)
{
    check_merging("middle", 1);
}

/* ---- depth ---- */

Test(engine_picture, the_nearest_point_is_the_brightest)
{
    static const float depth[] = {1, 2, 4, 0, -1, NAN, INFINITY};
    static const uint8_t inverse[] = {255, 85, 0, 0, 0, 0, 0},
                         straight[] = {0, 85, 255, 0, 0, 0, 0};
    uint8_t rgb[7 * 3];

    rt_picture_depth(rgb, depth, 7, RT_DEPTH_INVERSE);
    for (int i = 0; i < 7 * 3; i++)
        cr_expect(eq(u8, rgb[i], inverse[i / 3]));
    rt_picture_depth(rgb, depth, 7, RT_DEPTH_LINEAR);
    for (int i = 0; i < 7 * 3; i++)
        cr_expect(eq(u8, rgb[i], straight[i / 3]));
}

Test(engine_picture, a_flat_or_empty_map_is_black)
{
    static const float flat[] = {2, 2, 0}, empty[] = {0, 0, 0};
    uint8_t rgb[9];

    rt_picture_depth(rgb, flat, 3, RT_DEPTH_INVERSE);
    for (int i = 0; i < 9; i++)
        cr_expect(eq(u8, rgb[i], 0));
    rt_picture_depth(rgb, empty, 3, RT_DEPTH_INVERSE);
    for (int i = 0; i < 9; i++)
        cr_expect(eq(u8, rgb[i], 0));
}
