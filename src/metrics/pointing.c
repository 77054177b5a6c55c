/* Owns hits: what of the predicted points lies where it should. */
#include "fathom/pointing.h"

#include <math.h>

/* ---- masks ---- */

static double worth_of(unsigned char value, fm_mask_worth worth)
{
    switch (worth) {
    case FM_MASK_SHARE:
        return value / 255.0;
    case FM_MASK_ROUNDED:
        return value >= 128; /* 127.5 is none of the values */
    default:
        return value > 0;
    }
}

/* Of the pixel at a column and row, both whole; 0 outside. */
static double worth_at(const fm_raster *mask, double column, double row, fm_mask_worth worth)
{
    if (!(column >= 0 && column < mask->width && row >= 0 && row < mask->height))
        return 0;
    return worth_of(
        ((const unsigned char *)mask->data)[(size_t)row * (size_t)mask->width + (size_t)column],
        worth);
}

static double clamped(double v, double most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

/* How many of the box's columns (or rows) [from, to) come to lie at `at` of 0 .. last. */
static double share(double from, double to, double at, double last, bool clipped)
{
    double n = at >= from && at < to;

    if (clipped && at == 0)
        n += fmax(0, fmin(to, 0) - from);
    if (clipped && at == last)
        n += fmax(0, to - fmax(from, last + 1));
    return n;
}

typedef struct {
    double inside, hits;
} found;

/* Over the pixels of a box: no more steps than it has pixels. */
static found look_in_box(const fm_point *box, const fm_raster *mask, fm_mask_worth worth)
{
    double last_x = mask->width - 1, last_y = mask->height - 1;
    found f = {0, 0};

    if (!box->clipped && (box->x > last_x || box->x1 <= 0 || box->y > last_y || box->y1 <= 0))
        return f;
    for (double y = clamped(box->y, last_y); y <= clamped(box->y1 - 1, last_y); y++) {
        double rows = share(box->y, box->y1, y, last_y, box->clipped);

        for (double x = clamped(box->x, last_x); x <= clamped(box->x1 - 1, last_x); x++) {
            double n = rows * share(box->x, box->x1, x, last_x, box->clipped);
            double value = worth_at(mask, x, y, worth);

            f.inside += n * value;
            f.hits += value > 0 ? n : 0;
        }
    }
    return f;
}

/* The worth of the first of the pixels that a box stands for. */
static double first_of_box(const fm_point *box, const fm_raster *mask, fm_mask_worth worth)
{
    if (!box->clipped)
        return worth_at(mask, box->x, box->y, worth);
    return worth_at(mask, clamped(box->x, mask->width - 1), clamped(box->y, mask->height - 1),
                    worth);
}

fm_hits fm_hits_on_mask(const fm_points *points, const fm_raster *mask, fm_mask_worth worth)
{
    fm_hits hits = {0};
    double count = 0;

    for (size_t i = 0; i < points->n; i++) {
        const fm_point *p = &points->items[i];
        double value = p->is_box ? first_of_box(p, mask, worth)
                                 : worth_at(mask, trunc(p->x), trunc(p->y), worth);
        found f = {value, value > 0};

        if (p->is_box)
            f = look_in_box(p, mask, worth);
        hits.n += p->is_box ? (p->x1 - p->x) * (p->y1 - p->y) : 1;
        hits.inside += f.inside;
        count += f.hits;
        if (i == 0)
            hits.first_hit = value > 0;
    }
    hits.any_hit = count > 0;
    hits.all_hit = count > 0 && count == hits.n;
    return hits;
}

fm_hits fm_hits_in_box(const fm_points *points, const double box[4])
{
    fm_hits hits = {0};

    for (size_t i = 0; i < points->n; i++) {
        const fm_point *p = &points->items[i];
        bool inside =
            !p->is_box && box[0] <= p->x && p->x <= box[2] && box[1] <= p->y && p->y <= box[3];

        hits.n++;
        hits.inside += inside;
        if (i == 0)
            hits.first_hit = inside;
    }
    hits.any_hit = hits.inside > 0;
    hits.all_hit = hits.any_hit && hits.inside == hits.n;
    return hits;
}

double fm_hits_fraction(const fm_hits *hits)
{
    return hits->n > 0 ? hits->inside / hits->n : 0;
}

bool fm_hits_counted(const fm_hits *hits, size_t expected)
{
    return hits->all_hit && hits->n == (double)expected;
}

double fm_point_f1(double matched, double predicted, double truth)
{
    return predicted + truth > 0 ? 2 * matched / (predicted + truth) : 0;
}

/* ---- shapes ---- */

bool fm_point_in_polygon(double x, double y, const double *vertices, size_t n)
{
    bool inside = false;

    for (size_t i = 0, j = n - 1; i < n; j = i++) {
        const double *a = vertices + 2 * i, *b = vertices + 2 * j;

        if ((a[1] > y) != (b[1] > y) && x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0])
            inside = !inside;
    }
    return inside;
}

double fm_box_iou(const double a[4], const double b[4])
{
    double common = 1, area_a = 1, area_b = 1;

    for (int i = 0; i < 2; i++) {
        if (!isfinite(a[i]) || !isfinite(a[i + 2]) || !isfinite(b[i]) || !isfinite(b[i + 2]))
            return NAN;
        double low_a = fmin(a[i], a[i + 2]), high_a = fmax(a[i], a[i + 2]);
        double low_b = fmin(b[i], b[i + 2]), high_b = fmax(b[i], b[i + 2]);

        common *= fmax(0, fmin(high_a, high_b) - fmax(low_a, low_b));
        area_a *= high_a - low_a;
        area_b *= high_b - low_b;
    }
    double all = area_a + area_b - common;
    return all > 0 ? common / all : 0;
}
