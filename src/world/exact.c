/* Owns arithmetic that every compiler must get alike. Knows no scene. */
#include "world/exact.h"

void fm_exact_sincos(double angle, double *sine, double *cosine)
{
    /* pi/2 in two parts, the first short enough that a small multiple of it is exact. */
    const double high = 0x1.921fb544p+0, low = 0x1.0b4611a626331p-34;
    int32_t turns = fm_exact_floor(angle * (2 / FM_PI) + 0.5);
    double r = (angle - turns * high) - turns * low, x = r * r;
    /* Taylor's series: at pi/4 the first term left out is below 1e-17. */
    double s = 0, c = 0;

    for (int n = 17; n >= 3; n -= 2)
        s = (s + 1) * -x / (double)(n * (n - 1));
    for (int n = 18; n >= 2; n -= 2)
        c = (c + 1) * -x / (double)(n * (n - 1));
    s = (s + 1) * r;
    c = c + 1;
    switch (turns & 3) {
    case 0:
        *sine = s, *cosine = c;
        break;
    case 1:
        *sine = c, *cosine = -s;
        break;
    case 2:
        *sine = -s, *cosine = -c;
        break;
    default:
        *sine = -c, *cosine = s;
    }
}

double fm_exact_noise(double x, double y, uint32_t seed)
{
    int32_t i = fm_exact_floor(x), j = fm_exact_floor(y);
    double u = x - i, v = y - j;
    double a = fm_exact_speck(i, j, seed), b = fm_exact_speck(i + 1, j, seed);
    double c = fm_exact_speck(i, j + 1, seed), d = fm_exact_speck(i + 1, j + 1, seed);

    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    a += (b - a) * u;
    c += (d - c) * u;
    return a + (c - a) * v;
}
