/*
 * A sample in space: the depth map as a coloured cloud, with the object, both traces and the
 * destination box. Plotted in the camera's metres, with depth going away from the reader and up
 * being up, from a little above and to the left of the camera.
 */
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/size.h"
#include "report/overlay.h"
#include "report/plots.h"
#include "report/shapes.h"

/* A cloud of more dots is no clearer, only larger: a dot takes 70 bytes of SVG. */
#define MOST_DOTS 3200

/* Points of the SVG. gnuplot's dot is 1.5 points wide, so a small picture has large dots. */
enum { WIDTH = 240, HEIGHT = 180 };

/* How much room there is around the traces, and how far a wild answer may stretch it. */
#define MARGIN_M  0.25
#define STRETCH_M 1.0

/* Beyond this a depth reading is no surface (the scorer's own bound). */
#define FAR_MM 15000

typedef struct {
    double low[3], high[3]; /* camera frame, metres */
} region;

typedef struct {
    double xyz[3];
    unsigned rgb;
} dot;

static bool finite3(const double p[3])
{
    return isfinite(p[0]) && isfinite(p[1]) && isfinite(p[2]);
}

static void include(region *r, const double p[3])
{
    for (int k = 0; k < 3 && finite3(p); k++) {
        r->low[k] = fmin(r->low[k], p[k]);
        r->high[k] = fmax(r->high[k], p[k]);
    }
}

static bool holds(const region *r, const double p[3])
{
    for (int k = 0; k < 3; k++)
        if (!(p[k] >= r->low[k] && p[k] <= r->high[k]))
            return false;
    return true;
}

static region region_of(const fm_sample *s, const double (*answer)[3], size_t n)
{
    region r = {{INFINITY, INFINITY, INFINITY}, {-INFINITY, -INFINITY, -INFINITY}};
    double corners[8][3];

    for (size_t i = 0; i < s->truth.trace.n; i++)
        include(&r, s->truth.trace.points[i]);
    if (s->truth.trace.has_box) {
        fm_box_corners(&s->truth.trace.box, corners);
        for (int i = 0; i < 8; i++)
            include(&r, corners[i]);
    }
    region reach = r;
    for (int k = 0; k < 3; k++) {
        reach.low[k] -= STRETCH_M;
        reach.high[k] += STRETCH_M;
    }
    for (size_t i = 0; i < n; i++)
        if (holds(&reach, answer[i]))
            include(&r, answer[i]);
    for (int k = 0; k < 3; k++) {
        r.low[k] -= MARGIN_M;
        r.high[k] += MARGIN_M;
    }
    return r;
}

/* Spread the choice of pixels evenly but without a grid, the same way every time. */
static unsigned scatter(unsigned i)
{
    i = (i ^ i >> 16) * 0x7FEB352Du;
    i = (i ^ i >> 15) * 0x846CA68Bu;
    return i ^ i >> 16;
}

static int farthest_first(const void *a, const void *b)
{
    double x = ((const dot *)a)->xyz[2], y = ((const dot *)b)->xyz[2];

    return (x < y) - (x > y);
}

/* A pixel's colour, lifted: dots on a dark ground look darker than the surface that they stand for.
 */
static unsigned lifted(const unsigned char *c)
{
    unsigned rgb = 0;

    for (int k = 0; k < 3; k++)
        rgb = rgb << 8 |
              (unsigned)(255 - (255 - c[k]) * (255 - c[k]) / 255 * 7 / 10 - (255 - c[k]) * 3 / 10);
    return rgb;
}

/* The dots inside the region, farthest first: gnuplot paints them in the order given. Two passes,
 * one to know how many there are to choose from. */
