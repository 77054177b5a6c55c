#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "fathom/camera.h"

static const fm_camera camera = {400, 410, 320, 240};

Test(camera, needs_finite_numbers_and_positive_focal_lengths)
{
    cr_assert(fm_camera_valid(&camera));
    cr_assert_not(fm_camera_valid(&(fm_camera){0, 410, 320, 240}));
    cr_assert_not(fm_camera_valid(&(fm_camera){400, -1, 320, 240}));
    cr_assert_not(fm_camera_valid(&(fm_camera){NAN, 410, 320, 240}));
    cr_assert_not(fm_camera_valid(&(fm_camera){400, 410, INFINITY, 240}));
}

Test(camera, projects_the_axis_to_the_principal_point)
{
    double uv[2];

    fm_camera_project(&camera, (double[3]){0, 0, 2}, uv);
    cr_assert(eq(dbl, uv[0], 320));
    cr_assert(eq(dbl, uv[1], 240));
}

Test(camera, back_projection_undoes_projection)
{
    double uv[2], xyz[3], point[3] = {0.3, -0.7, 1.9};

    fm_camera_project(&camera, point, uv);
    fm_camera_back_project(&camera, uv[0], uv[1], 1.9, xyz);
    for (int i = 0; i < 3; i++)
        cr_assert(epsilon_eq(dbl, xyz[i], point[i], 1e-12));
}

Test(camera, points_behind_are_held_a_micrometre_in_front)
{
    double uv[2];

    fm_camera_project(&camera, (double[3]){1e-6, 0, -3}, uv);
    cr_assert(epsilon_eq(dbl, uv[0], 720, 1e-9));
}

Test(camera, nan_depth_stays_nan)
{
    double uv[2];

    fm_camera_project(&camera, (double[3]){1, 1, NAN}, uv);
    cr_assert(isnan(uv[0]) && isnan(uv[1]));
}
