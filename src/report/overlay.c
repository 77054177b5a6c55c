/* What is drawn on a picture, in which order and colour. How pixels are covered is canvas.c. */
#include "report/overlay.h"

#include <math.h>

#include "report/picture.h"
#include "report/shapes.h"

enum { CASING = 0x1B1B1B, WHITE = 0xFFFFFF };

/* From pixels of the image to pixels of the enlarged picture, and the unit of line widths. */
typedef struct {
    fm_canvas *canvas;
    double scale, unit;
} pen;

static void place(const pen *p, const double uv[2], double out[2])
{
    out[0] = (uv[0] + 0.5) * p->scale - 0.5;
    out[1] = (uv[1] + 0.5) * p->scale - 0.5;
}

/* ---- paths ---- */

static bool drawable(const double p[2])
{
    return isfinite(p[0]) && isfinite(p[1]);
}

static void stroke(const pen *p, const double (*path)[2], size_t n, double radius)
{
    for (size_t i = 1; i < n; i++)
        if (drawable(path[i - 1]) && drawable(path[i]))
            fm_canvas_segment(p->canvas, path[i - 1], path[i], radius);
}

static unsigned mix(unsigned a, unsigned b, double share)
{
    unsigned out = 0;

    for (int shift = 0; shift <= 16; shift += 8) {
        double x = a >> shift & 255, y = b >> shift & 255;

        out |= (unsigned)(x + (y - x) * share + 0.5) << shift;
    }
    return out;
}

/* The head of an arrow that ends at the last point; false where no direction can be told. */
static bool arrow(const pen *p, const double (*path)[2], size_t n, double corners[3][2])
{
    size_t last = n;

    while (last > 0 && !drawable(path[last - 1]))
        last--;
    for (size_t i = last; last > 0 && i-- > 0;) {
        double dx = path[last - 1][0] - path[i][0], dy = path[last - 1][1] - path[i][1];
        double length = hypot(dx, dy), size = 6 * p->unit;

        /* Shorter steps than the head would make it point anywhere. */
        if (!(length > size / 2))
            continue;
        dx *= size / length;
        dy *= size / length;
        const double *tip = path[last - 1];
        corners[0][0] = tip[0] + dx;
        corners[0][1] = tip[1] + dy;
        corners[1][0] = tip[0] - dx - dy;
        corners[1][1] = tip[1] - dy + dx;
        corners[2][0] = tip[0] - dx + dy;
        corners[2][1] = tip[1] - dy - dx;
        return true;
    }
    return false;
}

/* A path with a dark casing, so that it stands out from any picture: a ring at its start, an arrow
 * head at its end, and, where `dots`, its way-points, paler at the start. */
static void draw_path(const pen *p, const double (*path)[2], size_t n, unsigned rgb, double radius,
                      bool dots)
{
    double casing = 1.3 * p->unit, head[3][2], dot = 1.9 * radius, ring = 4.6 * p->unit;
    bool has_head = arrow(p, path, n, head);
    size_t first = 0;

    while (first < n && !drawable(path[first]))
        first++;
    if (first == n)
        return;

    stroke(p, path, n, radius + casing);
    for (size_t i = 0; dots && i < n; i++)
        if (drawable(path[i]))
            fm_canvas_disc(p->canvas, path[i], dot + casing * 0.6);
    fm_canvas_disc(p->canvas, path[first], ring + casing);
    if (has_head)
        fm_canvas_polygon(p->canvas, (const double(*)[2])head, 3, casing);
    fm_canvas_paint(p->canvas, CASING, 0.72);

    stroke(p, path, n, radius);
    fm_canvas_disc(p->canvas, path[first], ring);
    if (has_head)
        fm_canvas_polygon(p->canvas, (const double(*)[2])head, 3, 0);
    fm_canvas_paint(p->canvas, rgb, 1);

    for (size_t i = first + 1; dots && i + 1 < n; i++) {
        if (!drawable(path[i]))
            continue;
        fm_canvas_disc(p->canvas, path[i], dot);
        fm_canvas_paint(p->canvas, mix(WHITE, rgb, (double)i / (double)n), 1);
    }
    fm_canvas_disc(p->canvas, path[first], ring - 1.9 * p->unit);
    fm_canvas_paint(p->canvas, WHITE, 1);
}

/* Points that are no path: discs with a dark casing. */
static void draw_points(const pen *p, const double (*points)[2], size_t n, unsigned rgb)
{
    for (int inner = 0; inner < 2; inner++) {
        for (size_t i = 0; i < n; i++)
            if (drawable(points[i]))
                fm_canvas_disc(p->canvas, points[i], (inner ? 4 : 5.3) * p->unit);
        fm_canvas_paint(p->canvas, inner ? rgb : CASING, inner ? 1 : 0.72);
    }
}

/* ---- the truth ---- */

