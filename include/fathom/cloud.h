/**
 * Point clouds: from a masked depth map to the cleaned cloud of one object.
 *
 * The steps and their order are the upstream TraceSpatial scorer's, with Open3D 0.16.1's semantics
 * (docs/metrics.md has the list). Points are metres in the camera frame. A cloud belongs to one
 * thread; distinct clouds are independent.
 */
#ifndef FATHOM_CLOUD_H
#define FATHOM_CLOUD_H

#include "fathom/camera.h"
#include "fathom/raster.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    double (*points)[3];
    size_t n, capacity;
} fm_cloud;

/* Working memory of the functions below, kept between calls so that a worker allocates once. */
typedef struct fm_cloud_scratch fm_cloud_scratch;
FM_API fm_cloud_scratch *fm_cloud_scratch_new(void); /* NULL: out of memory */
FM_API void fm_cloud_scratch_free(fm_cloud_scratch *scratch);

FM_API void fm_cloud_release(fm_cloud *cloud);

/* Every pixel with mask > 0 and 0 < depth < 15000 mm, back-projected at integer pixel coordinates,
 * in row-major order. depth: 16 bits, 1 channel; mask: 8 bits, 1 channel, resized by nearest
 * neighbour where its size differs. */
FM_API FM_MUST_CHECK fm_status fm_cloud_from_depth(fm_cloud *out, const fm_raster *depth,
                                                   const fm_raster *mask, const fm_camera *camera,
                                                   fm_err *err);

/* Keep the points whose mean distance to their `neighbours` nearest points (self included) is
 * positive and under mean + ratio * (Bessel-corrected) std of those means. In place. */
FM_API FM_MUST_CHECK fm_status fm_cloud_remove_outliers(fm_cloud *cloud, int neighbours,
                                                        double ratio, fm_cloud_scratch *scratch,
                                                        fm_err *err);

/* One point, the mean of its members, for every voxel of the given size; the grid starts at min -
 * voxel / 2. In place. */
FM_API FM_MUST_CHECK fm_status fm_cloud_voxel_downsample(fm_cloud *cloud, double voxel_m,
                                                         fm_cloud_scratch *scratch, fm_err *err);

/* DBSCAN labels, -1 for noise; labels [n]. Returns through *clusters how many there are. */
FM_API FM_MUST_CHECK fm_status fm_cloud_dbscan(const fm_cloud *cloud, double eps_m, int min_points,
                                               int *labels, int *clusters,
                                               fm_cloud_scratch *scratch, fm_err *err);

/* The whole chain: the processed object cloud of the scorer. An object without depth gives n = 0
 * and FM_OK. */
FM_API FM_MUST_CHECK fm_status fm_cloud_object(fm_cloud *out, const fm_raster *depth,
                                               const fm_raster *mask, const fm_camera *camera,
                                               fm_cloud_scratch *scratch, fm_err *err);

/* Distance from a point to the nearest point of the cloud; NaN for an empty cloud. */
FM_API double fm_cloud_distance(const fm_cloud *cloud, const double point[3]);

#ifdef __cplusplus
}
#endif
#endif
