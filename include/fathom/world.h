/**
 * The generator of the bundled suite `tabletop`: synthetic tabletop scenes with exact geometry, a
 * task in words and its true answer.
 *
 * Item i of a seed is a pure function of (seed, i, width, height): the same pixels and the same
 * numbers on every machine, compiler and optimisation level, whatever `count` and `jobs` are.
 * Scenes are rendered by our own ray caster; the arithmetic is confined to + - * / and sqrt, which
 * IEEE 754 rounds in one way only. Thread-safe: there is no global state. Scenes with questions, in memory
 * or as files, are in world_scene.h.
 */
#ifndef FATHOM_WORLD_H
#define FATHOM_WORLD_H

#include <stdint.h>

#include "fathom/box.h"
#include "fathom/raster.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever a pixel or a number of any item changes: it names the data that a score is over.
 */
#define FM_WORLD_VERSION 2

#define FM_WORLD_DEFAULT_SEED   1
#define FM_WORLD_DEFAULT_COUNT  32
#define FM_WORLD_DEFAULT_WIDTH  480
#define FM_WORLD_DEFAULT_HEIGHT 360

#define FM_WORLD_MIN_SIDE  32
#define FM_WORLD_MAX_SIDE  4096
#define FM_WORLD_MAX_COUNT 100000

typedef struct {
    uint64_t seed;
    size_t count;      /* items, 1 .. FM_WORLD_MAX_COUNT */
    int width, height; /* pixels; a quarter of the items swap the two (a camera held upright) */
    int jobs;          /* threads; < 1: one for every available processor */
} fm_world_config;

#define FM_WORLD_TRACE_MAX     12
#define FM_WORLD_TEXT_BYTES    640
#define FM_WORLD_KEY_STEPS_MAX 9

typedef enum { FM_WORLD_SCALE, FM_WORLD_REFERRING, FM_WORLD_MEASURING } fm_world_key_kind;

/* A step that reasoning about the task takes, and its true value. */
typedef struct {
    fm_world_key_kind kind;
    char target[FM_WORLD_TEXT_BYTES]; /* as the instruction names it; the scale's is "Scene" */
    double value[3]; /* REFERRING: x, y in [0, 1] and depth in metres of a visible point;
                        MEASURING: metres (a thing's height, a stated gap); SCALE: mean distance in
                        metres of what the depth map shows */
} fm_world_key_step;

/* One item in memory. Coordinates are metres in the camera frame. Start it as {0}; the rasters'
 * buffers are reused by the next fm_world_item_make() on the same struct. */
typedef struct {
    size_t index;
    fm_raster image; /* 8 bits, RGB */
    fm_raster depth; /* 16 bits, mm, 0: no measurement; with the sensor's noise */
    fm_raster mask;  /* 8 bits, 255 on the visible pixels of the object to be moved, else 0 */
    fm_camera camera;
    char instruction[FM_WORLD_TEXT_BYTES];
    char target[FM_WORLD_TEXT_BYTES];      /* the object, as the instruction names it */
    char destination[FM_WORLD_TEXT_BYTES]; /* the place, likewise */
    const char *category;                  /* "Pick&Place" or "Push&Pull"; static */
    int steps;                             /* of reasoning: referents plus constraints, 2 .. 8 */
    double trace[FM_WORLD_TRACE_MAX][3]; /* collision-free path of a visible point of the object */
    size_t n_trace;                      /* 4 .. FM_WORLD_TRACE_MAX */
    fm_box box;                          /* the destination; holds the last point of the trace */
    fm_world_key_step key_steps[FM_WORLD_KEY_STEPS_MAX]; /* scale, target, landmarks, guard */
    size_t n_key_steps;
    double max_depth_m; /* the farthest that the depth map shows */
} fm_world_item;

FM_API fm_world_config fm_world_default_config(void);

/* Make item `index` (any index: `count` and `jobs` do not matter). FM_E_USAGE for a size out of
 * bounds. */
FM_API FM_MUST_CHECK fm_status fm_world_item_make(const fm_world_config *config, size_t index,
                                                  fm_world_item *out, fm_err *err);
FM_API void fm_world_item_release(fm_world_item *item); /* accepts NULL and {0} */

/**
 * Write `count` items in the layout of TraceSpatial-Bench: dir/trajectory_dataset.json and
 * dir/raw_data/<id>/{image,gt_depth,mask}.png, ids from 0.
 *
 * Everything is written to a folder beside `dir` which is renamed when complete, so that `dir` is
 * whole or absent. A folder that this function made from the same seed, count and size by the same
 * version is left as it is; any other folder that is not empty is refused with FM_E_USAGE.
 */
FM_API FM_MUST_CHECK fm_status fm_world_generate(const fm_world_config *config, const char *dir,
                                                 fm_err *err);

#ifdef __cplusplus
}
#endif
#endif
