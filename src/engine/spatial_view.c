/* Owns the geometry in front of the spatial encoder: the resolution rule, rays, depth along them,
 * poses seen from the first view. */
#include "engine/spatial_view.h"

#include <float.h>
#include <math.h>

#include "engine/picture.h"

/* ---- what can be used ---- */

/* A picture so narrow is none, and bringing it to the patches' size would take gigabytes. */
enum { MOST_ELONGATED = 50 };

/* Bounds within which squares and quotients stay finite; no camera comes near them. */
static const double SHORTEST_FOCAL = 1e-3, FARTHEST = 1e9;

static bool within(double x, double low, double high)
{
    return x >= low && x <= high; /* false for a NaN */
}

static double norm_of(const double *x, int n)
{
    double square = 0;

    for (int i = 0; i < n; i++)
        square += x[i] * x[i];
    return sqrt(square);
}

fm_status rt_view_check(const rt_picture *p, fm_err *err)
{
    if (!p->rgb || p->width < 1 || p->height < 1)
        return fm_fail(err, FM_E_USAGE, "a picture of %d x %d has no pixels", p->width, p->height);
    if (p->width / MOST_ELONGATED > p->height || p->height / MOST_ELONGATED > p->width)
        return fm_fail(err, FM_E_USAGE,
                       "a picture of %d x %d is too narrow: one side may be %d times the other",
                       p->width, p->height, MOST_ELONGATED);
    if (p->has_intrinsics &&
        (!within(p->fx, SHORTEST_FOCAL, FARTHEST) || !within(p->fy, SHORTEST_FOCAL, FARTHEST)))
        return fm_fail(err, FM_E_USAGE, "focal lengths of %g and %g pixels are not a camera's",
                       p->fx, p->fy);
    if (p->has_intrinsics &&
        (!within(p->cx, -FARTHEST, FARTHEST) || !within(p->cy, -FARTHEST, FARTHEST)))
        return fm_fail(err, FM_E_USAGE, "a principal point at (%g, %g) is not a camera's", p->cx,
                       p->cy);
    if (p->has_pose && !within(norm_of(p->rotation, 4), 0.999, 1.001))
        return fm_fail(err, FM_E_USAGE, "a rotation of length %g is not a unit quaternion",
                       norm_of(p->rotation, 4));
    if (p->has_pose && !within(norm_of(p->translation, 3), 0, FARTHEST))
        return fm_fail(err, FM_E_USAGE, "a translation of %g metres is not a pose's",
                       norm_of(p->translation, 3));
    return FM_OK;
}

/* ---- the resolution rule ---- */

/* Short sides over a long side of 37 patches: MapAnything's inference set for 518 pixels. Landscape
 * has all of them, portrait those from the second to the last but one. */
static const int short_sides[] = {37, 28, 24, 21, 18, 12};
enum { LONG_SIDE = 37, SHORT_SIDES = sizeof(short_sides) / sizeof(short_sides[0]) };

/* The short side of that index in patches, for a long side of so many. */
static int short_side(int index, int patches)
{
    int rounded = (2 * patches * short_sides[index] + LONG_SIDE) / (2 * LONG_SIDE);

    return rounded < 1 ? 1 : rounded;
}

void rt_view_size(int long_side, int patch, int picture_width, int picture_height, int *width,
                  int *height)
{
    double wanted = (double)picture_width / picture_height, nearest = INFINITY;
    int patches = long_side / patch;

    for (int i = 0; i < 2 * SHORT_SIDES - 2; i++) {
        bool landscape = i < SHORT_SIDES;
        int shorter = short_side(landscape ? i : i - SHORT_SIDES + 1, patches);
        int w = landscape ? patches : shorter, h = landscape ? shorter : patches;
        double distance = fabs((double)w / h - wanted);

        if (distance < nearest) {
            nearest = distance;
            *width = w * patch;
            *height = h * patch;
        }
    }
}

/* ---- resizing and cutting ---- */

/* How a picture is brought to a view: resized to wide x high, then the view cut from (left, top). */
typedef struct {
    int wide, high, left, top;
} fitting;

static int at_least(int least, double x)
{
    return x < least ? least : (int)x;
}