static void draw_box(const pen *p, const fm_shapes *shapes)
{
    for (size_t f = 0; f < shapes->n_faces; f++) {
        double face[4][2];

        for (int i = 0; i < 4; i++)
            place(p, shapes->faces[f][i], face[i]);
        fm_canvas_polygon(p->canvas, (const double(*)[2])face, 4, 0);
    }
    fm_canvas_paint(p->canvas, FM_COLOUR_BOX, 0.14);

    /* Hidden edges first and thin, then those of the faces that look at the camera. */
    for (int pass = 0; pass < 4; pass++) {
        bool front = pass >= 2, inner = pass & 1;

        for (size_t i = 0; i < shapes->n_edges; i++) {
            const fm_shape_edge *edge = &shapes->edges[i];
            double from[2], to[2];

            if (edge->front != front)
                continue;
            place(p, edge->a, from);
            place(p, edge->b, to);
            fm_canvas_segment(p->canvas, from, to,
                              (front ? 1.0 : 0.6) * p->unit + (inner ? 0 : 0.9 * p->unit));
        }
        fm_canvas_paint(p->canvas, inner ? FM_COLOUR_BOX : CASING,
                        (front ? 1 : 0.6) * (inner ? 1 : 0.55));
    }
}

static void draw_closed(const pen *p, const double (*points)[2], size_t n, double radius)
{
    for (size_t i = 0; i < n; i++) {
        double from[2], to[2];

        place(p, points[i], from);
        place(p, points[(i + 1) % n], to);
        if (drawable(from) && drawable(to))
            fm_canvas_segment(p->canvas, from, to, radius);
    }
}

static void draw_outlines(const pen *p, const fm_shapes *shapes)
{
    for (int pass = 0; pass < 2; pass++) {
        double radius = (pass ? 1.0 : 2.0) * p->unit;

        for (size_t k = 0; k < shapes->n_outlines; k++)
            draw_closed(p, (const double(*)[2])shapes->outlines[k].points, shapes->outlines[k].n,
                        radius);
        draw_closed(p, (const double(*)[2])shapes->region.points, shapes->region.n, radius);
        fm_canvas_paint(p->canvas, pass ? FM_COLOUR_OBJECT : CASING, pass ? 1 : 0.5);
    }
}

/* ---- a sample ---- */

static void draw_truth(const pen *p, const fm_shapes *shapes)
{
    double path[FM_SHAPES_MOST_POINTS][2];

    draw_outlines(p, shapes);
    draw_box(p, shapes);
    for (size_t i = 0; i < shapes->trace.n; i++)
        place(p, shapes->trace.points[i], path[i]);
    draw_path(p, (const double(*)[2])path, shapes->trace.n, FM_COLOUR_TRUTH, 1.7 * p->unit, false);
}

static void draw_answer(const pen *p, const fm_report_sample *sample, const fm_raster *image,
                        fm_arena *arena)
{
    double path[FM_SHAPES_MOST_POINTS][2], (*answer)[3];
    size_t n = fm_shapes_answer(sample->line, arena, &answer);

    for (size_t i = 0; i < n; i++)
        place(p, (double[]){answer[i][0] * image->width, answer[i][1] * image->height}, path[i]);
    if (sample->sample.kind == FM_ANSWER_POINTS)
        draw_points(p, (const double(*)[2])path, n, FM_COLOUR_PREDICTION);
    else
        draw_path(p, (const double(*)[2])path, n, FM_COLOUR_PREDICTION, 1.7 * p->unit, true);
}

fm_status fm_overlay_draw(fm_overlay *o, const fm_report_sample *sample, int size, fm_err *err)
{
    const fm_sample *s = &sample->sample;

    if (!sample->has_sample || !s->image_path)
        return fm_fail(err, FM_E_INPUT, "sample '%s' names no picture", sample->id);
    fm_status st = fm_raster_load_rgb(s->image_path, &o->image, err);
    if (st != FM_OK)
        return st;

    int longer = o->image.width > o->image.height ? o->image.width : o->image.height;
    double scale = (double)size / longer;
    int w = (int)fmax(1, rint(o->image.width * scale));
    int h = (int)fmax(1, rint(o->image.height * scale));
    st = fm_picture_scale(&o->image, w, h, &o->picture, err);
    if (st == FM_OK)
        st = fm_canvas_begin(&o->canvas, &o->picture, err);
    if (st != FM_OK)
        return st;

    pen p = {&o->canvas, scale, fmax(1, size / 512.0)};
    fm_arena arena = {0};
    fm_shapes shapes;
    bool masked = s->mask_path && fm_raster_load_mask(s->mask_path, &o->mask, NULL) == FM_OK;
    st = fm_shapes_make(s, o->image.width, o->image.height, masked ? &o->mask : NULL, &arena,
                        &shapes, err);
    if (st == FM_OK) {
        draw_truth(&p, &shapes);
        draw_answer(&p, sample, &o->image, &arena);
    }
    fm_arena_release(&arena);
    return st;
}

void fm_overlay_release(fm_overlay *o)
{
    if (!o)
        return;
    fm_raster_release(&o->image);
    fm_raster_release(&o->mask);
    fm_raster_release(&o->picture);
    fm_canvas_release(&o->canvas);
    *o = (fm_overlay){0};
}
