/* The layout of TraceSpatial-Bench, a scene at a time. */
#ifndef FM_WORLD_BENCHMARK_H
#define FM_WORLD_BENCHMARK_H

#include "fathom/raster.h"
#include "fathom/world.h"
#include "world/folder.h"

#define FM_BENCHMARK_TABLE "trajectory_dataset.json"

/* Write the pictures of a scene whose first question is a path below `folder`, and the item's record. depth:
 * 16 bits, millimetres; mask: 255 where the thing to be moved shows. */
FM_MUST_CHECK fm_status fm_benchmark_write(const char *folder, const fm_world_scene *scene,
                                           const fm_raster *image, const fm_raster *depth,
                                           const fm_raster *mask, fm_buf *record, fm_err *err);

#endif