static fitting fit(const rt_picture *p, int width, int height)
{
    double factor = fmax((double)width / p->width, (double)height / p->height);
    fitting f = {.wide = at_least(width, floor(p->width * factor + 0.5)),
                 .high = at_least(height, floor(p->height * factor + 0.5))};

    f.left = (f.wide - width) / 2;
    f.top = (f.high - height) / 2;
    return f;
}

static fm_status make_pixels(rt_view *v, const rt_picture *p, const fitting *f, fm_arena *arena,
                             fm_err *err)
{
    static const float mean[] = {0.485F, 0.456F, 0.406F}, deviation[] = {0.229F, 0.224F, 0.225F};
    size_t n = (size_t)v->width * (size_t)v->height;

    v->pixels = fm_arena_alloc(arena, n * 3, sizeof(*v->pixels));
    fm_arena_place mark = fm_arena_mark(arena);
    uint8_t *resized = fm_arena_alloc(arena, (size_t)f->wide * (size_t)f->high, 3);
    if (!v->pixels || !resized)
        return fm_fail(err, FM_E_NOMEM, "no memory for a picture of %d x %d", f->wide, f->high);
    fm_status st = rt_picture_resize(resized, f->wide, f->high, p->rgb, p->width, p->height, 3,
                                     RT_FILTER_LANCZOS, arena, err);
    float *out = v->pixels;
    for (int y = 0; y < v->height && st == FM_OK; y++) {
        const uint8_t *from = resized + ((size_t)(y + f->top) * f->wide + f->left) * 3;

        for (int i = 0; i < v->width * 3; i++)
            *out++ = ((float)from[i] / 255 - mean[i % 3]) / deviation[i % 3];
    }
    fm_arena_rewind(arena, mark);
    return st;
}

/* ---- rays and depth ---- */

/* Pixel centres lie at whole numbers, so that half a pixel goes through the scaling on its own. */
static double moved(double centre, double factor, int cut)
{
    return (centre + 0.5) * factor - 0.5 - cut;
}

static fm_status make_rays(rt_view *v, const rt_picture *p, const fitting *f, fm_arena *arena,
                           fm_err *err)
{
    double sx = (double)f->wide / p->width, sy = (double)f->high / p->height;
    double fx = p->fx * sx, fy = p->fy * sy;
    double cx = moved(p->cx, sx, f->left), cy = moved(p->cy, sy, f->top);
    float *out = fm_arena_alloc(arena, (size_t)v->width * (size_t)v->height * 3, sizeof(*out));

    if (!out)
        return fm_fail(err, FM_E_NOMEM, "no memory for a picture of %d x %d", v->width, v->height);
    v->rays = out;
    for (int y = 0; y < v->height; y++)
        for (int x = 0; x < v->width; x++, out += 3) {
            const double ray[] = {(x - cx) / fx, (y - cy) / fy, 1};
            double length = norm_of(ray, 3);

            for (int i = 0; i < 3; i++)
                out[i] = (float)(ray[i] / length);
        }
    return FM_OK;
}

/* The picture's row or column that the view's one is nearest to, as PIL's NEAREST. */
static int nearest_to(int i, int cut, int resized, int source)
{
    int at = (int)((i + cut + 0.5) * source / resized);

    return at < source ? at : source - 1;
}

/* Depth along the rays in metres, 0 where it is not a positive number; returns how many are. */
static size_t gather_depth(const rt_view *v, const rt_picture *p, const fitting *f, float *out,
                           double *sum)
{
    const float *ray = v->rays;
    size_t known = 0;

    *sum = 0;
    for (int y = 0; y < v->height; y++) {
        const float *row =
            p->depth_m + (size_t)nearest_to(y, f->top, f->high, p->height) * (size_t)p->width;

        for (int x = 0; x < v->width; x++, ray += 3, out++) {
            double along = row[nearest_to(x, f->left, f->wide, p->width)] / (double)ray[2];
            bool usable = within(along, FLT_MIN, FARTHEST);

            *out = usable ? (float)along : 0;
            *sum += usable ? along : 0;
            known += usable;
        }
    }
    return known;
}

