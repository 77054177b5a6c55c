/**
 * The occupied space of one depth frame: TSDF integration, surface extraction, voxel set.
 *
 * Reproduces what the upstream scorer gets from Open3D 0.16.1 (ScalableTSDFVolume,
 * extract_point_cloud, VoxelGrid): voxel 0.02 m, truncation 0.08 m, depth cut at 5 m, blocks of
 * 16^3 voxels opened from every fourth pixel. An fm_obstacles is working memory and result in one;
 * build it again for the next frame. One thread each.
 */
#ifndef FATHOM_OBSTACLES_H
#define FATHOM_OBSTACLES_H

#include "fathom/cloud.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FM_OBSTACLE_VOXEL_M 0.02

typedef struct fm_obstacles fm_obstacles;

/* How a coordinate becomes a voxel index. Upstream casts to int, so that a point up to one voxel
 * below the origin aliases to index 0; the paper's rule is read as floor. */
typedef enum { FM_VOXEL_TRUNCATE, FM_VOXEL_FLOOR } fm_voxel_rounding;

FM_API fm_obstacles *fm_obstacles_new(void); /* NULL: out of memory */
FM_API void fm_obstacles_free(fm_obstacles *obstacles);

/* Pixels with mask == 255 are removed first. depth and mask must have the same size (FM_E_INPUT
 * otherwise). A frame without any surface is FM_OK with fm_obstacles_count() == 0. On failure the
 * previous content is gone. */
FM_API FM_MUST_CHECK fm_status fm_obstacles_build(fm_obstacles *obstacles, const fm_raster *depth,
                                                  const fm_raster *mask, const fm_camera *camera,
                                                  fm_err *err);

/* Number of occupied voxels, and the corner where voxel (0, 0, 0) starts, metres. */
FM_API size_t fm_obstacles_count(const fm_obstacles *obstacles);
FM_API void fm_obstacles_origin(const fm_obstacles *obstacles, double origin[3]);

/* Share of the cloud's points that lie in an occupied voxel after moving by `offset` (metres). The
 * cloud must have points. A NaN offset gives 0 for truncation (upstream's cast) and NaN for floor.
 */
FM_API double fm_obstacles_hit_ratio(const fm_obstacles *obstacles, const fm_cloud *cloud,
                                     const double offset[3], fm_voxel_rounding rounding);

#ifdef __cplusplus
}
#endif
#endif
