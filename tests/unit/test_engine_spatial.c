/* What stands before and after the spatial encoder: the resolution rule, geometry as fields over the
 * pixels, poses, pictures that cannot be used, and the scale that a decoder reads. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "engine/scale.h"
#include "engine/spatial_view.h"
#include "support/safetensors.h"
#include "support/scratch.h"

TestSuite(spatial, .init = scratch_make, .fini = scratch_remove);

/* ---- the resolution rule ---- */

Test(spatial, the_nearest_aspect_ratio_decides_the_size)
{
    static const struct {
        int width, height, got[2];
    } rows[] = {
        {640, 640, {518, 518}},   {640, 480, {518, 392}},   {480, 640, {392, 518}},
        {3000, 2000, {518, 336}}, {1920, 1080, {518, 294}}, {2000, 1000, {518, 252}},
        {3000, 1000, {518, 168}}, {2000, 3000, {336, 518}}, {1080, 1920, {294, 518}},
        {1000, 2000, {252, 518}}, {1, 50, {252, 518}},      {50, 1, {518, 168}},
        {1, 1, {518, 518}},       {116, 100, {518, 518}},   {117, 100, {518, 392}},
    };

    for (size_t i = 0; i < FM_COUNT_OF(rows); i++) {
        int got[2] = {0};

        rt_view_size(518, 14, rows[i].width, rows[i].height, &got[0], &got[1]);
        cr_expect(got[0] == rows[i].got[0] && got[1] == rows[i].got[1], "%d x %d becomes %d x %d",
                  rows[i].width, rows[i].height, got[0], got[1]);
    }
}

Test(spatial, a_smaller_side_has_the_same_fractions_in_whole_patches)
{
    int width, height;

    rt_view_size(70, 14, 640, 480, &width, &height);
    cr_expect(width == 70 && height == 56);
    rt_view_size(16, 8, 500, 100, &width, &height);
    cr_expect(width == 16 && height == 8);
    rt_view_size(8, 8, 100, 500, &width, &height);
    cr_expect(width == 8 && height == 8);
}

/* ---- a view ---- */

enum { WIDTH = 12, HEIGHT = 8 };

static uint8_t gray[WIDTH * HEIGHT * 3];

static rt_picture picture_of(const float *depth)
{
    memset(gray, 128, sizeof(gray));
    return (rt_picture){.rgb = gray,
                        .width = WIDTH,
                        .height = HEIGHT,
                        .depth_m = depth,
                        .has_intrinsics = true,
                        .fx = 10,
                        .fy = 20,
                        .cx = 6,
                        .cy = 2};
}

static rt_view view_of(const rt_picture *p, int width, int height, fm_arena *arena)
{
    rt_view view;
    fm_err err = {0};

    if (rt_view_make(&view, p, width, height, arena, &err) != FM_OK)
        cr_fatal("%s", err.text);
    return view;
}

Test(spatial, a_view_of_the_same_size_has_the_pictures_own_rays)
{
    rt_picture p = picture_of(NULL);
    fm_arena arena = {0};
    rt_view v = view_of(&p, WIDTH, HEIGHT, &arena);
    const float *ahead = v.rays + (2 * WIDTH + 6) * 3, *aside = v.rays + (7 * WIDTH + 11) * 3;
    double length = sqrt(0.25 + 0.0625 + 1);

    cr_expect(ahead[0] == 0 && ahead[1] == 0 && ahead[2] == 1);
    cr_expect(fabs(aside[0] - 0.5 / length) < 1e-6 && fabs(aside[1] - 0.25 / length) < 1e-6 &&
              fabs(aside[2] - 1 / length) < 1e-6);
    cr_expect(fabs(v.pixels[0] - (128 / 255.0 - 0.485) / 0.229) < 1e-6);
    cr_expect(eq(ptr, v.depth, NULL));
    fm_arena_release(&arena);
}

/* Twice as large, then two columns cut off on either side: the point that was in the middle of
 * pixel 6 lies between the pixels 12 and 13 of 24, 10 and 11 of 20. */
