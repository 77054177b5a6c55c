/* Three doubles, and what is done with them. Only + - * / and sqrt: see exact.h. */
#ifndef FM_WORLD_VECTOR_H
#define FM_WORLD_VECTOR_H

#include <math.h>

typedef struct {
    double x, y, z;
} fm_v3;

static inline fm_v3 v3(double x, double y, double z)
{
    return (fm_v3){x, y, z};
}

static inline fm_v3 v3_add(fm_v3 a, fm_v3 b)
{
    return v3(a.x + b.x, a.y + b.y, a.z + b.z);
}

static inline fm_v3 v3_sub(fm_v3 a, fm_v3 b)
{
    return v3(a.x - b.x, a.y - b.y, a.z - b.z);
}

static inline fm_v3 v3_mul(fm_v3 a, fm_v3 b)
{
    return v3(a.x * b.x, a.y * b.y, a.z * b.z);
}

static inline fm_v3 v3_scale(fm_v3 a, double k)
{
    return v3(a.x * k, a.y * k, a.z * k);
}

/* a + k b */
static inline fm_v3 v3_along(fm_v3 a, double k, fm_v3 b)
{
    return v3(a.x + k * b.x, a.y + k * b.y, a.z + k * b.z);
}

static inline fm_v3 v3_mix(fm_v3 a, fm_v3 b, double t)
{
    return v3_along(a, t, v3_sub(b, a));
}

static inline double v3_dot(fm_v3 a, fm_v3 b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline fm_v3 v3_cross(fm_v3 a, fm_v3 b)
{
    return v3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}

static inline double v3_length(fm_v3 a)
{
    return sqrt(v3_dot(a, a));
}

static inline fm_v3 v3_unit(fm_v3 a)
{
    return v3_scale(a, 1 / v3_length(a));
}

static inline double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

#endif
