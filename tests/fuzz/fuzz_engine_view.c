/* The bytes say sides, intrinsics, a pose and depth, each as any double or float there is: a picture is
 * refused, or all that the spatial encoder is then given is finite. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spatial_view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_SIDE = 64, NUMBERS = 11, HEAD = 8 + NUMBERS * 8 };

/* The number at that place, or one that a camera could have, so that not all are refused at once. */
static double number(const uint8_t *data, int index, double sensible)
{
    double x;

    memcpy(&x, data + 8 + index * 8, sizeof(x));
    return data[7] & 1 << index % 8 ? x : sensible;
}

static rt_picture picture_of(const uint8_t *data, const uint8_t *rgb, const float *depth)
{
    rt_picture p = {.rgb = rgb,
                    .width = data[0] % (MOST_SIDE + 1),
                    .height = data[1] % (MOST_SIDE + 1),
                    .depth_m = data[2] & 1 ? depth : NULL,
                    .has_intrinsics = data[2] & 2,
                    .has_pose = data[2] & 4,
                    .fx = number(data, 0, 40),
                    .fy = number(data, 1, 40),
                    .cx = number(data, 2, 20),
                    .cy = number(data, 3, 15)};

    for (int i = 0; i < 4; i++)
        p.rotation[i] = number(data, 4 + i, 0.5);
    for (int i = 0; i < 3; i++)
        p.translation[i] = number(data, 8 + i, i);
    return p;
}

static void want_finite(const float *values, size_t n)
{
    for (size_t i = 0; values && i < n; i++)
        if (!isfinite(values[i]))
            abort();
}

static void look(const rt_picture pictures[2], int long_side)
{
    fm_arena arena = {.cap_bytes = (size_t)1 << 26};
    rt_view_pose poses[2];
    int width = 0, height = 0;
    rt_view view;

    rt_view_size(long_side, 4, pictures[0].width, pictures[0].height, &width, &height);
    if (width % 4 != 0 || height % 4 != 0 || width < 4 || height < 4 || width > long_side ||
        height > long_side)
        abort();
    double scale = rt_view_poses(poses, pictures, 2);
    if (!isfinite(scale) || scale < 1e-8)
        abort();
    for (int i = 0; i < 2; i++) {
        size_t n = (size_t)width * (size_t)height;

        want_finite(poses[i].rotation, 4);
        want_finite(poses[i].translation, 3);
        if (rt_view_make(&view, &pictures[i], width, height, &arena, NULL) != FM_OK)
            abort();
        want_finite(view.pixels, n * 3);
        want_finite(view.rays, n * 3);
        want_finite(view.depth, n);
        if (view.depth && !(view.depth_mean > 0 && isfinite(view.depth_mean)))
            abort();
    }
    fm_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t rgb[MOST_SIDE * MOST_SIDE * 3];
    static float depth[MOST_SIDE * MOST_SIDE];

    if (size < 2 * HEAD + sizeof(float))
        return 0;
    size_t n = (size - 2 * HEAD) / sizeof(float);
    for (size_t i = 0; i < MOST_SIDE * MOST_SIDE; i++)
        memcpy(&depth[i], data + 2 * HEAD + i % n * sizeof(float), sizeof(float));
    memset(rgb, data[3], sizeof(rgb));
    const rt_picture pictures[] = {picture_of(data, rgb, depth),
                                   picture_of(data + HEAD, rgb, depth)};
    if (rt_view_check(&pictures[0], NULL) == FM_OK && rt_view_check(&pictures[1], NULL) == FM_OK)
        look(pictures, 4 * (1 + data[4] % 12));
    return 0;
}
