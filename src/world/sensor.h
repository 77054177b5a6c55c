/* What a depth camera makes of a frame. */
#ifndef FM_WORLD_SENSOR_H
#define FM_WORLD_SENSOR_H

#include "world/render.h"

/* Depth in metres, exact but for its range where seed is NULL; RGB, 8 bits, with a trace of noise. out:
 * [height][width], rgb: [height][width][3]. */
void fm_sensor_measure(const fm_frame *frame, const fm_depth_sensor *sensor, const uint32_t *seed,
                       float *out);
void fm_sensor_expose(const fm_frame *frame, uint32_t seed, uint8_t *rgb);

#endif
