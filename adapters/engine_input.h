/**
 * What librobotracer is given, from files and words: pictures with their depth, kinds of weights, and its
 * errors in ours. For the adapter `engine` and for `fathom ask`.
 */
#ifndef FM_ADAPTERS_ENGINE_INPUT_H
#define FM_ADAPTERS_ENGINE_INPUT_H

#include "base/files.h"
#include "fathom/camera.h"
#include "fathom/raster.h"
#include "robotracer.h"

#define FM_ENGINE_MOST_PICTURES 16

/* Pictures and the memory that they borrow. Start it as {0}. */
typedef struct {
    rt_picture pictures[FM_ENGINE_MOST_PICTURES];
    size_t n;
    fm_raster rgb[FM_ENGINE_MOST_PICTURES];
    float *depth_m;
} fm_engine_view;
void fm_engine_view_release(fm_engine_view *view);

/* One more picture. FM_E_USAGE past the last that there is room for; else what the file's reader says. */
FM_MUST_CHECK fm_status fm_engine_view_add(fm_engine_view *view, const char *path, fm_err *err);
/* All pictures so far, of the same sizes: what is answered then is answered without seeing. */
void fm_engine_view_blacken(fm_engine_view *view);
/* The depth map of the first picture, 16-bit PNG in millimetres. In one of another size the pixel at
 * the same place is taken; one of another shape (by over 4 %) is FM_E_INPUT. */
FM_MUST_CHECK fm_status fm_engine_view_depth(fm_engine_view *view, const char *path, fm_err *err);
/* The camera of the first picture; one that is not valid is none. */
void fm_engine_view_camera(fm_engine_view *view, const fm_camera *camera);

/* "as_stored", "f32", "bf16", "q8", "q4" */
bool fm_engine_weights(const char *word, rt_weight_kind *out);

/* A status of the engine as ours. */
fm_status fm_engine_status(rt_status status, const rt_err *from, fm_err *err);

#endif
