/* The layout of TraceSpatial-Bench, an item at a time. */
#ifndef FM_WORLD_DATASET_H
#define FM_WORLD_DATASET_H

#include "fathom/world.h"
#include "world/folder.h"

#define FM_BENCHMARK_TABLE "trajectory_dataset.json"

/* Write the item's pictures below `folder`, and its record. */
FM_MUST_CHECK fm_status fm_benchmark_write(const char *folder, const fm_world_item *item,
                                           fm_buf *record, fm_err *err);

#endif
