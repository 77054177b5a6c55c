/* What is drawn on a picture, in which order and colour. How pixels are covered is canvas.c. */
#include "report/overlay.h"

#include <math.h>

#include "base/json.h"
#include "fathom/camera.h"
#include "report/picture.h"

/* Nearer than this a point has no sensible projection (the box may reach behind the camera). */
#define NEAR_M 0.02

enum { CASING = 0x1B1B1B, WHITE = 0xFFFFFF };

/* From pixels of the image to pixels of the enlarged picture, and the unit of line widths. */
typedef struct {
    fm_canvas *canvas;
    double scale, unit;
} pen;

static void place(const pen *p, double u, double v, double out[2])
{
    out[0] = (u + 0.5) * p->scale - 0.5;
    out[1] = (v + 0.5) * p->scale - 0.5;
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

/* ---- the destination box ---- */

/* Bits of a corner's index are its side on x, y, z (fm_box_corners); a face fixes one of them. */
static const int box_faces[6][4] = {{0, 2, 6, 4}, {1, 3, 7, 5}, {0, 1, 5, 4},
                                    {2, 3, 7, 6}, {0, 1, 3, 2}, {4, 5, 7, 6}};

static bool faces_camera(const fm_box *box, int face)
{
    int axis = face / 2;
    double sign = face % 2 ? 1 : -1, towards = 0;

    for (int k = 0; k < 3; k++) {
        double normal = sign * box->rotation[k][axis];

        towards += normal * (box->center[k] + normal * box->extent[axis] / 2);
    }
    return towards < 0;
}

/* Cut the edge where it passes the camera plane, then project it. */
static bool project_edge(const pen *p, const fm_camera *camera, const double a[3],
                         const double b[3], double from[2], double to[2])
{
    double ends[2][3] = {{a[0], a[1], a[2]}, {b[0], b[1], b[2]}}, uv[2];

    for (int i = 0; i < 2; i++) {
        double *end = ends[i], *other = ends[1 - i];

        if (!(end[2] >= NEAR_M)) {
            if (!(other[2] > NEAR_M))
                return false;
            double t = (NEAR_M - end[2]) / (other[2] - end[2]);
            for (int k = 0; k < 3; k++)
                end[k] += t * (other[k] - end[k]);
            end[2] = NEAR_M;
        }
        fm_camera_project(camera, end, uv);
        place(p, uv[0], uv[1], i ? to : from);
    }
    return true;
}

static void draw_box(const pen *p, const fm_box *box, const fm_camera *camera)
{
    double corners[8][3], from[2], to[2];
    bool whole = true;

    fm_box_corners(box, corners);
    for (int i = 0; i < 8; i++)
        whole &= corners[i][2] > NEAR_M;

    for (int f = 0; whole && f < 6; f++) {
        double face[4][2];

        if (!faces_camera(box, f))
            continue;
        for (int i = 0; i < 4; i++) {
            double uv[2];

            fm_camera_project(camera, corners[box_faces[f][i]], uv);
            place(p, uv[0], uv[1], face[i]);
        }
        fm_canvas_polygon(p->canvas, (const double(*)[2])face, 4, 0);
    }
    fm_canvas_paint(p->canvas, FM_COLOUR_BOX, 0.14);

    /* Hidden edges first and thin, then those of the faces that look at the camera. */
    for (int pass = 0; pass < 4; pass++) {
        bool front = pass >= 2, inner = pass & 1;

        for (int a = 0; a < 8; a++) {
            for (int axis = 0; axis < 3; axis++) {
                int b = a | 1 << axis, u = (axis + 1) % 3, v = (axis + 2) % 3;

                if (a == b)
                    continue;
                bool seen = faces_camera(box, 2 * u + (a >> u & 1)) ||
                            faces_camera(box, 2 * v + (a >> v & 1));
                if (seen == front && project_edge(p, camera, corners[a], corners[b], from, to))
                    fm_canvas_segment(p->canvas, from, to,
                                      (front ? 1.0 : 0.6) * p->unit + (inner ? 0 : 0.9 * p->unit));
            }
        }
        fm_canvas_paint(p->canvas, inner ? FM_COLOUR_BOX : CASING,
                        (front ? 1 : 0.6) * (inner ? 1 : 0.55));
    }
}

/* ---- the object ---- */

/* How much of the 3x3 neighbourhood belongs to the object: smooths the outline by half a pixel. */
static double mask_share(const fm_raster *mask, int x, int y)
{
    const unsigned char *data = mask->data;
    int n = 0;

    for (int j = y - 1; j <= y + 1; j++)
        for (int i = x - 1; i <= x + 1; i++)
            n += i >= 0 && j >= 0 && i < mask->width && j < mask->height &&
                 data[(size_t)j * (size_t)mask->width + (size_t)i] > 0;
    return n / 9.0;
}

/* Marching squares at half coverage; a mask of another size is laid over the image. */
static void draw_outline(const pen *p, const fm_raster *mask, const fm_raster *image)
{
    double sx = (double)image->width / mask->width, sy = (double)image->height / mask->height;
    const unsigned char *data = mask->data;

    for (int pass = 0; pass < 2; pass++) {
        for (int y = -1; y < mask->height; y++) {
            for (int x = -1; x < mask->width; x++) {
                static const int around[4][2] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
                double share[4], cut[4][2];
                int n = 0, set = 0;

                /* Far from the object, where most of the picture is, nothing else is looked at. */
                for (int j = y - 1; j <= y + 2; j++)
                    for (int i = x - 1; i <= x + 2; i++)
                        set += i >= 0 && j >= 0 && i < mask->width && j < mask->height &&
                               data[(size_t)j * (size_t)mask->width + (size_t)i] > 0;
                if (set == 0 || set == 16)
                    continue;
                for (int k = 0; k < 4; k++)
                    share[k] = mask_share(mask, x + around[k][0], y + around[k][1]);
                for (int k = 0; k < 4; k++) {
                    int next = (k + 1) % 4;

                    if ((share[k] > 0.5) == (share[next] > 0.5))
                        continue;
                    double t = (0.5 - share[k]) / (share[next] - share[k]);
                    double u = x + around[k][0] + t * (around[next][0] - around[k][0]);
                    double v = y + around[k][1] + t * (around[next][1] - around[k][1]);
                    place(p, (u + 0.5) * sx - 0.5, (v + 0.5) * sy - 0.5, cut[n++]);
                }
                for (int k = 0; k + 1 < n; k += 2)
                    fm_canvas_segment(p->canvas, cut[k], cut[k + 1], (pass ? 1.0 : 2.0) * p->unit);
            }
        }
        fm_canvas_paint(p->canvas, pass ? FM_COLOUR_OBJECT : CASING, pass ? 1 : 0.5);
    }
}

/* ---- a sample ---- */

size_t fm_report_answer_points(const fm_report_sample *sample, fm_arena *arena,
                               double (**points)[3])
{
    const cJSON *list = fm_json_get(fm_json_get(sample->line, "answer"), "points"), *point;
    size_t n = (size_t)cJSON_GetArraySize(list), i = 0;

    *points = n ? fm_arena_alloc(arena, n, sizeof(**points)) : NULL;
    if (!*points)
        return 0;
    cJSON_ArrayForEach(point, list)
    {
        const cJSON *value = cJSON_IsArray(point) ? point->child : NULL;

        for (int k = 0; k < 3; k++) {
            (*points)[i][k] = cJSON_IsNumber(value) ? value->valuedouble : NAN;
            value = value ? value->next : NULL;
        }
        i++;
    }
    return n;
}

static void draw_traces(const pen *p, const fm_report_sample *sample, const fm_raster *image)
{
    static const size_t most = FM_OVERLAY_MAX_POINTS;
    double path[FM_OVERLAY_MAX_POINTS][2], uv[2];
    const fm_sample *s = &sample->sample;
    fm_arena arena = {0};
    double(*answer)[3];

    if (sample->has_sample && s->has_camera) {
        const fm_truth_trace *truth = &s->truth.trace;
        size_t n = truth->n < most ? truth->n : most;

        for (size_t i = 0; i < n; i++) {
            const double *point = truth->points[n < 2 ? 0 : i * (truth->n - 1) / (n - 1)];

            path[i][0] = path[i][1] = NAN;
            if (point[2] > NEAR_M) {
                fm_camera_project(&s->camera, point, uv);
                place(p, uv[0], uv[1], path[i]);
            }
        }
        draw_path(p, (const double(*)[2])path, n, FM_COLOUR_TRUTH, 1.7 * p->unit, false);
    }

    size_t all = fm_report_answer_points(sample, &arena, &answer), n = all < most ? all : most;
    for (size_t i = 0; i < n; i++) {
        const double *point = answer[n < 2 ? 0 : i * (all - 1) / (n - 1)];

        place(p, point[0] * image->width, point[1] * image->height, path[i]);
    }
    draw_path(p, (const double(*)[2])path, n, FM_COLOUR_PREDICTION, 1.7 * p->unit, true);
    fm_arena_release(&arena);
}

fm_status fm_overlay_draw(fm_overlay *o, const fm_report_sample *sample, int size, fm_err *err)
{
    const fm_sample *s = &sample->sample;
    fm_raster_info info;

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
    if (s->mask_path && fm_raster_probe(s->mask_path, &info, NULL) == FM_OK &&
        fm_raster_load_mask(s->mask_path, &o->mask, NULL) == FM_OK)
        draw_outline(&p, &o->mask, &o->image);
    if (s->has_camera && s->truth.trace.has_box)
        draw_box(&p, &s->truth.trace.box, &s->camera);
    draw_traces(&p, sample, &o->image);
    return FM_OK;
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
