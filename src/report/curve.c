/* Owns the curve of a training: means over stretches of steps, for a step by itself says little. */
#include "report/curve.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "report/figure.h"
#include "report/plots.h"

enum { LEARNT, HELD_OUT, CURVES };
enum { MOST_POINTS = 300 };

/* What is drawn of a training: the first of these whose columns there are. */
static const struct {
    const char *columns[CURVES], *label, *range, *key;
} kinds[] = {{{"token", "held_out_token"}, "loss of a token, nats", "[0:*]", "top right"},
             {{"reward", "held_out_reward"}, "reward of a reply", "[*:*]", "bottom right"}};

/* Means of the column over stretches of `stretch` steps; empty cells are left out. */
typedef struct {
    fm_buf *out;
    size_t stretch;
    int curve, column; /* column -1: there is none */
    double step, sum;
    size_t n;
} averaging;

static void settle(averaging *a)
{
    if (a->n > 0)
        fm_buf_printf(a->out, "%.6g\t%.6g\t%d\n", a->step / (double)a->n, a->sum / (double)a->n,
                      a->curve);
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

/* The position of a name in the first line; -1: it is not there. */
static int column_of(const char *line, const char *name)
{
    int column = 0;

    for (size_t n; *line; line += n + (line[n] == '\t'), column++) {
        n = strcspn(line, "\t");
        if (n == strlen(name) && strncmp(line, name, n) == 0)
            return column;
        if (!line[n])
            break;
    }
    return -1;
}

static void take_line(averaging *a, const char *line)
{
    const char *text = a->column >= 0 ? cell(line, a->column) : NULL;

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

/* Which kind of training the first line is of. */
static size_t read_head(const char *line, averaging curves[CURVES])
{
    size_t kind = column_of(line, kinds[0].columns[LEARNT]) >= 0 ? 0 : 1;

    for (size_t i = 0; i < CURVES; i++)
        curves[i].column = column_of(line, kinds[kind].columns[i]);
    return kind;
}

/* What there is to draw. */
typedef struct {
    size_t kind;
    bool has[CURVES];
} drawing;

static fm_status read_steps(const char *path, size_t stretch, fm_buf *out, drawing *shown,
                            fm_err *err)
{
    fm_buf held_out = {0};
    const size_t before = out->size;
    averaging curves[CURVES] = {{.out = out, .stretch = stretch},
                                {.out = &held_out, .stretch = 1, .curve = HELD_OUT}};
    fm_lines lines = {0};
    bool more = true;
    fm_status st = fm_lines_open(&lines, path, 4096, err);

    while (st == FM_OK) {
        st = fm_lines_next(&lines, &more, err);
        if (st != FM_OK || !more)
            break;
        if (lines.number == 1)
            shown->kind = read_head(lines.line, curves);
        for (size_t i = 0; i < CURVES && lines.number > 1 && !lines.too_long; i++)
            take_line(&curves[i], lines.line);
    }
    settle(&curves[LEARNT]);
    shown->has[LEARNT] = out->size > before;
    shown->has[HELD_OUT] = held_out.size > 0;
    fm_buf_append(out, held_out.data, held_out.size);
    fm_buf_release(&held_out);
    fm_lines_close(&lines);
    return st;
}

static void put_body(fm_buf *body, const drawing *shown)
{
    static const char *const names[CURVES] = {"learnt", "held out"};
    const char *between = "";

    fm_buf_printf(body, "set grid\nset xlabel 'step'\nset ylabel '%s'\nset yrange %s\n",
                  kinds[shown->kind].label, kinds[shown->kind].range);
    fm_buf_printf(body, "set key %s\nplot ", kinds[shown->kind].key);
    for (int i = 0; i < CURVES; i++) {
        if (!shown->has[i])
            continue;
        fm_buf_printf(body,
                      "%sDATA using ($3==%d?$1:NaN):2 with %s lw %s lc rgb '#%06x' title '%s'",
                      between, i, i ? "linespoints pt 7 ps 0.5" : "lines", i ? "2" : "1.2",
                      fm_plot_colour((size_t)i), names[i]);
        between = ", ";
    }
    fm_buf_putc(body, '\n');
}

fm_status fm_curve_write(const char *dir, bool *found, fm_err *err)
{
    static const char head[] = "# step\tvalue\theld_out\n";
    fm_figure f = {.name = "curve", .width = 640, .height = 400};
    char path[FM_PATH_BYTES];
    size_t lines = 0, written = 0;
    drawing shown = {0};
    fm_status st = fm_path_join(path, dir, "steps.tsv", err);

    if (st == FM_OK)
        st = count_lines(path, &lines, err);
    fm_buf_puts(&f.data, head);
    if (st == FM_OK)
        st = read_steps(path, lines / MOST_POINTS + 1, &f.data, &shown, err);
    put_body(&f.body, &shown);
    *found = true;
    if (st == FM_OK && (shown.has[LEARNT] || shown.has[HELD_OUT]))
        st = fm_figure_write(dir, &f, &written, found, err);
    fm_figure_release(&f);
    return st;
}
