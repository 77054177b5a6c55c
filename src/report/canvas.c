/* Coverage by distance: a pixel's share is how far its centre lies inside the shape. */
#include "report/canvas.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

fm_status fm_canvas_begin(fm_canvas *canvas, fm_raster *picture, fm_err *err)
{
    size_t pixels;

    if (!fm_size_mul((size_t)picture->width, (size_t)picture->height, &pixels))
        return fm_fail(err, FM_E_NOMEM, "picture too large to draw on");
    if (pixels > canvas->capacity) {
        unsigned char *grown = calloc(pixels, 1);

        if (!grown)
            return fm_fail(err, FM_E_NOMEM, "out of memory for drawing");
        free(canvas->coverage);
        canvas->coverage = grown;
        canvas->capacity = pixels;
    }
    canvas->picture = picture;
    canvas->left = picture->width;
    canvas->top = picture->height;
    canvas->right = canvas->bottom = 0;
    return FM_OK;
}

void fm_canvas_release(fm_canvas *canvas)
{
    if (!canvas)
        return;
    free(canvas->coverage);
    *canvas = (fm_canvas){0};
}

/* The pixels from floor(low) to ceil(high) that are inside the picture. Clamped before it becomes
 * an int: coordinates may be larger than any. */
static void span(double low, double high, int size, int *first, int *end)
{
    low = fmin(fmax(floor(low), 0), size);
    high = fmin(fmax(ceil(high) + 1, low), size);
    *first = (int)low;
    *end = (int)high;
}

static void touch(fm_canvas *c, int x, int y, double inside)
{
    double share = inside + 0.5;

    if (share <= 0)
        return;
    unsigned char value = share >= 1 ? 255 : (unsigned char)(share * 255 + 0.5);
    unsigned char *at = &c->coverage[(size_t)y * (size_t)c->picture->width + (size_t)x];
    if (value > *at)
        *at = value;
}

static void widen(fm_canvas *c, int left, int right, int top, int bottom)
{
    c->left = left < c->left ? left : c->left;
    c->right = right > c->right ? right : c->right;
    c->top = top < c->top ? top : c->top;
    c->bottom = bottom > c->bottom ? bottom : c->bottom;
}

/* Cut a .. b to the picture grown by `margin` (Liang and Barsky); false where nothing is left. */
static bool clip(const fm_canvas *c, double a[2], double b[2], double margin)
{
    double size[2] = {c->picture->width, c->picture->height};
    double t0 = 0, t1 = 1, d[2] = {b[0] - a[0], b[1] - a[1]};

    if (!isfinite(d[0]) || !isfinite(d[1]))
        return false;
    for (int i = 0; i < 2; i++) {
        double low = -margin - a[i], high = size[i] + margin - a[i];

        if (d[i] == 0) {
            if (low > 0 || high < 0)
                return false;
            continue;
        }
        double in = (d[i] > 0 ? low : high) / d[i], out = (d[i] > 0 ? high : low) / d[i];
        t0 = fmax(t0, in);
        t1 = fmin(t1, out);
    }
    if (t0 > t1)
        return false;
    for (int i = 0; i < 2; i++) {
        b[i] = a[i] + t1 * d[i];
        a[i] += t0 * d[i];
    }
    return true;
}

