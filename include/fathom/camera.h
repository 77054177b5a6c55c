/**
 * Pinhole camera: pixels to metres and back.
 *
 * Camera frame: x right, y down, z forward, metres. Pixel (u, v) has its centre at integer
 * coordinates; no half-pixel offset is added anywhere, which is what the upstream TraceSpatial
 * scorer does. Pure functions, thread-safe.
 */
#ifndef FATHOM_CAMERA_H
#define FATHOM_CAMERA_H

#include <stdbool.h>

#include "fathom/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    double fx, fy, cx, cy; /* pixels */
} fm_camera;

/* True where all four numbers are finite and both focal lengths are positive. */
FM_API bool fm_camera_valid(const fm_camera *camera);

/* u = x fx / max(z, 1e-6) + cx, v likewise: a point at or behind the camera goes far outside. */
FM_API void fm_camera_project(const fm_camera *camera, const double xyz[3], double uv[2]);

/* x = (u - cx) z / fx, y = (v - cy) z / fy. The camera must be valid. */
FM_API void fm_camera_back_project(const fm_camera *camera, double u, double v, double z,
                                   double xyz[3]);

#ifdef __cplusplus
}
#endif
#endif
