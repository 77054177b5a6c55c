/* Plots of the summary, and the cleaning of gnuplot's SVG. The process is gnuplot.c's business. */
#include "report/plots.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "report/figure.h"
#include "report/gnuplot.h"
#include "report/writers.h"

/* A gnuplot that takes longer than this hangs. */
#define TIMEOUT_S 30.0

/* More steps than this no curve of 400 pixels shows. */
#define MOST_STEPS 300

unsigned fm_plot_colour(size_t run)
{
    /* Okabe and Ito, in an order in which neighbours differ in lightness as well. Their yellow and
     * black vanish on a light or a dark page: brown and grey stand for them. After them four more,
     * which the eight leave room for. */
    static const unsigned colours[] = {0x0072B2, 0xE69F00, 0x009E73, 0xCC79A7, 0xD55E00, 0x56B4E9,
                                       0x8C6D31, 0x7F7F7F, 0x7B5EC6, 0x9DB92C, 0xA63246, 0x2E8C9A};

    return colours[run % FM_COUNT_OF(colours)];
}

/* ---- gnuplot's SVG ---- */

static bool starts(const char *p, const char *end, const char *word)
{
    size_t size = strlen(word);

    return (size_t)(end - p) >= size && memcmp(p, word, size) == 0;
}

/* Skip <name ...>...</name>; NULL where p does not start one. */
static const char *skip_element(const char *p, const char *end, const char *name)
{
    size_t size = strlen(name);

    if (end - p < 2 || *p != '<' || !starts(p + 1, end, name) ||
        (p[1 + size] != '>' && p[1 + size] != ' '))
        return NULL;
    for (; p < end; p++)
        if (starts(p, end, "</") && starts(p + 2, end, name) && starts(p + 2 + size, end, ">"))
            return p + size + 3;
    return NULL;
}

/* 'rgb( 17,  34,  51)' as "#112233": a scene has thousands of them. NULL: p is no such text. */
static const char *short_colour(const char *p, fm_buf *out)
{
    unsigned c[3];
    int length = 0;

    /* the text is terminated, and each number bounded */
    if (sscanf(p, "'rgb(%3u,%4u,%4u)'%n", &c[0], &c[1], &c[2], &length) != 3 || length == 0 ||
        c[0] > 255 || c[1] > 255 || c[2] > 255)
        return NULL;
    fm_buf_printf(out, "\"#%02x%02x%02x\"", c[0], c[1], c[2]);
    return p + length;
}

/* Copy one <svg> element: black becomes currentColor, ids get a prefix, and what would show up as
 * tooltips or clash between plots is dropped. Attributes only: texts stay as they are. */
static void clean(const char *p, const char *end, const char *prefix, size_t number, fm_buf *out)
{
    static const char *const dropped[] = {"title", "desc", "filter"};
    bool in_tag = false;

    while (p < end) {
        const char *after = NULL;

        for (size_t i = 0; *p == '<' && !after && i < FM_COUNT_OF(dropped); i++)
            after = skip_element(p, end, dropped[i]);
        if (after) {
            p = after + strspn(after, "\n\t");
            continue;
        }
        if (*p == '<')
            in_tag = true;
        else if (*p == '>')
            in_tag = false;
        if (in_tag && (starts(p, end, "\"black\"") || starts(p, end, "'black'"))) {
            fm_buf_puts(out, "\"currentColor\"");
            p += strlen("'black'");
        } else if (in_tag && starts(p, end, "id=\"gnuplot_")) {
            p += strlen("id=\"gnuplot_");
            while (p < end && *p++ != '"')
                ;
        } else if (in_tag && (starts(p, end, "'gp") || starts(p, end, "'#gp"))) {
            bool reference = p[1] == '#';

            fm_buf_printf(out, "'%s%s%zu", reference ? "#" : "", prefix, number);
            p += reference ? 4 : 3;
        } else if (in_tag && starts(p, end, "'rgb(") && (after = short_colour(p, out))) {
            p = after;
        } else if (*p == '\n' && p + 1 < end && p[1] == '\n') {
            p++;
        } else {
            fm_buf_putc(out, *p++);
        }
    }
}

