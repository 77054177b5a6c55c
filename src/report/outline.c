/*
 * Boundaries are followed along the cracks between pixels, with what is set on the right hand, from
 * every left edge that no earlier walk has passed; each edge is passed once, so the whole is linear in
 * the mask. Then Douglas and Peucker's method thins them out.
 */
#include "report/outline.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Shorter boundaries are noise: a pixel has 4 edges. */
enum { FEWEST_EDGES = 12 };

typedef struct {
    const unsigned char *data;
    int width, height;
    unsigned char *passed; /* [height][width]: the left edge of this pixel */
    double (*points)[2];   /* scratch: [capacity], where the walk went */
    size_t *stack;         /* scratch of thin(): pairs, [2 * capacity + 8] */
    size_t n, capacity;
} walk;

static bool set(const walk *w, int x, int y)
{
    return x >= 0 && y >= 0 && x < w->width && y < w->height &&
           w->data[(size_t)y * (size_t)w->width + (size_t)x] > 0;
}

/* The middle of an edge beside a turn: stairs of pixels become slopes. A walk that turns more often
 * than there is room goes on without being kept. */
static void keep(walk *w, double x, double y)
{
    const double *last = w->n > 0 && w->n <= w->capacity ? w->points[w->n - 1] : NULL;

    x -= 0.5;
    y -= 0.5;
    if (last && last[0] == x && last[1] == y)
        return;
    if (w->n < w->capacity) {
        w->points[w->n][0] = x;
        w->points[w->n][1] = y;
    }
    w->n++;
}

/* From the lower end of the left edge of the pixel (x0, y0) around and back; returns the edges. */
static size_t follow(walk *w, int x0, int y0)
{
    static const int dx[4] = {0, 1, 0, -1}, dy[4] = {-1, 0, 1, 0}; /* up, right, down, left */
    /* The pixels ahead of a corner, on the left and on the right hand. */
    static const int left[4][2] = {{-1, -1}, {0, -1}, {0, 0}, {-1, 0}};
    static const int right[4][2] = {{0, -1}, {0, 0}, {-1, 0}, {-1, -1}};
    int x = x0, y = y0 + 1, way = 0;
    size_t edges = 0;

    w->n = 0;
    do {
        if (way == 0)
            w->passed[(size_t)(y - 1) * (size_t)w->width + (size_t)x] = 1;
        x += dx[way];
        y += dy[way];
        edges++;
        int before = way;
        if (!set(w, x + right[way][0], y + right[way][1]))
            way = (way + 1) % 4;
        else if (set(w, x + left[way][0], y + left[way][1]))
            way = (way + 3) % 4;
        if (way != before) {
            keep(w, x - dx[before] / 2.0, y - dy[before] / 2.0);
            keep(w, x + dx[way] / 2.0, y + dy[way] / 2.0);
        }
    } while (x != x0 || y != y0 + 1 || way != 0);
    return edges;
}

static double distance(const double p[2], const double a[2], const double b[2])
{
    double dx = b[0] - a[0], dy = b[1] - a[1], length = dx * dx + dy * dy, t = 0;

    if (length > 0)
        t = fmin(1, fmax(0, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length));
    return hypot(p[0] - a[0] - t * dx, p[1] - a[1] - t * dy);
}

/* Marks in `kept` which of the points are needed. The first and the one in the middle always are. */
static void thin(const walk *w, double tolerance, unsigned char *kept)
{
    size_t n = w->n, depth = 0, half = n / 2;
    size_t *stack = w->stack;

    memset(kept, 0, n);
    kept[0] = kept[half] = 1;
    stack[depth++] = 0, stack[depth++] = half;
    stack[depth++] = half, stack[depth++] = n; /* n stands for the first again */
    while (depth > 0) {
        size_t to = stack[--depth], from = stack[--depth], at = from;
        double most = tolerance;

        for (size_t i = from + 1; i < to; i++) {
            double d = distance(w->points[i], w->points[from], w->points[to % n]);

            if (d > most)
                most = d, at = i;
        }
        if (at == from)
            continue;
        kept[at] = 1;
        stack[depth++] = from, stack[depth++] = at;
        stack[depth++] = at, stack[depth++] = to;
    }
}

static bool copy_kept(const walk *w, const unsigned char *kept, fm_arena *arena, fm_outline *out)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n; i++)
        n += kept[i];
    *out = (fm_outline){fm_arena_alloc(arena, n, sizeof(*out->points)), 0};
    for (size_t i = 0; out->points && i < w->n; i++)
        if (kept[i])
            memcpy(out->points[out->n++], w->points[i], sizeof(*out->points));
    return out->points != NULL;
}

fm_status fm_outlines_of(const fm_raster *mask, double tolerance, fm_arena *arena, fm_outline *out,
                         size_t *n, fm_err *err)
{
    enum { MOST_POINTS = 1 << 14 };
    size_t pixels = (size_t)mask->width * (size_t)mask->height;
    walk w = {.data = mask->data, .width = mask->width, .height = mask->height};
    unsigned char *kept = fm_arena_alloc(arena, MOST_POINTS, 1);

    *n = 0;
    w.capacity = MOST_POINTS;
    w.passed = fm_arena_alloc(arena, pixels ? pixels : 1, 1);
    w.points = fm_arena_alloc(arena, w.capacity, sizeof(*w.points));
    w.stack = fm_arena_alloc(arena, 2 * w.capacity + 8, sizeof(*w.stack));
    if (!kept || !w.passed || !w.points || !w.stack)
        return fm_fail(err, FM_E_NOMEM, "out of memory for the outline of a mask");
    memset(w.passed, 0, pixels);
    for (int y = 0; y < w.height; y++) {
        for (int x = 0; x < w.width && *n < FM_OUTLINES_MOST; x++) {
            if (!set(&w, x, y) || set(&w, x - 1, y) ||
                w.passed[(size_t)y * (size_t)w.width + (size_t)x])
                continue;
            if (follow(&w, x, y) < FEWEST_EDGES || w.n > w.capacity)
                continue;
            thin(&w, tolerance, kept);
            if (!copy_kept(&w, kept, arena, &out[*n]))
                return fm_fail(err, FM_E_NOMEM, "out of memory for the outline of a mask");
            ++*n;
        }
    }
    return FM_OK;
}