void fm_canvas_segment(fm_canvas *c, const double from[2], const double to[2], double radius)
{
    double a[2] = {from[0], from[1]}, b[2] = {to[0], to[1]}, reach = radius + 1;
    int left, right, top, bottom;

    if (!clip(c, a, b, reach))
        return;
    double dx = b[0] - a[0], dy = b[1] - a[1], length2 = dx * dx + dy * dy;
    span(fmin(a[1], b[1]) - reach, fmax(a[1], b[1]) + reach, c->picture->height, &top, &bottom);
    for (int y = top; y < bottom; y++) {
        /* Only the part of the segment that is within reach of this row decides its pixels. */
        double t0 = 0, t1 = 1;

        if (fabs(dy) > 1e-9) {
            double u = (y - reach - a[1]) / dy, v = (y + reach - a[1]) / dy;

            t0 = fmin(fmax(fmin(u, v), 0), 1);
            t1 = fmin(fmax(fmax(u, v), 0), 1);
        }
        double x0 = a[0] + t0 * dx, x1 = a[0] + t1 * dx;
        span(fmin(x0, x1) - reach, fmax(x0, x1) + reach, c->picture->width, &left, &right);
        for (int x = left; x < right; x++) {
            double px = x - a[0], py = y - a[1];
            double t = length2 > 0 ? fmin(fmax((px * dx + py * dy) / length2, 0), 1) : 0;

            touch(c, x, y, radius - hypot(px - t * dx, py - t * dy));
        }
        if (left < right)
            widen(c, left, right, y, y + 1);
    }
}

void fm_canvas_disc(fm_canvas *c, const double centre[2], double radius)
{
    fm_canvas_segment(c, centre, centre, radius);
}

void fm_canvas_polygon(fm_canvas *c, const double (*p)[2], size_t n, double grow)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY}, area = 0;
    double edges[8][3]; /* unit normal towards the inside, and its offset */
    int left, right, top, bottom;

    for (size_t i = 0; i < n; i++) {
        const double *a = p[i], *b = p[(i + 1) % n];

        area += a[0] * b[1] - a[1] * b[0];
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], a[k]);
            high[k] = fmax(high[k], a[k]);
        }
    }
    if (n > 8 || !isfinite(area) || area == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        const double *a = p[i], *b = p[(i + 1) % n];
        double dx = b[0] - a[0], dy = b[1] - a[1], length = hypot(dx, dy);
        double turn = length > 0 ? (area > 0 ? 1 : -1) / length : 0;

        edges[i][0] = -dy * turn;
        edges[i][1] = dx * turn;
        /* An edge without length bounds nothing. */
        edges[i][2] = length > 0 ? -(edges[i][0] * a[0] + edges[i][1] * a[1]) : INFINITY;
    }
    span(low[0] - grow - 1, high[0] + grow + 1, c->picture->width, &left, &right);
    span(low[1] - grow - 1, high[1] + grow + 1, c->picture->height, &top, &bottom);
    if (left >= right || top >= bottom)
        return;
    for (int y = top; y < bottom; y++) {
        for (int x = left; x < right; x++) {
            double inside = INFINITY;

            for (size_t i = 0; i < n; i++)
                inside = fmin(inside, edges[i][0] * x + edges[i][1] * y + edges[i][2]);
            touch(c, x, y, inside + grow);
        }
    }
    widen(c, left, right, top, bottom);
}

void fm_canvas_paint(fm_canvas *c, unsigned rgb, double alpha)
{
    const int colour[3] = {(int)(rgb >> 16 & 255), (int)(rgb >> 8 & 255), (int)(rgb & 255)};
    int strength = (int)(fmin(fmax(alpha, 0), 1) * 256);
    unsigned char *pixels = c->picture->data;
    size_t width = (size_t)c->picture->width;

    for (int y = c->top; y < c->bottom; y++) {
        unsigned char *coverage = c->coverage + (size_t)y * width;

        for (int x = c->left; x < c->right; x++) {
            unsigned char *at = pixels + ((size_t)y * width + (size_t)x) * 3;
            int share = coverage[x] * strength; /* of 255 * 256 */

            if (share == 0)
                continue;
            for (int k = 0; k < 3; k++)
                at[k] = (unsigned char)(at[k] + (colour[k] - at[k]) * share / (255 * 256));
        }
        memset(coverage + c->left, 0, c->left < c->right ? (size_t)(c->right - c->left) : 0);
    }
    c->left = c->picture->width;
    c->top = c->picture->height;
    c->right = c->bottom = 0;
}