fm_status fm_plot_render(const fm_buf *script, const char *prefix, fm_buf **out, size_t most,
                         size_t *n, bool *found, fm_err *err)
{
    fm_buf raw = {0};
    fm_status st = fm_gnuplot_run(script, TIMEOUT_S, &raw, found, err);

    *n = 0;
    for (const char *p = fm_buf_text(&raw); st == FM_OK && *found && *n < most;) {
        /* "<svg" and "</svg>" stand nowhere else: in texts gnuplot escapes the bracket */
        const char *start = strstr(p, "<svg"), *end = start ? strstr(start, "</svg>") : NULL;

        if (!end)
            break;
        p = end + strlen("</svg>");
        clean(start, p, prefix, *n, out[*n]);
        fm_buf_putc(out[*n], '\n');
        st = fm_buf_check(out[*n], "plot", err);
        ++*n;
    }
    fm_buf_release(&raw);
    return st;
}

void fm_plot_clean(const fm_buf *raw, const char *prefix, fm_buf *out)
{
    const char *start = strstr(fm_buf_text(raw), "<svg"),
               *end = start ? strstr(start, "</svg>") : NULL;

    if (end)
        clean(start, end + strlen("</svg>"), prefix, 0, out);
}

void fm_plot_standalone(const fm_buf *svg, fm_buf *out)
{
    const char *text = fm_buf_text(svg), *body = strchr(text, '>');

    fm_buf_puts(out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    if (!body)
        return;
    fm_buf_append(out, text, (size_t)(body + 1 - text));
    fm_buf_puts(out, "\n<style>:root{color:#24292f}"
                     "@media(prefers-color-scheme:dark){:root{color:#d6dbe1}}</style>");
    fm_buf_puts(out, body + 1);
}

/* ---- what each shows ---- */

static void put_label_of_run(fm_buf *s, const fm_report_model *model, size_t run)
{
    fm_buf text = {0};

    if (!fm_report_same_name(model))
        fm_buf_printf(&text, "%s ", model->runs[run].name);
    fm_buf_puts(&text, model->runs[run].rules);
    fm_gnuplot_quote(s, fm_buf_text(&text));
    if (text.failed)
        s->failed = true;
    fm_buf_release(&text);
}

/* What all of them have: no line at the left, and a legend where there are several runs. */
static void begin(fm_figure *f, const fm_report_model *model)
{
    fm_buf_puts(&f->body, "set border 1\nset xtics offset 0,0.3\n");
    if (model->n > 1)
        fm_buf_puts(&f->body,
                    "set key outside top left horizontal Left reverse samplen 1 height 0.5\n");
}

static const cJSON *aggregate(const fm_report_model *model, size_t run, const char *metric)
{
    return fm_json_get(fm_json_get(model->runs[run].results, "aggregates"), metric);
}

/* Dots with intervals: a row a metric, and within it a line a run. */
static bool make_rates(fm_figure *f, const fm_report_model *model, const fm_report_metric *metrics,
                       size_t n_metrics)
{
    fm_buf *s = &f->body;
    size_t rates = 0;

    for (size_t m = 0; m < n_metrics; m++)
        rates += metrics[m].rate;
    if (rates == 0)
        return false;

    double row = model->n < 2 ? 26 : 12.0 + 13.0 * (double)model->n;
    f->width = 760;
    f->height = (int)(row * (double)rates) + (model->n > 1 ? 84 : 52);
    begin(f, model);
    fm_buf_printf(s,
                  "set xrange [0:100]\nset yrange [0.45:%zu.55]\n"
                  "set format x '%%g %%%%'\nset ytics 1 format ''\n"
                  "set lmargin at screen 0.19\nset rmargin at screen 0.97\n"
                  "set grid x\nset ytics scale 0\n",
                  rates);
    size_t at = rates;
    for (size_t m = 0; m < n_metrics; m++) {
        if (!metrics[m].rate)
            continue;
        fm_buf_puts(s, "set label ");
        fm_gnuplot_quote(s, metrics[m].name);
        fm_buf_printf(s, " at first 0, first %zu right offset -1,0 noenhanced\n", at--);
    }
    fm_buf_puts(&f->data, "# run\trow\tpercent\tlow\thigh\n");
    for (size_t r = 0; r < model->n; r++) {
        at = rates;
        for (size_t m = 0; m < n_metrics; m++) {
            const cJSON *a = aggregate(model, r, metrics[m].name);
            double value = fm_json_number(a, "value", NAN),
                   low = fm_json_number(a, "ci_low", value);
            double high = fm_json_number(a, "ci_high", value);

            if (!metrics[m].rate)
                continue;
            double y =
                (double)at-- + ((double)(model->n - 1) / 2 - (double)r) * 0.62 / (double)model->n;
            fm_buf_printf(&f->data, "%zu\t%.9g\t", r, y);
            /* a row all the same: gnuplot stops at a plot without any */
            if (isfinite(value))
                fm_buf_printf(&f->data, "%.9g\t%.9g\t%.9g\n", value * 100, low * 100, high * 100);
            else
                fm_buf_puts(&f->data, "NaN\tNaN\tNaN\n");
        }
    }
    fm_buf_puts(s, "plot ");
    for (size_t r = 0; r < model->n; r++) {
        fm_buf_printf(s,
                      "%sDATA using ($1==%zu?$3:NaN):2:4:5 with xerrorbars pt 7 ps 0.6 lw 2.2 "
                      "lc rgb '#%06x' ",
                      r ? ", " : "", r, fm_plot_colour(r));
        fm_buf_puts(s, model->n > 1 ? "title " : "notitle");
        if (model->n > 1)
            put_label_of_run(s, model, r);
    }
    fm_buf_puts(s, "\n");
    return true;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The values of a metric, sorted, in the model's arena; none where the run has it in another unit. */
static size_t sorted_values(fm_report_model *model, size_t run, const fm_report_metric *metric,
                            double **out)
{
    const fm_report_run *r = &model->runs[run];
    size_t n = 0;

    *out = NULL;
    if (fm_report_has(r, metric))
        *out = fm_arena_alloc(&model->arena, r->n_samples ? r->n_samples : 1, sizeof(**out));
    for (size_t i = 0; *out && i < r->n_samples; i++) {
        const cJSON *value = fm_json_get(fm_json_get(r->samples[i].line, "metrics"), metric->name);

        if (cJSON_IsNumber(value) && isfinite(value->valuedouble))
            (*out)[n++] = value->valuedouble;
    }
    if (n > 1)
        qsort(*out, n, sizeof(**out), ascending);
    return n;
}

/* The distance of tick marks: 1, 2 or 5 of a power of ten, at most five to the axis. gnuplot's own
 * choice runs the labels of narrow plots into each other. */
static double tick_step(double span)
{
    double unit = pow(10, floor(log10(span / 5))), need = span / 5 / unit;

    return unit * (need <= 1 ? 1 : need <= 2 ? 2 : need <= 5 ? 5 : 10);
}

/* The empirical distribution of one metric: which share of the samples has at most this value. The
 * mean and its interval stand above it. */
static bool make_distribution(fm_figure *f, fm_report_model *model, const fm_report_metric *metric)
{
    fm_buf *s = &f->body;
    double *values[FM_REPORT_MAX_RUNS], low = INFINITY, high = -INFINITY, reach = -INFINITY;
    size_t counts[FM_REPORT_MAX_RUNS], most = 0, beyond = 0;

    for (size_t r = 0; r < model->n; r++) {
        size_t n = counts[r] = sorted_values(model, r, metric, &values[r]);

        most = n > most ? n : most;
        if (n == 0)
            continue;
        low = fmin(low, values[r][0]);
        high = fmax(high, values[r][n - 1]);
        reach = fmax(reach, values[r][(n - 1) * 9 / 10]);
    }
    if (most < 2 || !(high > low))
        return false;
    /* A few wild values must not squeeze all others into one step. */
    if (high > low + 3 * (reach - low) && reach > low)
        high = low + 2 * (reach - low);
    for (size_t r = 0; r < model->n; r++)
        for (size_t i = counts[r]; i-- > 0 && values[r][i] > high;)
            beyond++;
    /* Zero belongs on the axis of a distance unless everything is far from it. */
    if (low > 0 && low < 0.5 * high)
        low = 0;

    f->width = 380;
    f->height = model->n > 1 ? 250 : 230;
    begin(f, model);
    fm_buf_printf(s,
                  "set xrange [%.9g:%.9g]\nset yrange [0:100]\nset format y '%%g %%%%'\n"
                  "set ytics 25\nset xtics %.9g\nset grid\n",
                  low, high, tick_step(high - low));
    fm_buf text = {0};
    fm_buf_puts(&text, metric->name);
    if (*metric->unit)
        fm_buf_printf(&text, " (%s)", metric->unit);
    if (beyond > 0)
        fm_buf_printf(&text, ", %zu further right", beyond);
    fm_buf_puts(s, "set xlabel ");
    fm_gnuplot_quote(s, fm_buf_text(&text));
    fm_buf_puts(s, " offset 0,0.5 noenhanced\n");
    if (text.failed)
        s->failed = true;
    fm_buf_release(&text);

    fm_buf_puts(&f->data, "# run\tvalue\tpercent\n");
    for (size_t r = 0; r < model->n; r++) {
        const cJSON *a = aggregate(model, r, metric->name);
        double mean = fm_json_number(a, "value", NAN);
        double from = fm_json_number(a, "ci_low", NAN), to = fm_json_number(a, "ci_high", NAN);
        size_t n = counts[r], step = n / MOST_STEPS + 1;

        if (n == 0) /* a run of a task that does not have this metric */
            continue;
        if (isfinite(from) && isfinite(to) && to > from)
            fm_buf_printf(s,
                          "set object rectangle from %.9g, graph 0 to %.9g, graph 1 back "
                          "fillcolor rgb '#%06x' fillstyle transparent solid 0.14 noborder\n",
                          fmax(from, low), fmin(to, high), fm_plot_colour(r));
        if (isfinite(mean) && mean >= low && mean <= high)
            fm_buf_printf(s,
                          "set arrow from %.9g, graph 0 to %.9g, graph 1 nohead lw 1.2 "
                          "dt (4,3) lc rgb '#%06x'\n",
                          mean, mean, fm_plot_colour(r));
        fm_buf_printf(&f->data, "%zu\t%.9g\t0\n", r, low);
        for (size_t i = 0; i < n; i++)
            if (i % step == 0 || i + 1 == n)
                fm_buf_printf(&f->data, "%zu\t%.9g\t%.9g\n", r, values[r][i],
                              100.0 * (double)(i + 1) / (double)n);
        fm_buf_printf(&f->data, "%zu\t%.9g\t%d\n", r, fmax(high, values[r][n - 1]), 100);
    }
    fm_buf_puts(s, "plot ");
    for (size_t r = 0, drawn = 0; r < model->n; r++) {
        if (counts[r] == 0)
            continue;
        /* Curves of two protocols often lie on each other: thinner ones over thicker ones. */
        fm_buf_printf(s, "%sDATA using ($1==%zu?$2:NaN):3 with steps lw %.1f lc rgb '#%06x' ",
                      drawn++ ? ", " : "", r, r == 0 && model->n > 1 ? 4.0 : 2.0,
                      fm_plot_colour(r));
        fm_buf_puts(s, model->n > 1 ? "title " : "notitle");
        if (model->n > 1)
            put_label_of_run(s, model, r);
    }
    fm_buf_puts(s, "\n");
    return true;
}

/* The distributions of a metric, one for each unit in which runs have it. The first has the metric's
 * name, another that of a task beside it. */
static fm_status make_distributions(fm_figure *figures, size_t most, size_t *n,
                                    fm_report_model *model, const fm_report_metric *metric,
                                    fm_err *err)
{
    for (size_t r = 0; r < model->n && *n < most; r++) {
        const char *unit = fm_json_string(aggregate(model, r, metric->name), "unit");
        fm_report_metric one = *metric;
        char name[FM_REPORT_NAME_BYTES];
        size_t first = 0;

        one.unit = unit ? unit : "";
        while (first < r && !fm_report_has(&model->runs[first], &one))
            first++;
        if (first < r || !make_distribution(&figures[*n], model, &one))
            continue;
        snprintf(name, sizeof(name), "%.80s-%.40s", metric->name, model->runs[r].task);
        figures[*n].name = strcmp(one.unit, metric->unit) == 0
                               ? metric->name
                               : fm_arena_strdup(&model->arena, name);
        if (!figures[(*n)++].name)
            return fm_fail(err, FM_E_NOMEM, "out of memory for the plots");
    }
    return FM_OK;
}

/* Rates first. The figures are in the arena; release_all() gives back what they hold. */
static fm_status make_all(fm_report_model *model, const fm_report_metric *metrics, size_t n_metrics,
                          size_t most, fm_figure **out, size_t *n, fm_err *err)
{
    fm_figure *figures = fm_arena_alloc(&model->arena, most ? most : 1, sizeof(*figures));
    fm_status st = FM_OK;

    *n = 0;
    *out = figures;
    if (!figures)
        return fm_fail(err, FM_E_NOMEM, "out of memory for the plots");
    if (most > 0 && make_rates(&figures[0], model, metrics, n_metrics))
        figures[(*n)++].name = "rates";
    for (size_t m = 0; st == FM_OK && m < n_metrics; m++)
        if (!metrics[m].rate)
            st = make_distributions(figures, most, n, model, &metrics[m], err);
    return st;
}

static void release_all(fm_figure *figures, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fm_figure_release(&figures[i]);
}

fm_status fm_plots_summary(fm_report_model *model, const fm_report_metric *metrics,
                           size_t n_metrics, const char *prefix, fm_plot *plots, size_t most,
                           size_t *n, bool *found, fm_err *err)
{
    fm_buf script = {0};
    fm_buf **svgs = fm_arena_alloc(&model->arena, most ? most : 1, sizeof(*svgs));
    fm_figure *figures;
    size_t planned, made = 0;

    *n = 0;
    *found = true;
    if (!svgs)
        return fm_fail(err, FM_E_NOMEM, "out of memory for the plots");
    fm_status st = make_all(model, metrics, n_metrics, most, &figures, &planned, err);
    for (size_t i = 0; i < planned; i++) {
        fm_figure_put_script(&figures[i], &script);
        plots[i] = (fm_plot){.name = figures[i].name};
        svgs[i] = &plots[i].svg;
    }
    release_all(figures, planned);
    if (st == FM_OK)
        st = fm_buf_check(&script, "plot", err);
    if (st == FM_OK && planned > 0)
        st = fm_plot_render(&script, prefix, svgs, planned, &made, found, err);
    if (st == FM_OK && *found && made < planned)
        st = fm_fail(err, FM_E_IO, "gnuplot made %zu of %zu plots", made, planned);
    *n = *found ? planned : 0;
    fm_buf_release(&script);
    return st;
}

fm_status fm_plots_write(const char *dir, fm_report_model *model, const fm_report_metric *metrics,
                         size_t n_metrics, size_t *written, bool *found, fm_err *err)
{
    fm_figure *figures;
    size_t n;
    fm_status st = make_all(model, metrics, n_metrics, FM_REPORT_MAX_PLOTS, &figures, &n, err);

    for (size_t i = 0; st == FM_OK && i < n; i++) {
        char stem[FM_REPORT_NAME_BYTES];
        fm_figure named = figures[i];

        fm_report_file_name(figures[i].name, i, stem);
        named.name = stem;
        st = fm_figure_write(dir, &named, written, found, err);
    }
    release_all(figures, n);
    return st;
}
