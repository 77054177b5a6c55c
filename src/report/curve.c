/* Owns the curve of a training: means over stretches of steps, for a step by itself says little. */
#include "report/curve.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "report/figure.h"
#include "report/plots.h"

enum { MOST_POINTS = 300, TOKEN = 2, HELD_OUT = 9, LOSSES = 2 };

/* Means of the column over stretches of `stretch` steps; empty cells are left out. */
typedef struct {
    fm_buf *out;
    size_t stretch;
    int kind; /* 0: learnt, 1: held out */
    double step, sum;
    size_t n;
} averaging;

static void settle(averaging *a)
{
    if (a->n > 0)
        fm_buf_printf(a->out, "%.6g\t%.6g\t%d\n", a->step / (double)a->n, a->sum / (double)a->n,
                      a->kind);
    a->step = a->sum = 0;
    a->n = 0;
}

/* The text of a cell, or NULL. */
static const char *cell(const char *line, int column)
{
    for (; column > 0 && line; column--) {
        line = strchr(line, '\t');
        line = line ? line + 1 : NULL;
    }
    return line && *line && *line != '\t' ? line : NULL;
}

static void take_line(averaging *a, const char *line, int column)
{
    const char *text = cell(line, column);

    if (!text)
        return;
    a->step += strtod(line, NULL);
    a->sum += strtod(text, NULL);
    if (++a->n == a->stretch)
        settle(a);
}

static fm_status count_lines(const char *path, size_t *n, fm_err *err)
{
    fm_lines lines = {0};
    bool more = true;
    fm_status st = fm_lines_open(&lines, path, 4096, err);

    for (*n = 0; st == FM_OK; ++*n) {
        st = fm_lines_next(&lines, &more, err);
        if (!more)
            break;
    }
    fm_lines_close(&lines);
    return st;
}

static fm_status read_steps(const char *path, size_t stretch, fm_buf *out, fm_err *err)
{
    averaging learnt = {.out = out, .stretch = stretch};
    fm_buf held_out = {0};
    averaging judged = {.out = &held_out, .stretch = 1, .kind = 1};
    fm_lines lines = {0};
    bool more = true;
    fm_status st = fm_lines_open(&lines, path, 4096, err);

    while (st == FM_OK) {
        st = fm_lines_next(&lines, &more, err);
        if (st != FM_OK || !more)
            break;
        if (lines.number == 1 || lines.too_long)
            continue;
        take_line(&learnt, lines.line, TOKEN);
        take_line(&judged, lines.line, HELD_OUT);
    }
    settle(&learnt);
    fm_buf_append(out, held_out.data, held_out.size);
    fm_buf_release(&held_out);
    fm_lines_close(&lines);
    return st;
}

static void put_body(fm_buf *body)
{
    static const char *const names[LOSSES] = {"learnt", "held out"};

    fm_buf_puts(body, "set grid\nset xlabel 'step'\nset ylabel 'loss of a token, nats'\n"
                      "set yrange [0:*]\nset key top right\nplot ");
    for (int i = 0; i < LOSSES; i++)
        fm_buf_printf(body,
                      "%sDATA using ($3==%d?$1:NaN):2 with %s lw %s lc rgb '#%06x' title '%s'",
                      i ? ", " : "", i, i ? "linespoints pt 7 ps 0.5" : "lines", i ? "2" : "1.2",
                      fm_plot_colour((size_t)i), names[i]);
    fm_buf_putc(body, '\n');
}

fm_status fm_curve_write(const char *dir, bool *found, fm_err *err)
{
    fm_figure f = {.name = "curve", .width = 640, .height = 400};
    char path[FM_PATH_BYTES];
    size_t lines = 0, written = 0;
    fm_status st = fm_path_join(path, dir, "steps.tsv", err);

    if (st == FM_OK)
        st = count_lines(path, &lines, err);
    fm_buf_puts(&f.data, "# step\tloss\theld_out\n");
    if (st == FM_OK)
        st = read_steps(path, lines / MOST_POINTS + 1, &f.data, err);
    put_body(&f.body);
    *found = true;
    if (st == FM_OK)
        st = fm_figure_write(dir, &f, &written, found, err);
    fm_figure_release(&f);
    return st;
}
