/* What a depth camera makes of a frame. */
#ifndef FM_WORLD_SENSOR_H
#define FM_WORLD_SENSOR_H

#include "world/render.h"

/* depth: 16 bits, millimetres; mask: 255 where the thing is seen; image: 8-bit RGB with a trace of
 * noise. All three have the frame's size. */
FM_MUST_CHECK fm_status fm_sensor_depth(const fm_frame *frame, const fm_depth_sensor *sensor,
                                        uint32_t seed, fm_raster *out, fm_err *err);
FM_MUST_CHECK fm_status fm_sensor_mask(const fm_frame *frame, const fm_scene *scene, int thing,
                                       fm_raster *out, fm_err *err);
FM_MUST_CHECK fm_status fm_sensor_image(const fm_frame *frame, uint32_t seed, fm_raster *out,
                                        fm_err *err);

/* The same in memory: depth in metres, exact but for its range where seed is NULL; RGB, 8 bits. out:
 * [height][width], rgb: [height][width][3]. */
void fm_sensor_measure(const fm_frame *frame, const fm_depth_sensor *sensor, const uint32_t *seed,
                       float *out);
void fm_sensor_expose(const fm_frame *frame, uint32_t seed, uint8_t *rgb);

#endif
