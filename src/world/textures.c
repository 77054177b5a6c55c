/* Owns the look of surfaces: procedural patterns from integer noise. Light is render.c's business.
 */
#include "world/exact.h"
#include "world/solids.h"

/* Where on the surface: two coordinates in metres that run along it without seams that show. */
typedef struct {
    double u, v;
    uint32_t seed; /* differs from face to face */
} spot;

static spot spot_of(const fm_material *m, fm_v3 p, fm_v3 n)
{
    double ax = fabs(n.x), ay = fabs(n.y), az = fabs(n.z);

    if (az >= ax && az >= ay)
        return (spot){p.x, p.y, m->seed};
    if (ax >= ay)
        return (spot){p.y, p.z, m->seed + 101};
    return (spot){p.x, p.z, m->seed + 202};
}

static double fraction(double x)
{
    return x - fm_exact_floor(x);
}

/* 0 below the edge, 1 above it, smooth over `width`. */
static double step(double x, double edge, double width)
{
    double t = clamp((x - edge) / width + 0.5, 0, 1);

    return t * t * (3 - 2 * t);
}

static fm_v3 wood(const fm_material *m, double u, double v, uint32_t seed)
{
    /* Rings cut lengthwise: bands across the grain, bent by slow noise along it. */
    double bend = 1.6 * fm_exact_noise(u / (m->scale * 6), v / (m->scale * 1.2), seed);
    double ring = fraction(v / m->scale * 1.7 + bend * 2.2);
    double band = ring < 0.8 ? ring / 0.8 : (1 - ring) / 0.2;
    double fibre = fm_exact_noise(u * 25, v * 420, seed + 1);

    return v3_scale(v3_mix(m->a, m->b, 0.65 * band * band), 0.88 + 0.24 * fibre);
}

static fm_v3 planks(const fm_material *m, spot at)
{
    int32_t row = fm_exact_floor(at.v / m->scale);
    double across = fraction(at.v / m->scale);
    uint32_t h = fm_exact_hash(row, 3, at.seed);
    double length = m->scale * 9, shifted = at.u / length + (h & 255) / 256.0;
    uint32_t plank = fm_exact_hash(fm_exact_floor(shifted), row, at.seed);
    fm_material board = *m;

    board.scale = m->scale * 0.33;
    fm_v3 c = wood(&board, at.u + (plank & 1023) * 0.01, at.v, plank);
    double end = fraction(shifted) * length;
    double joint = step(across * m->scale, 0.0015, 0.002) * step(end, 0.0015, 0.002);
    return v3_scale(c, (0.80 + 0.35 * (plank >> 16 & 255) / 256.0) * (0.55 + 0.45 * joint));
}

static fm_v3 tiles(const fm_material *m, spot at)
{
    double x = at.u / m->scale, y = at.v / m->scale, fx = fraction(x), fy = fraction(y);
    double tint = fm_exact_speck(fm_exact_floor(x), fm_exact_floor(y), m->seed);
    double joint = 0.006 / m->scale;
    double in = step(fx, joint, joint) * step(fy, joint, joint);
    fm_v3 c = v3_scale(m->a, 0.9 + 0.16 * tint + 0.06 * fm_exact_noise(x * 9, y * 9, m->seed));

    return v3_mix(m->b, c, in);
}

static fm_v3 checks(const fm_material *m, spot at)
{
    double x = fraction(at.u / m->scale), y = fraction(at.v / m->scale);
    double t = 0.5 * ((x < 0.5) + (y < 0.5));
    double weave = 0.93 + 0.1 * fm_exact_noise(at.u * 500, at.v * 500, m->seed);

    return v3_scale(v3_mix(m->b, m->a, t), weave);
}

static fm_v3 dots(const fm_material *m, spot at)
{
    double x = at.u / m->scale, y = at.v / m->scale;
    double dx = fraction(x) - 0.5, dy = fraction(y) - 0.5;

    return v3_mix(m->b, m->a, step(sqrt(dx * dx + dy * dy), 0.27, 0.08));
}

/* A band with a darker emblem around the middle third. */
static fm_v3 label(const fm_material *m, fm_v3 p, fm_v3 n, fm_v3 half)
{
    double h = p.z / half.z, r = fabs(p.x) + fabs(p.y);

    if (fabs(n.z) > 0.7) {
        /* Seen from above (books, boxes): a frame and a title. */
        double x = fabs(p.x) / half.x, y = fabs(p.y) / half.y;
        bool frame = (x > 0.80 && x < 0.86 && y < 0.86) || (y > 0.80 && y < 0.86 && x < 0.86);
        bool title = x < 0.5 && p.y > half.y * 0.18 && p.y < half.y * 0.42;

        return frame || title ? m->b : m->a;
    }
    if (half.z < 0.01)
        return m->a; /* the edge of a book's cover */
    double in = step(h, -0.42, 0.04) * (1 - step(h, 0.46, 0.04));
    double emblem = (1 - step(fabs(h - 0.02), 0.22, 0.04)) *
                    (1 - step(fabs(fraction(r / 0.045 + 0.5) - 0.5), 0.24, 0.1));
    return v3_mix(m->a, v3_mix(m->b, v3_scale(m->a, 0.6), emblem * 0.8), in);
}

