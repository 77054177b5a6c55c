/* Owns how a figure becomes pictures and files. What it shows is not known here. */
#include "report/figure.h"

#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "report/gnuplot.h"
#include "report/plots.h"

#define TIMEOUT_S 60.0

/* ---- scripts ---- */

static void put_settings(const fm_figure *f, bool png, fm_buf *out)
{
    fm_buf_printf(out, "H = %d\nset encoding utf8\n", f->height);
    if (png)
        fm_buf_printf(out,
                      "set terminal pngcairo size %d,%d noenhanced font 'sans-serif,20' "
                      "linewidth 2 pointscale 2 background '#ffffff'\n",
                      f->width * 2, f->height * 2);
    else
        fm_buf_printf(out,
                      "set terminal svg size %d,%d dynamic noenhanced font 'sans-serif,12' "
                      "rounded\n",
                      f->width, f->height);
    fm_buf_puts(out, "set datafile separator tab\nset border 3 lw 0.8\n"
                     "set tics nomirror out scale 0.5\nunset key\n"
                     "set grid lc rgb '#8c959f' lw 0.5 dt (2,4)\nunset grid\n");
}

static void put_inline(const fm_figure *f, bool png, fm_buf *out)
{
    fm_buf_puts(out, "reset session\n$DATA << EOD\n");
    fm_buf_append(out, f->data.data, f->data.size);
    fm_buf_puts(out, "EOD\nDATA = '$DATA'\n");
    put_settings(f, png, out);
    fm_buf_append(out, f->body.data, f->body.size);
    out->failed |= f->data.failed || f->body.failed;
}

void fm_figure_put_script(const fm_figure *f, fm_buf *script)
{
    put_inline(f, false, script);
}

/* For whoever draws it again: both pictures, each with its terminal, from the file of the data. */
static void put_file_script(const fm_figure *f, fm_buf *out)
{
    fm_buf_printf(out, "# gnuplot %s.gp draws %s.svg and %s.png from %s.tsv\n", f->name, f->name,
                  f->name, f->name);
    for (int png = 0; png < 2; png++) {
        fm_buf_printf(out, "\nreset\nDATA = '%s.tsv'\n", f->name);
        put_settings(f, png, out);
        fm_buf_printf(out, "set output '%s.%s'\n", f->name, png ? "png" : "svg");
        fm_buf_append(out, f->body.data, f->body.size);
        fm_buf_puts(out, "unset output\n");
    }
}

/* ---- files ---- */

static fm_status save(const char *dir, const char *name, const char *ending, const void *data,
                      size_t size, fm_err *err)
{
    char file[FM_PATH_BYTES], path[FM_PATH_BYTES];

    snprintf(file, sizeof(file), "%s.%s", name, ending);
    fm_status st = fm_path_join(path, dir, file, err);
    return st == FM_OK ? fm_file_write_atomic(path, data, size, err) : st;
}

/* gnuplot's SVG has letters in black: like the plots of the page it gets the reader's theme. */
static fm_status save_svg(const char *dir, const char *name, const fm_buf *drawn, fm_err *err)
{
    fm_buf svg = {0}, whole = {0};

    fm_plot_clean(drawn, "f", &svg);
    fm_plot_standalone(&svg, &whole);
    whole.failed |= svg.failed;
    fm_status st = fm_buf_check(&whole, "plot", err);
    if (st == FM_OK)
        st = save(dir, name, "svg", whole.data, whole.size, err);
    fm_buf_release(&svg);
    fm_buf_release(&whole);
    return st;
}

/* What follows the SVG. */
static fm_status save_png(const char *dir, const char *name, const fm_buf *drawn, fm_err *err)
{
    const char *text = fm_buf_text(drawn), *end = strstr(text, "</svg>"), *png = NULL;

    if (end) {
        png = end + strlen("</svg>");
        png += strspn(png, "\n");
    }
    if (!png || strncmp(png, "\x89PNG", 4) != 0)
        return fm_fail(err, FM_E_IO, "gnuplot made no picture of '%s'", name);
    return save(dir, name, "png", png, drawn->size - (size_t)(png - text), err);
}

/* Both pictures through one pipe, so that no half of one is ever in the folder. */
static fm_status draw(const char *dir, const fm_figure *f, size_t *written, bool *found,
                      fm_err *err)
{
    fm_buf script = {0}, drawn = {0};

    put_inline(f, false, &script);
    put_inline(f, true, &script);
    fm_status st = fm_gnuplot_run(&script, TIMEOUT_S, &drawn, found, err);
    if (st == FM_OK && *found)
        st = save_svg(dir, f->name, &drawn, err);
    if (st == FM_OK && *found)
        st = save_png(dir, f->name, &drawn, err);
    if (st == FM_OK && *found)
        *written += 2;
    fm_buf_release(&script);
    fm_buf_release(&drawn);
    return st;
}

fm_status fm_figure_write(const char *dir, const fm_figure *f, size_t *written, bool *found,
                          fm_err *err)
{
    fm_buf script = {0};
    fm_status st = fm_buf_check(&f->data, "plot", err);

    if (st == FM_OK)
        st = fm_buf_check(&f->body, "plot", err);
    put_file_script(f, &script);
    if (st == FM_OK)
        st = fm_buf_check(&script, "plot", err);
    if (st == FM_OK)
        st = save(dir, f->name, "tsv", f->data.data, f->data.size, err);
    if (st == FM_OK)
        st = save(dir, f->name, "gp", script.data, script.size, err);
    if (st == FM_OK && *found)
        st = draw(dir, f, written, found, err);
    fm_buf_release(&script);
    return st;
}

void fm_figure_release(fm_figure *f)
{
    fm_buf_release(&f->data);
    fm_buf_release(&f->body);
}
