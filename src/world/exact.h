/**
 * Functions whose results are the same to the last bit on every machine.
 *
 * The suite's pixels are data, so nothing here or in the rest of src/world may ask libm for more
 * than sqrt and fabs, which IEEE 754 leaves no freedom: sin, exp and pow differ between C
 * libraries in their last bits, and one such bit can flip a comparison in the layout of a scene.
 */
#ifndef FM_WORLD_EXACT_H
#define FM_WORLD_EXACT_H

#include <stdint.h>

/* The largest integer not above x, for |x| < 2^31: without SSE4.1 floor() is a call. */
static inline int32_t fm_exact_floor(double x)
{
    int32_t i = (int32_t)x;

    return i - (x < i);
}

#define FM_PI 3.14159265358979323846

/* Within 1e-12 of libm for |angle| <= 1000 radians. */
void fm_exact_sincos(double angle, double *sine, double *cosine);

/* A well mixed 32-bit hash of three integers: the source of every texture. */
static inline uint32_t fm_exact_hash(int32_t x, int32_t y, uint32_t seed)
{
    uint32_t h = seed ^ ((uint32_t)x * 0x9e3779b1u) ^ ((uint32_t)y * 0x85ebca77u);

    h = (h ^ (h >> 15)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12)) * 0x297a2d39u;
    return h ^ (h >> 15);
}

/* The same as a number in [0, 1). */
static inline double fm_exact_speck(int32_t x, int32_t y, uint32_t seed)
{
    return fm_exact_hash(x, y, seed) * 0x1p-32;
}

/* Smooth noise in [0, 1) with one feature a unit. */
double fm_exact_noise(double x, double y, uint32_t seed);

#endif