static size_t collect(const fm_raster *depth, const fm_raster *image, const fm_raster *mask,
                      const fm_camera *camera, const region *r, dot *dots)
{
    const uint16_t *mm = depth->data;
    const unsigned char *rgb = image->data, *object = mask->data;
    size_t inside = 0, n = 0;

    for (int pass = 0; pass < 2; pass++) {
        for (int y = 0; y < depth->height; y++) {
            for (int x = 0; x < depth->width; x++) {
                size_t at = (size_t)y * (size_t)depth->width + (size_t)x;
                double p[3];

                if (mm[at] == 0 || mm[at] >= FAR_MM)
                    continue;
                fm_camera_back_project(camera, x, y, mm[at] / 1000.0, p);
                if (!holds(r, p))
                    continue;
                if (pass == 0) {
                    inside++;
                    continue;
                }
                if (n == MOST_DOTS || (scatter((unsigned)at) % inside) >= MOST_DOTS)
                    continue;
                size_t u = (size_t)x * (size_t)image->width / (size_t)depth->width;
                size_t v = (size_t)y * (size_t)image->height / (size_t)depth->height;
                const unsigned char *c = rgb + (v * (size_t)image->width + u) * 3;
                dots[n] = (dot){{p[0], p[1], p[2]}, lifted(c)};
                if (mask->width > 0) {
                    u = (size_t)x * (size_t)mask->width / (size_t)depth->width;
                    v = (size_t)y * (size_t)mask->height / (size_t)depth->height;
                    if (object[v * (size_t)mask->width + u] > 0)
                        dots[n].rgb = FM_COLOUR_OBJECT;
                }
                n++;
            }
        }
    }
    qsort(dots, n, sizeof(*dots), farthest_first);
    return n;
}

/* x right, z away, y down becomes x right, y away, z up */
static void put_point(fm_buf *s, const double p[3])
{
    fm_buf_printf(s, "%.4g %.4g %.4g", p[0], p[2], -p[1]);
}

static void put_path(fm_buf *s, const char *name, const double (*path)[3], size_t n)
{
    bool any = false;

    fm_buf_printf(s, "$%s << EOD\n", name);
    for (size_t i = 0; i < n; i++) {
        if (finite3(path[i])) {
            put_point(s, path[i]);
            any = true;
        }
        fm_buf_putc(s, '\n');
    }
    fm_buf_puts(s, any ? "EOD\n" : "NaN NaN NaN\nEOD\n");
}

static void put_box(fm_buf *s, const fm_sample *sample)
{
    double corners[8][3];

    fm_buf_puts(s, "$BOX << EOD\n");
    if (!sample->truth.trace.has_box)
        fm_buf_puts(s, "NaN NaN NaN\n");
    fm_box_corners(&sample->truth.trace.box, corners);
    for (int a = 0; sample->truth.trace.has_box && a < 8; a++) {
        for (int axis = 0; axis < 3; axis++) {
            if (a >> axis & 1)
                continue;
            put_point(s, corners[a]);
            fm_buf_putc(s, '\n');
            put_point(s, corners[a | 1 << axis]);
            fm_buf_puts(s, "\n\n\n"); /* two blank lines: the next edge is not joined */
        }
    }
    fm_buf_puts(s, "EOD\n");
}

/* What the axes' box takes in the plane of the picture, so that it fills the picture: gnuplot makes
 * the longest axis `side` points long at zoom 1 (measured), whatever the angles. */
static double zoom_of(const region *r)
{
    static const double side = 90, sin_x = 0.883, cos_x = 0.469, sin_z = 0.407, cos_z = 0.914;
    double x = r->high[0] - r->low[0], y = r->high[2] - r->low[2], z = r->high[1] - r->low[1];
    double wide = x * cos_z + y * sin_z, high = (x * sin_z + y * cos_z) * cos_x + z * sin_x;

    return 0.86 * fmin(WIDTH / wide, HEIGHT / high) * fmax(x, fmax(y, z)) / side;
}

