/* Owns the imperfections: depth noise and dropout, image noise, vignette, quantisation. */
#include "world/sensor.h"

#include "world/exact.h"

/* About normal, deviation 1: four 8-bit uniforms of one hash (Irwin-Hall), so that a pixel costs one
 * hash. */
static double noise(int u, int v, uint32_t seed)
{
    uint32_t h = fm_exact_hash(u, v, seed);
    int sum = (int)((h & 255) + (h >> 8 & 255) + (h >> 16 & 255) + (h >> 24)) - 510;

    return sum * (1 / 147.8);
}

/* Does the depth jump between this pixel and a neighbour? There the sensor sees two surfaces. */
static bool on_jump(const fm_frame *frame, int u, int v)
{
    size_t w = (size_t)frame->width, i = (size_t)v * w + (size_t)u;
    double d = frame->depth[i], limit = 0.03 + 0.02 * d;

    return (u > 0 && fabs(frame->depth[i - 1] - d) > limit) ||
           (u + 1 < frame->width && fabs(frame->depth[i + 1] - d) > limit) ||
           (v > 0 && fabs(frame->depth[i - w] - d) > limit) ||
           (v + 1 < frame->height && fabs(frame->depth[i + w] - d) > limit);
}

/* What the sensor says about a pixel, metres; 0: nothing. */
static double measure(const fm_frame *frame, const fm_depth_sensor *sensor, uint32_t seed, int u,
                      int v)
{
    size_t i = (size_t)v * (size_t)frame->width + (size_t)u;
    double d = frame->depth[i];
    /* Stereo and structured light err with the square of the distance. */
    double deviation = sensor->base_m + sensor->growth * d * d;
    double luck = fm_exact_speck(u, v, seed + 1);
    double lost = frame->facing[i] < 0.10 ? 0.5 : on_jump(frame, u, v) ? 0.3 : 0.001;

    return luck < lost || d > sensor->range_m ? 0 : d + deviation * noise(u, v, seed);
}

void fm_sensor_measure(const fm_frame *frame, const fm_depth_sensor *sensor, const uint32_t *seed,
                       float *out)
{
    for (int v = 0; v < frame->height; v++)
        for (int u = 0; u < frame->width; u++) {
            double d = frame->depth[(size_t)v * (size_t)frame->width + (size_t)u];

            d = seed ? measure(frame, sensor, *seed, u, v) : d > sensor->range_m ? 0 : d;
            *out++ = (float)d;
        }
}

void fm_sensor_expose(const fm_frame *frame, uint32_t seed, uint8_t *rgb)
{
    double half_w = frame->width / 2.0, half_h = frame->height / 2.0;

    for (int v = 0; v < frame->height; v++)
        for (int u = 0; u < frame->width; u++, rgb += 3) {
            size_t i = (size_t)v * (size_t)frame->width + (size_t)u;
            double x = (u - half_w) / half_w, y = (v - half_h) / half_h;
            double lens = 1 - 0.07 * (x * x + y * y), grain = 1.3 * noise(u, v, seed + 2);

            for (int k = 0; k < 3; k++)
                rgb[k] =
                    (uint8_t)clamp((double)frame->rgb[i][k] * lens * 255 + grain + 0.5, 0, 255);
        }
}
