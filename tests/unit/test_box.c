#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "fathom/box.h"

static const fm_box cube = {{0, 0, 2}, {1, 2, 4}, {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};

Test(box, corners_follow_the_bits_of_their_index)
{
    double corners[8][3];

    fm_box_corners(&cube, corners);
    for (int i = 0; i < 8; i++) {
        cr_assert(eq(dbl, corners[i][0], i & 1 ? 0.5 : -0.5));
        cr_assert(eq(dbl, corners[i][1], i & 2 ? 1.0 : -1.0));
        cr_assert(eq(dbl, corners[i][2], i & 4 ? 4.0 : 0.0));
    }
}

Test(box, distance_is_zero_inside_and_euclidean_outside)
{
    cr_assert(eq(dbl, fm_box_distance(&cube, (double[3]){0.4, -0.9, 3}), 0));
    cr_assert(epsilon_eq(dbl, fm_box_distance(&cube, (double[3]){3.5, 0, 2}), 3, 1e-12));
    cr_assert(epsilon_eq(dbl, fm_box_distance(&cube, (double[3]){3.5, 5, 2}), 5, 1e-12));
}

Test(box, distance_follows_the_rotation)
{
    /* A quarter turn about z: the long y axis lies along x. */
    fm_box turned = {{0, 0, 0}, {1, 2, 4}, {{0, -1, 0}, {1, 0, 0}, {0, 0, 1}}};

    cr_assert(epsilon_eq(dbl, fm_box_distance(&turned, (double[3]){1.5, 0, 0}), 0.5, 1e-12));
    cr_assert(epsilon_eq(dbl, fm_box_distance(&turned, (double[3]){0, 1.5, 0}), 1.0, 1e-12));
}

Test(box, uses_the_inverse_not_the_transpose)
{
    fm_box stretched = {{0, 0, 0}, {1, 1, 1}, {{2, 0, 0}, {0, 1, 0}, {0, 0, 1}}};

    cr_assert(eq(dbl, fm_box_distance(&stretched, (double[3]){1, 0, 0}), 0));
}

Test(box, nan_and_singular_rotations_give_nan)
{
    fm_box flat = {{0, 0, 0}, {1, 1, 1}, {{1, 0, 0}, {1, 0, 0}, {0, 0, 1}}};

    cr_assert(isnan(fm_box_distance(&cube, (double[3]){NAN, 0, 0})));
    cr_assert(isnan(fm_box_distance(&flat, (double[3]){0, 0, 0})));
}

Test(box, projection_is_the_rectangle_around_the_corners)
{
    fm_camera camera = {100, 100, 50, 50};
    fm_box box = {{0, 0, 2}, {2, 2, 2}, {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    fm_rect rect;

    fm_box_project(&box, &camera, &rect);
    cr_assert(epsilon_eq(dbl, rect.x0, -50, 1e-9)); /* set by the near face, one metre away */
    cr_assert(epsilon_eq(dbl, rect.y1, 150, 1e-9));
}

Test(rect, bounds_are_inclusive_and_nan_is_outside)
{
    fm_rect rect = {1, 2, 3, 4};

    cr_assert(fm_rect_contains(&rect, 1, 4));
    cr_assert_not(fm_rect_contains(&rect, 0.999, 3));
    cr_assert_not(fm_rect_contains(&rect, NAN, 3));
    cr_assert_not(fm_rect_contains(&(fm_rect){NAN, NAN, NAN, NAN}, 2, 3));
}
