/* Owns the pinhole model. Leaves distortion (none of the suites has any) and poses to others. */
#include "fathom/camera.h"

#include <math.h>

/* Points on or behind the camera plane are pushed in front of it, as the upstream scorer does. */
#define MIN_DEPTH_M 1e-6

bool fm_camera_valid(const fm_camera *camera)
{
    return isfinite(camera->fx) && isfinite(camera->fy) && isfinite(camera->cx) &&
           isfinite(camera->cy) && camera->fx > 0 && camera->fy > 0;
}

void fm_camera_project(const fm_camera *camera, const double xyz[3], double uv[2])
{
    /* Written so that a NaN depth stays NaN. */
    double z = xyz[2] < MIN_DEPTH_M ? MIN_DEPTH_M : xyz[2];

    uv[0] = xyz[0] * camera->fx / z + camera->cx;
    uv[1] = xyz[1] * camera->fy / z + camera->cy;
}

void fm_camera_back_project(const fm_camera *camera, double u, double v, double z, double xyz[3])
{
    xyz[0] = (u - camera->cx) * z / camera->fx;
    xyz[1] = (v - camera->cy) * z / camera->fy;
    xyz[2] = z;
}