static fm_v3 carton(const fm_material *m, fm_v3 p, fm_v3 n, fm_v3 half, spot at)
{
    double tape = fabs(n.z) > 0.7 ? fabs(p.x) : fabs(n.y) > 0.7 ? fabs(p.x) : 1;
    bool taped = tape < 0.028 && (fabs(n.z) > 0.7 || p.z > half.z - 0.06);
    double flute = 0.96 + 0.05 * fm_exact_noise(at.u * 30, at.v * 30, at.seed);
    bool slit = fabs(n.z) > 0.7 && tape < 0.0012;

    return v3_scale(taped ? m->b : m->a, slit ? 0.5 : flute);
}

/* A landscape, of sorts: hills before a sky, in the colours a and b. */
static fm_v3 painting(const fm_material *m, fm_v3 p, fm_v3 half)
{
    double x = p.x / half.x, z = p.z / half.z;
    double far = 0.15 + 0.5 * (fm_exact_noise(x * 1.5 + 7, 0, m->seed) - 0.5);
    double near = -0.35 + 0.6 * (fm_exact_noise(x * 1.1 + 3, 9, m->seed) - 0.5);
    double sun_x = x - 0.35, sun_z = z - 0.55;

    if (fabs(x) > 0.86 || fabs(z) > 0.82)
        return v3(0.74, 0.72, 0.68); /* the mount */
    if (z < near)
        return v3_scale(m->a, 0.55);
    if (z < far)
        return v3_mix(m->a, m->b, 0.45);
    if (sun_x * sun_x * 1.6 + sun_z * sun_z < 0.03)
        return v3(0.85, 0.62, 0.30);
    return v3_mix(m->b, v3(0.75, 0.78, 0.80), 0.35 + 0.4 * (z - far));
}

fm_v3 fm_material_colour(const fm_material *m, fm_v3 p, fm_v3 n, fm_v3 half)
{
    spot at = spot_of(m, p, n);

    switch (m->texture) {
    case FM_TEXTURE_PLAIN:
        break;
    case FM_TEXTURE_GLAZE:
        return v3_scale(m->a,
                        0.95 + 0.1 * fm_exact_noise(at.u / m->scale, at.v / m->scale, at.seed));
    case FM_TEXTURE_WOOD:
        return wood(m, at.u, at.v, at.seed);
    case FM_TEXTURE_PLANKS:
        return planks(m, at);
    case FM_TEXTURE_TILES:
        return tiles(m, at);
    case FM_TEXTURE_CHECKS:
        return checks(m, at);
    case FM_TEXTURE_STRIPES:
        return fraction(p.z / m->scale + 0.25) < 0.5 ? m->a : m->b;
    case FM_TEXTURE_SPECKLE:
        return v3_mix(m->a, m->b,
                      step(fm_exact_noise(at.u / m->scale, at.v / m->scale, at.seed), 0.66, 0.25));
    case FM_TEXTURE_LABEL:
        return label(m, p, n, half);
    case FM_TEXTURE_DOTS:
        return dots(m, at);
    case FM_TEXTURE_PAGES:
        return v3_mix(m->a, m->b, fm_exact_noise(at.u * 20, at.v / m->scale * 2, at.seed));
    case FM_TEXTURE_CARTON:
        return carton(m, p, n, half, at);
    case FM_TEXTURE_PAINTING:
        return painting(m, p, half);
    case FM_TEXTURE_PLASTER:
        return v3_scale(m->a, 0.965 + 0.05 * fm_exact_noise(at.u * 3, at.v * 3, at.seed) +
                                  0.02 * fm_exact_noise(at.u * 90, at.v * 90, at.seed));
    case FM_TEXTURE_LEAVES: {
        double x = at.u / m->scale, y = at.v / m->scale;
        double leaf =
            0.6 * fm_exact_noise(x, y, at.seed) + 0.4 * fm_exact_noise(2 * x, 2 * y, at.seed);

        return v3_scale(v3_mix(m->a, m->b, step(leaf, 0.5, 0.5)), 0.6 + 0.8 * leaf);
    }
    }
    return m->a;
}