Test(spatial, intrinsics_go_along_with_resizing_and_cutting)
{
    rt_picture p = picture_of(NULL);
    fm_arena arena = {0};
    rt_view v = view_of(&p, 20, 16, &arena);
    const float *left = v.rays + (4 * 20 + 10) * 3, *right = left + 3;

    cr_expect(fabs(left[0] + right[0]) < 1e-6 && fabs(left[0] / left[2] + 0.5 / 20) < 1e-6);
    cr_expect(fabs(left[1] / left[2] + 0.5 / 40) < 1e-6, "%g", left[1] / left[2]);
    fm_arena_release(&arena);
}

Test(spatial, unknown_depth_is_masked_and_left_out_of_the_mean)
{
    float depth[WIDTH * HEIGHT];
    const float unknown[] = {0, -1, NAN, INFINITY, -INFINITY, 1e30F};
    const size_t centre = 2 * WIDTH + 6;

    for (size_t i = 0; i < FM_COUNT_OF(depth); i++)
        depth[i] = unknown[i % FM_COUNT_OF(unknown)];
    depth[centre] = 2;
    depth[centre + 5] = 3;
    rt_picture p = picture_of(depth);
    fm_arena arena = {0};
    rt_view v = view_of(&p, WIDTH, HEIGHT, &arena);
    double mean = (2 + 3 * sqrt(1.25)) / 2;

    cr_expect(fabs(v.depth_mean - mean) < 1e-6);
    cr_expect(fabs(v.depth[centre] - log1p(2 / mean)) < 1e-6);
    cr_expect(fabs(v.depth[centre + 5] - log1p(3 * sqrt(1.25) / mean)) < 1e-6);
    for (size_t i = 0; i < FM_COUNT_OF(depth); i++)
        cr_expect(i == centre || i == centre + 5 || v.depth[i] == 0);
    fm_arena_release(&arena);
}

Test(spatial, depth_without_a_known_pixel_or_without_intrinsics_is_none)
{
    float depth[WIDTH * HEIGHT] = {0};
    rt_picture p = picture_of(depth);
    fm_arena arena = {0};
    rt_view v = view_of(&p, WIDTH, HEIGHT, &arena);

    cr_expect(v.rays != NULL && v.depth == NULL);
    depth[5] = 1;
    p.has_intrinsics = false;
    v = view_of(&p, WIDTH, HEIGHT, &arena);
    cr_expect(v.rays == NULL && v.depth == NULL);
    fm_arena_release(&arena);
}

/* ---- poses ---- */

/* Both turned a quarter around y, the second two metres further along the world's x, which the first
 * sees behind it or in front. */
Test(spatial, poses_are_seen_from_the_first_picture)
{
    const double half = sqrt(0.5);
    rt_picture p[3] = {0};
    rt_view_pose poses[3];

    for (int i = 0; i < 3; i++) {
        p[i].has_pose = i < 2;
        p[i].rotation[1] = i == 0 ? half : -half; /* the same rotation, its sign turned */
        p[i].rotation[3] = i == 0 ? half : -half;
        p[i].translation[0] = 1 + 2 * i;
    }
    double scale = rt_view_poses(poses, p, 3);

    cr_expect(fabs(scale - 2) < 1e-9);
    cr_expect(poses[0].known && poses[1].known && !poses[2].known);
    for (int i = 0; i < 2; i++)
        cr_expect(fabs(poses[i].rotation[3] - 1) < 1e-6 && fabs(poses[i].rotation[1]) < 1e-6);
    /* The camera's z points along the world's x. */
    cr_expect(fabs(poses[1].translation[2] - 1) < 1e-6 && fabs(poses[1].translation[0]) < 1e-6);
    cr_expect(poses[0].translation[2] == 0);

    p[0].has_pose = false;
    cr_expect(rt_view_poses(poses, p, 3) <= 1e-8);
    cr_expect(poses[0].known == false && poses[1].known == false);
}

/* ---- pictures that cannot be used ---- */

static void expect_refused(const rt_picture *p, const char *text)
{
    fm_err err = {0};

    cr_expect(eq(int, rt_view_check(p, &err), FM_E_USAGE), "%s", text);
    cr_expect(eq(str, err.text, (char *)text));
}