static fm_status make_depth(rt_view *v, const rt_picture *p, const fitting *f, fm_arena *arena,
                            fm_err *err)
{
    size_t n = (size_t)v->width * (size_t)v->height;
    float *out = fm_arena_alloc(arena, n, sizeof(*out));
    double sum;

    if (!out)
        return fm_fail(err, FM_E_NOMEM, "no memory for a picture of %d x %d", v->width, v->height);
    size_t known = gather_depth(v, p, f, out, &sum);
    if (known == 0)
        return FM_OK;
    v->depth = out;
    v->depth_mean = sum / (double)known;
    for (size_t i = 0; i < n; i++)
        out[i] = (float)log1p(out[i] / v->depth_mean);
    return FM_OK;
}

fm_status rt_view_make(rt_view *out, const rt_picture *picture, int width, int height,
                       fm_arena *arena, fm_err *err)
{
    rt_view v = {.width = width, .height = height};
    fitting f = fit(picture, width, height);
    fm_status st = make_pixels(&v, picture, &f, arena, err);

    if (st == FM_OK && picture->has_intrinsics)
        st = make_rays(&v, picture, &f, arena, err);
    if (st == FM_OK && picture->has_intrinsics && picture->depth_m)
        st = make_depth(&v, picture, &f, arena, err);
    if (st == FM_OK)
        *out = v;
    return st;
}

/* ---- poses ---- */

/* The inverse of unit quaternion a times b; x, y, z, w. */
static void inverse_times(const double a[4], const double b[4], double out[4])
{
    const double x = -a[0], y = -a[1], z = -a[2], w = a[3];

    out[0] = w * b[0] + x * b[3] + y * b[2] - z * b[1];
    out[1] = w * b[1] - x * b[2] + y * b[3] + z * b[0];
    out[2] = w * b[2] + x * b[1] - y * b[0] + z * b[3];
    out[3] = w * b[3] - x * b[0] - y * b[1] - z * b[2];
}

/* v turned back by unit quaternion q: v + 2 w (v x u) + 2 u x (u x v), u the vector part */
static void turn_back(const double q[4], const double v[3], double out[3])
{
    const double *u = q;
    double c[3]; /* v x u */

    for (int i = 0; i < 3; i++)
        c[i] = v[(i + 1) % 3] * u[(i + 2) % 3] - v[(i + 2) % 3] * u[(i + 1) % 3];
    for (int i = 0; i < 3; i++)
        out[i] = v[i] + 2 * (q[3] * c[i] + c[(i + 1) % 3] * u[(i + 2) % 3] -
                             c[(i + 2) % 3] * u[(i + 1) % 3]);
}

static void unit(const double q[4], double out[4])
{
    double length = norm_of(q, 4);

    for (int i = 0; i < 4; i++)
        out[i] = q[i] / length;
}

/* Of two quaternions that mean the same rotation, the one with w over 0. Returns the translation's
 * length in metres. */
static double pose_from(const rt_picture *first, const rt_picture *picture, rt_view_pose *out)
{
    double origin[4], own[4], rotation[4], apart[3], translation[3];

    unit(first->rotation, origin);
    unit(picture->rotation, own);
    inverse_times(origin, own, rotation);
    for (int i = 0; i < 3; i++)
        apart[i] = picture->translation[i] - first->translation[i];
    turn_back(origin, apart, translation);
    for (int i = 0; i < 4; i++)
        out->rotation[i] = (float)(rotation[3] < 0 ? -rotation[i] : rotation[i]);
    for (int i = 0; i < 3; i++)
        out->translation[i] = (float)translation[i];
    out->known = true;
    return norm_of(translation, 3);
}

double rt_view_poses(rt_view_pose *poses, const rt_picture *pictures, size_t n)
{
    double sum = 0;
    size_t moved_views = 0;

    for (size_t i = 0; i < n; i++) {
        double length = 0;

        poses[i] = (rt_view_pose){0};
        if (pictures[0].has_pose && pictures[i].has_pose)
            length = pose_from(&pictures[0], &pictures[i], &poses[i]);
        sum += length;
        moved_views += length > 0;
    }
    double scale = fmax(moved_views ? sum / (double)moved_views : 0, 1e-8);
    for (size_t i = 0; i < n; i++)
        for (int j = 0; j < 3; j++)
            poses[i].translation[j] = (float)(poses[i].translation[j] / scale);
    return scale;
}