static void write_script(fm_buf *s, const fm_sample *sample, const region *r, const dot *dots,
                         size_t n_dots, const double (*answer)[3], size_t n_answer)
{
    fm_buf_printf(s,
                  "reset session\nset encoding utf8\n"
                  "set terminal svg size %d,%d dynamic noenhanced font 'sans-serif,5' "
                  "rounded background rgb '#1b1f24'\n"
                  "unset key\nset view 62,24,%.4g\nset view equal xyz\nset xyplane 0\n"
                  "set border 4095 lc rgb '#3d444d' lw 0.35\n"
                  "set tics scale 0.4 textcolor rgb '#9aa4b0'\n"
                  "set xtics 0.5 offset -0.4,-0.3\nset ytics 0.5 offset 0.4,-0.2\nset ztics 0.5\n"
                  "set lmargin 0\nset rmargin 0\nset tmargin 0\nset bmargin 0\n",
                  WIDTH, HEIGHT, zoom_of(r));
    fm_buf_printf(s, "set xrange [%.4g:%.4g]\nset yrange [%.4g:%.4g]\nset zrange [%.4g:%.4g]\n",
                  r->low[0], r->high[0], r->low[2], r->high[2], -r->high[1], -r->low[1]);
    fm_buf_puts(s, "$CLOUD << EOD\n");
    if (n_dots == 0)
        fm_buf_puts(s, "NaN NaN NaN 0\n");
    for (size_t i = 0; i < n_dots; i++) {
        put_point(s, dots[i].xyz);
        fm_buf_printf(s, " %u\n", dots[i].rgb);
    }
    fm_buf_puts(s, "EOD\n");
    put_box(s, sample);
    put_path(s, "TRUTH", (const double(*)[3])sample->truth.trace.points, sample->truth.trace.n);
    put_path(s, "ANSWER", answer, n_answer);
    put_path(s, "START", answer, n_answer ? 1 : 0);
    put_path(s, "TRUESTART", (const double(*)[3])sample->truth.trace.points,
             sample->truth.trace.n ? 1 : 0);
    fm_buf_printf(s,
                  "splot $CLOUD using 1:2:3:4 with dots lc rgb variable, "
                  "$BOX with lines lw 0.9 lc rgb '#%06x', "
                  "$TRUTH with lines lw 2 lc rgb '#%06x', "
                  "$ANSWER with linespoints lw 2 pt 7 ps 0.2 lc rgb '#%06x', "
                  "$TRUESTART with points pt 7 ps 0.36 lc rgb '#%06x', "
                  "$START with points pt 7 ps 0.36 lc rgb '#%06x', "
                  "$TRUESTART with points pt 7 ps 0.18 lc rgb '#ffffff', "
                  "$START with points pt 7 ps 0.18 lc rgb '#ffffff'\n",
                  FM_COLOUR_BOX, FM_COLOUR_TRUTH, FM_COLOUR_PREDICTION, FM_COLOUR_TRUTH,
                  FM_COLOUR_PREDICTION);
}

/* The answer's points in the camera frame; those without a depth are not finite. */
static size_t lift(const fm_report_sample *sample, const fm_raster *depth, fm_arena *arena,
                   double (**out)[3])
{
    size_t n = fm_shapes_answer(sample->line, arena, out);

    for (size_t i = 0; i < n; i++) {
        double *p = (*out)[i];

        fm_camera_back_project(&sample->sample.camera, p[0] * depth->width, p[1] * depth->height,
                               p[2], p);
    }
    return n;
}

static bool load(const char *path, fm_status (*loader)(const char *, fm_raster *, fm_err *),
                 fm_raster *out)
{
    return path && loader(path, out, NULL) == FM_OK;
}

fm_status fm_plots_scene(const fm_report_sample *sample, const char *prefix, fm_buf *svg,
                         bool *found, fm_err *err)
{
    const fm_sample *s = &sample->sample;
    fm_raster depth = {0}, image = {0}, mask = {0};
    fm_arena arena = {0};
    fm_buf script = {0};
    double(*answer)[3] = NULL;
    fm_status st = FM_OK;
    size_t made;

    *found = true;
    if (!sample->has_sample || s->kind != FM_ANSWER_TRACE3D || s->truth.trace.n == 0 ||
        !s->has_camera || !fm_camera_valid(&s->camera) ||
        !load(s->depth_path, fm_raster_load_depth, &depth) ||
        !load(s->image_path, fm_raster_load_rgb, &image))
        goto done;
    if (!load(s->mask_path, fm_raster_load_mask, &mask))
        mask.width = mask.height = 0;

    dot *dots = fm_arena_alloc(&arena, MOST_DOTS, sizeof(*dots));
    if (!dots) {
        st = fm_fail(err, FM_E_NOMEM, "out of memory for the scene of '%s'", sample->id);
        goto done;
    }
    size_t n_answer = lift(sample, &depth, &arena, &answer);
    region r = region_of(s, (const double(*)[3])answer, n_answer);
    size_t n_dots = collect(&depth, &image, &mask, &s->camera, &r, dots);
    write_script(&script, s, &r, dots, n_dots, (const double(*)[3])answer, n_answer);
    st = fm_plot_render(&script, prefix, &svg, 1, &made, found, err);
done:
    fm_buf_release(&script);
    fm_arena_release(&arena);
    fm_raster_release(&depth);
    fm_raster_release(&image);
    fm_raster_release(&mask);
    return st;
}