Test(spatial, pictures_that_cannot_be_used_say_why)
{
    rt_picture good = picture_of(NULL), p;

    good.has_pose = true;
    good.rotation[3] = 1;
    cr_expect(eq(int, rt_view_check(&good, NULL), FM_OK));

    p = good, p.width = 0;
    expect_refused(&p, "a picture of 0 x 8 has no pixels");
    p = good, p.height = -3;
    expect_refused(&p, "a picture of 12 x -3 has no pixels");
    p = good, p.rgb = NULL;
    expect_refused(&p, "a picture of 12 x 8 has no pixels");
    p = good, p.width = 2000000000, p.height = 3;
    expect_refused(&p, "a picture of 2000000000 x 3 is too narrow: one side may be 50 times the "
                       "other");
    p = good, p.fx = 0;
    expect_refused(&p, "focal lengths of 0 and 20 pixels are not a camera's");
    p = good, p.fy = -20;
    expect_refused(&p, "focal lengths of 10 and -20 pixels are not a camera's");
    p = good, p.fx = (double)NAN;
    expect_refused(&p, "focal lengths of nan and 20 pixels are not a camera's");
    p = good, p.cy = (double)INFINITY;
    expect_refused(&p, "a principal point at (6, inf) is not a camera's");
    p = good, p.rotation[3] = 0;
    expect_refused(&p, "a rotation of length 0 is not a unit quaternion");
    p = good, p.translation[1] = (double)INFINITY;
    expect_refused(&p, "a translation of inf metres is not a pose's");
}

/* ---- the scale ---- */

enum { LLM = 3, PROJECTED = 2 };

static double scale_of(const float *state, const float *last_bias)
{
    static const float projector[] = {1, 0, 0, 0, 1, -1}, one[] = {1, 0, 0, 1}, sum[] = {1, 1},
                       none[] = {0, 0};
    const given_tensor given[] = {
        {"scale_projector.weight", {PROJECTED, LLM}, 2, projector},
        {"scale_projector.bias", {PROJECTED}, 1, none},
        {"scale_head.proj.weight", {2, PROJECTED}, 2, one},
        {"scale_head.proj.bias", {2}, 1, none},
        {"scale_head.mlp.0.0.weight", {2, 2}, 2, one},
        {"scale_head.mlp.0.0.bias", {2}, 1, none},
        {"scale_head.output_proj.weight", {1, 2}, 2, sum},
        {"scale_head.output_proj.bias", {1}, 1, last_bias},
    };
    const rt_scale_config config = {.projected = PROJECTED, .hidden = 2, .layers = 1};
    rt_weights *weights = NULL;
    rt_pool *pool = NULL;
    rt_packer *packer = NULL;
    rt_scale_decoder *decoder = NULL;
    fm_err err = {0};

    write_safetensors(scratch_path("model.safetensors"), given, FM_COUNT_OF(given));
    if (rt_weights_open(&weights, scratch_dir, &err) != FM_OK ||
        rt_pool_new(&pool, 2, &err) != FM_OK ||
        rt_packer_new(&packer, RT_PACK_F32, pool, &err) != FM_OK ||
        rt_scale_decoder_load(&decoder, &config, LLM, packer, weights, &err) != FM_OK)
        cr_fatal("%s", err.text);
    rt_compute compute = {&rt_kernels_generic, pool, false};
    double scale = rt_scale_decoder_run(decoder, &compute, state);
    rt_scale_decoder_free(decoder);
    rt_packer_free(packer);
    rt_pool_free(pool);
    rt_weights_close(weights);
    return scale;
}

/* (0.5, 2 - 3) is projected; -1 does not pass the ReLU; the logarithm is 0.5 and the bias. */
Test(spatial, a_scale_is_the_exponential_of_what_the_head_gives)
{
    static const float state[] = {0.5F, 2, 3}, bias = 0.25F;

    cr_expect(fabs(scale_of(state, &bias) - exp(0.75)) < 1e-6);
}

Test(spatial, a_scale_is_over_0_and_finite_whatever_the_state)
{
    static const float low[] = {0, 0, 0}, high[] = {400, 400, -400}, down = -200, none = 0;
    static const float broken[] = {3e38F, 3e38F, -3e38F};

    cr_expect(scale_of(low, &down) == 1e-8);
    cr_expect(isfinite(scale_of(high, &none)) && scale_of(high, &none) > 1e300);
    cr_expect(scale_of(broken, &none) >= 1e-8 && isfinite(scale_of(broken, &none)));
}
