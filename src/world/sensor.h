/* What a depth camera makes of a frame. */
#ifndef FM_WORLD_SENSOR_H
#define FM_WORLD_SENSOR_H

#include "world/render.h"

/* depth: 16 bits, millimetres; mask: 255 where the thing is seen; image: 8-bit RGB with a trace of
 * noise. All three have the frame's size. */
FM_MUST_CHECK fm_status fm_sensor_depth(const fm_frame *frame, uint32_t seed, fm_raster *out,
                                        fm_err *err);
FM_MUST_CHECK fm_status fm_sensor_mask(const fm_frame *frame, const fm_scene *scene, int thing,
                                       fm_raster *out, fm_err *err);
FM_MUST_CHECK fm_status fm_sensor_image(const fm_frame *frame, uint32_t seed, fm_raster *out,
                                        fm_err *err);

#endif
