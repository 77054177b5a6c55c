/* Owns the geometry of single solids: intersection and normals. Which solids a ray has to be tried
 * on is render.c's business. */
#include "world/solids.h"

static const double FAR = 1e30;

static double nonzero(double x)
{
    return fabs(x) < 1e-12 ? 1e-12 : x;
}

/* Raise *enter and lower *leave to the part of the ray that is within -half .. half on one axis. */
static inline void clip_to_slab(double from, double along, double half, double *enter,
                                double *leave)
{
    double k = 1 / nonzero(along), middle = -from * k, reach = half * fabs(k);

    *enter = middle - reach > *enter ? middle - reach : *enter;
    *leave = middle + reach < *leave ? middle + reach : *leave;
}

static bool box_hit(const fm_solid *solid, fm_v3 o, fm_v3 d, double least, double *t)
{
    double enter = -FAR, leave = FAR;

    clip_to_slab(o.x, d.x, solid->half.x, &enter, &leave);
    clip_to_slab(o.y, d.y, solid->half.y, &enter, &leave);
    clip_to_slab(o.z, d.z, solid->half.z, &enter, &leave);
    *t = enter;
    return enter < leave && enter > least;
}

static bool sphere_hit(const fm_solid *solid, fm_v3 o, fm_v3 d, double least, double *t)
{
    double a = v3_dot(d, d), b = v3_dot(o, d), c = v3_dot(o, o) - solid->r0 * solid->r0;
    double disc = b * b - a * c;

    if (disc <= 0)
        return false;
    *t = (-b - sqrt(disc)) / a;
    return *t > least;
}

/* Where the ray is inside the frustum r(z) = mid + slope z, z0 < z < z1. The frustum is convex, so
 * that is one interval. */
static bool frustum_span(fm_v3 o, fm_v3 d, double mid, double slope, double z0, double z1,
                         double *enter, double *leave)
{
    double t0 = -FAR, t1 = FAR;

    clip_to_slab(o.z - (z0 + z1) / 2, d.z, (z1 - z0) / 2, &t0, &t1);
    double r = mid + slope * o.z, dr = slope * d.z;
    double a = nonzero(d.x * d.x + d.y * d.y - dr * dr);
    double b = o.x * d.x + o.y * d.y - r * dr, c = o.x * o.x + o.y * o.y - r * r;
    double disc = b * b - a * c;
    if (disc <= 0) {
        if (a > 0)
            return false;
    } else {
        double root = sqrt(disc), low = (-b - root) / a, high = (-b + root) / a;

        if (a > 0) {
            t0 = low > t0 ? low : t0;
            t1 = high < t1 ? high : t1;
        } else if (high > t0) {
            /* Steeper than the cone: inside before the one root and after the other, of which the
             * slab leaves one part (the other belongs to the mirrored cone). Here high < low. */
            t1 = high < t1 ? high : t1;
        } else {
            t0 = low > t0 ? low : t0;
        }
    }
    *enter = t0;
    *leave = t1;
    return t0 < t1;
}

static bool round_hit(const fm_solid *solid, fm_v3 o, fm_v3 d, double least, double *t)
{
    double h = solid->half.z, mid = (solid->r0 + solid->r1) / 2;
    double slope = (solid->r1 - solid->r0) / (2 * h);
    double enter, leave, in, out;

    if (!frustum_span(o, d, mid, slope, -h, h, &enter, &leave))
        return false;
    if (solid->wall <= 0 ||
        !frustum_span(o, d, mid - solid->wall, slope, solid->wall - h, h + 1e-6, &in, &out) ||
        in > leave || out < enter) {
        *t = enter;
        return enter > least;
    }
    if (enter < in && enter > least) {
        *t = enter;
        return true;
    }
    *t = out; /* through the opening or from inside the hollow: onto the inner wall */
    return out < leave && out > least;
}

bool fm_solid_hit(const fm_solid *solid, fm_v3 o, fm_v3 d, double least, double *t)
{
    switch (solid->kind) {
    case FM_SOLID_BOX:
        return box_hit(solid, o, d, least, t);
    case FM_SOLID_ROUND:
        return round_hit(solid, o, d, least, t);
    case FM_SOLID_SPHERE:
        return sphere_hit(solid, o, d, least, t);
    }
    return false;
}

static fm_v3 box_normal(const fm_solid *solid, fm_v3 p)
{
    double x = fabs(p.x) - solid->half.x, y = fabs(p.y) - solid->half.y;
    double z = fabs(p.z) - solid->half.z;

    if (z >= x && z >= y)
        return v3(0, 0, p.z > 0 ? 1 : -1);
    return x >= y ? v3(p.x > 0 ? 1 : -1, 0, 0) : v3(0, p.y > 0 ? 1 : -1, 0);
}

static fm_v3 round_normal(const fm_solid *solid, fm_v3 p)
{
    double h = solid->half.z, slope = (solid->r1 - solid->r0) / (2 * h);
    double outer = (solid->r0 + solid->r1) / 2 + slope * p.z, inner = outer - solid->wall;
    double r = sqrt(p.x * p.x + p.y * p.y) + 1e-12;
    /* The surface to which p belongs is the one that it is nearest to. */
    double side = fabs(r - outer), cap = h - fabs(p.z);
    double wall = solid->wall > 0 ? fabs(r - inner) : FAR;
    double bottom = solid->wall > 0 && r < inner ? fabs(p.z + h - solid->wall) : FAR;

    if (cap < side && cap < wall && cap < bottom)
        return v3(0, 0, p.z > 0 ? 1 : -1);
    if (bottom < side && bottom < wall)
        return v3(0, 0, 1);
    fm_v3 n = v3_unit(v3(p.x / r, p.y / r, -slope));
    return side < wall ? n : v3_scale(n, -1);
}

fm_v3 fm_solid_normal(const fm_solid *solid, fm_v3 p)
{
    switch (solid->kind) {
    case FM_SOLID_BOX:
        return box_normal(solid, p);
    case FM_SOLID_ROUND:
        return round_normal(solid, p);
    case FM_SOLID_SPHERE:
        break;
    }
    return v3_unit(p);
}
