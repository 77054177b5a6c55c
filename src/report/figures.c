/* Owns what each figure shows: its data, and the script over it. */
#include "report/figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/size.h"
#include "fathom/stats.h"
#include "report/figure.h"
#include "report/gnuplot.h"
#include "report/plots.h"
#include "report/rows.h"

#define CONFIDENCE 0.95
#define DRAWS      2000
#define SEED       UINT64_C(20251213660)

enum { GROUPS_MOST = 24, BINS = 10, QUANTILES = 6, PANELS_MOST = 24 };

typedef struct {
    fm_report_model *model;
    const fm_report_metric *metrics;
    size_t n_metrics;
} source;

/* ---- what is read of a sample ---- */

static double number_of(const fm_report_sample *sample, const char *metric)
{
    const cJSON *value = fm_json_get(fm_json_get(sample->line, "metrics"), metric);

    if (cJSON_IsBool(value))
        return cJSON_IsTrue(value);
    return cJSON_IsNumber(value) && isfinite(value->valuedouble) ? value->valuedouble : NAN;
}

static bool has_trace(const fm_report_sample *sample)
{
    return sample->has_sample && sample->sample.truth.trace.n > 1 &&
           (sample->sample.kind == FM_ANSWER_TRACE2D || sample->sample.kind == FM_ANSWER_TRACE3D);
}

/* Metres of the true trace. */
static double length_of(const fm_report_sample *sample)
{
    const fm_truth_trace *t = &sample->sample.truth.trace;
    double sum = 0;

    for (size_t i = 1; i < t->n; i++)
        sum += hypot(
            hypot(t->points[i][0] - t->points[i - 1][0], t->points[i][1] - t->points[i - 1][1]),
            t->points[i][2] - t->points[i - 1][2]);
    return sum;
}

static double depth_of(const fm_report_sample *sample)
{
    const fm_truth_trace *t = &sample->sample.truth.trace;
    double sum = 0;

    for (size_t i = 0; i < t->n; i++)
        sum += t->points[i][2];
    return sum / (double)t->n;
}

/* Mean depth of the answer; NaN where it has none. */
static double predicted_depth(const fm_report_sample *sample)
{
    const cJSON *points = fm_json_get(fm_json_get(sample->line, "answer"), "points"), *one;
    double sum = 0;
    size_t n = 0;

    cJSON_ArrayForEach(one, points)
    {
        const cJSON *depth = cJSON_GetArrayItem(one, 2);

        if (!cJSON_IsNumber(depth) || !isfinite(depth->valuedouble))
            continue;
        sum += depth->valuedouble;
        n++;
    }
    return n ? sum / (double)n : NAN;
}

static const char *primary_of(const source *s)
{
    return fm_json_string(s->model->runs[0].results, "primary");
}

static const fm_report_metric *metric_of(const source *s, const char *name)
{
    for (size_t i = 0; name && i < s->n_metrics; i++)
        if (strcmp(s->metrics[i].name, name) == 0)
            return &s->metrics[i];
    return NULL;
}

/* ---- scripts ---- */

/* The pieces as one text. */
static void quote(fm_buf *out, const char *a, const char *b, const char *c, const char *d)
{
    fm_buf text = {0};

    fm_buf_printf(&text, "%s%s%s%s", a, b, c, d);
    fm_gnuplot_quote(out, fm_buf_text(&text));
    out->failed |= text.failed;
    fm_buf_release(&text);
}

/* What a run is called in a legend, and in no more words than tell it apart. */
static void name_run(fm_buf *out, const fm_report_model *model, size_t run)
{
    const fm_report_run *r = &model->runs[run];

    if (fm_report_same_name(model))
        fm_buf_puts(out, r->rules);
    else if (fm_report_same_protocol(model) && fm_report_same_task(model))
        fm_buf_puts(out, r->name);
    else
        fm_buf_printf(out, "%s %s", r->name, r->rules);
}

static void put_axis(fm_buf *out, char axis, const char *text, const char *unit)
{
    fm_buf_printf(out, "set %clabel ", axis);
    quote(out, text, *unit ? " (" : "", unit, *unit ? ")" : "");
    fm_buf_puts(out, " noenhanced\n");
}

static void put_names(fm_buf *out, const fm_report_model *model)
{
    for (size_t r = 0; r < model->n; r++) {
        fm_buf name = {0};

        name_run(&name, model, r);
        fm_names_put(out, r, fm_buf_text(&name));
        out->failed |= name.failed;
        fm_buf_release(&name);
    }
}

/* One line in the colour of each run over the plot, in place of a legend. */
static void put_legend(fm_buf *out, const fm_report_model *model)
{
    fm_names_begin(out, model->n);
    put_names(out, model);
}

/* ---- means and rates of groups ---- */

typedef struct {
    double value, low, high;
    size_t n;
} estimate;

static fm_status estimate_of(const double *values, size_t n, bool rate, estimate *out, fm_err *err)
{
    fm_interval interval = {NAN, NAN};
    fm_status st = FM_OK;
    size_t hits = 0;

    for (size_t i = 0; i < n; i++)
        hits += values[i] == 1;
    if (rate)
        interval = fm_stats_wilson(hits, n, CONFIDENCE);
    else if (n > 1)
        st = fm_stats_bootstrap_mean(values, n, DRAWS, CONFIDENCE, SEED, &interval, err);
    *out = (estimate){fm_stats_mean(values, n), interval.low, interval.high, n};
    return st;
}

typedef struct {
    char label[80];
    double order; /* of the groups: by number, or as they come */
} group;

typedef bool group_of(const fm_report_sample *sample, group *out);

static bool by_category(const fm_report_sample *sample, group *out)
{
    if (!sample->has_sample || !sample->sample.category)
        return false;
    snprintf(out->label, sizeof(out->label), "%.60s", sample->sample.category);
    out->order = 0;
    return true;
}

static bool by_steps(const fm_report_sample *sample, group *out)
{
    if (!sample->has_sample || sample->sample.steps < 1)
        return false;
    snprintf(out->label, sizeof(out->label), "%d step%s", sample->sample.steps,
             sample->sample.steps == 1 ? "" : "s");
    out->order = sample->sample.steps;
    return true;
}

static int by_order(const void *a, const void *b)
{
    const group *x = a, *y = b;
    int order = (x->order > y->order) - (x->order < y->order);

    return order ? order : strcmp(x->label, y->label);
}

/* The groups of all runs, sorted; more than GROUPS_MOST: none, nobody could read them. */
static size_t find_groups(const fm_report_model *model, group_of *of, group *groups)
{
    size_t n = 0;

    for (size_t r = 0; r < model->n; r++) {
        for (size_t i = 0; i < model->runs[r].n_samples; i++) {
            group g = {0};
            size_t k = 0;

            if (!of(&model->runs[r].samples[i], &g))
                continue;
            while (k < n && strcmp(groups[k].label, g.label) != 0)
                k++;
            if (k == GROUPS_MOST)
                return 0;
            if (k == n)
                groups[n++] = g;
        }
    }
    qsort(groups, n, sizeof(*groups), by_order);
    return n;
}

static size_t values_in(const fm_report_run *run, group_of *of, const group *wanted,
                        const char *metric, double *out)
{
    size_t n = 0;

    for (size_t i = 0; i < run->n_samples; i++) {
        group g = {0};
        double value = number_of(&run->samples[i], metric);

        if (isfinite(value) && of(&run->samples[i], &g) && strcmp(g.label, wanted->label) == 0)
            out[n++] = value;
    }
    return n;
}

/* Rows of groups, and in each a dot with its interval for every run. */
static fm_status make_groups(fm_figure *f, const source *s, group_of *of, fm_err *err)
{
    fm_report_model *model = s->model;
    const fm_report_metric *m = metric_of(s, primary_of(s));
    group groups[GROUPS_MOST] = {0};
    size_t n = m ? find_groups(model, of, groups) : 0, most = 0;
    fm_status st = FM_OK;

    for (size_t r = 0; r < model->n; r++)
        most = model->runs[r].n_samples > most ? model->runs[r].n_samples : most;
    double *values = fm_arena_alloc(&model->arena, most ? most : 1, sizeof(*values));
    if (!values)
        return fm_fail(err, FM_E_NOMEM, "out of memory for the plots");
    if (n < 2)
        return FM_OK;
    const fm_rows rows = {f, model->n, n};
    fm_rows_begin(&rows);
    put_names(&f->body, model);
    put_axis(&f->body, 'x', m->name, m->rate ? "%" : m->unit);
    fm_buf_puts(&f->body, m->rate ? "set xrange [0:100]\n" : "set xrange [0:*]\n");
    for (size_t g = 0; st == FM_OK && g < n; g++) {
        char label[sizeof(groups[g].label) + 32];
        size_t count = 0;

        for (size_t r = 0; st == FM_OK && r < model->n; r++) {
            size_t k = fm_report_has(&model->runs[r], m)
                           ? values_in(&model->runs[r], of, &groups[g], m->name, values)
                           : 0;
            double scale = m->rate ? 100 : 1;
            estimate e;

            st = estimate_of(values, k, m->rate, &e, err);
            count = k > count ? k : count;
            if (st == FM_OK && k > 0)
                fm_rows_put(&rows, g, r, e.value * scale, e.low * scale, e.high * scale, k);
        }
        snprintf(label, sizeof(label), "%.79s  n=%zu", groups[g].label, count);
        fm_rows_label(&rows, g, label);
    }
    fm_rows_plot(&rows);
    return st;
}

static fm_status make_by_category(fm_figure *f, const source *s, fm_err *err)
{
    return make_groups(f, s, by_category, err);
}

static fm_status make_by_steps(fm_figure *f, const source *s, fm_err *err)
{
    return make_groups(f, s, by_steps, err);
}

/* ---- clouds of points with the medians over them ---- */

typedef struct {
    double x, y;
} point;

static int by_x(const void *a, const void *b)
{
    const point *p = a, *q = b;

    return (p->x > q->x) - (p->x < q->x);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Points of a run to the data, and a line through the medians of its quantiles. */
static void put_cloud(fm_figure *f, size_t run, point *points, size_t n, double *scratch)
{
    size_t bins = n < 3 * QUANTILES ? n / 3 : QUANTILES;

    qsort(points, n, sizeof(*points), by_x);
    for (size_t i = 0; i < n; i++)
        fm_buf_printf(&f->data, "%zu\t%.6g\t%.6g\tpoint\n", run, points[i].x, points[i].y);
    for (size_t b = 0; b < bins; b++) {
        size_t from = b * n / bins, to = (b + 1) * n / bins;

        for (size_t i = from; i < to; i++)
            scratch[i - from] = points[i].y;
        qsort(scratch, to - from, sizeof(*scratch), ascending);
        fm_buf_printf(&f->data, "%zu\t%.6g\t%.6g\tmedian\n", run, points[from + (to - from) / 2].x,
                      fm_stats_quantile(scratch, to - from, 0.5));
    }
}

typedef bool take_point(const fm_report_sample *sample, const char *metric, point *out);

static bool take_length(const fm_report_sample *sample, const char *metric, point *out)
{
    *out = (point){has_trace(sample) ? length_of(sample) : NAN, number_of(sample, metric)};
    return isfinite(out->x) && isfinite(out->y);
}

static bool take_depth(const fm_report_sample *sample, const char *metric, point *out)
{
    *out = (point){has_trace(sample) ? depth_of(sample) : NAN, number_of(sample, metric)};
    return isfinite(out->x) && isfinite(out->y);
}

static bool take_scale(const fm_report_sample *sample, const char *metric, point *out)
{
    (void)metric;
    *out = (point){has_trace(sample) ? depth_of(sample) : NAN, predicted_depth(sample)};
    return isfinite(out->x) && isfinite(out->y);
}

/* The points of all runs, of those that have it in this unit where there is a metric; *n: how many. */
static fm_status put_clouds(fm_figure *f, const source *s, take_point *take,
                            const fm_report_metric *metric, size_t *n, fm_err *err)
{
    fm_report_model *model = s->model;

    *n = 0;
    fm_buf_puts(&f->data, "# run\tx\ty\tkind\n");
    for (size_t r = 0; r < model->n; r++) {
        const fm_report_run *run = &model->runs[r];
        size_t k = 0, room = run->n_samples ? run->n_samples : 1;
        point *points = fm_arena_alloc(&model->arena, room, sizeof(*points));
        double *scratch = fm_arena_alloc(&model->arena, room, sizeof(*scratch));

        if (!points || !scratch)
            return fm_fail(err, FM_E_NOMEM, "out of memory for the plots");
        if (metric && !fm_report_has(run, metric))
            continue;
        for (size_t i = 0; i < run->n_samples; i++)
            k += take(&run->samples[i], metric ? metric->name : "", &points[k]);
        put_cloud(f, r, points, k, scratch);
        *n += k;
    }
    return FM_OK;
}

static void plot_clouds(fm_figure *f, const fm_report_model *model, const char *before)
{
    fm_buf_printf(&f->body, "plot %s", before);
    for (size_t r = 0; r < model->n; r++)
        fm_buf_printf(&f->body,
                      "%sDATA using ($1==%zu&&strcol(4) eq 'point'?$2:NaN):3 with points pt 7 "
                      "ps 0.45 lc rgb '#a0%06x' notitle",
                      r ? ", " : "", r, fm_plot_colour(r));
    for (size_t r = 0; r < model->n; r++)
        fm_buf_printf(&f->body,
                      ", DATA using ($1==%zu&&strcol(4) eq 'median'?$2:NaN):3 with linespoints "
                      "pt 7 ps 0.8 lw 2.4 lc rgb '#%06x' notitle",
                      r, fm_plot_colour(r));
    fm_buf_putc(&f->body, '\n');
}

static fm_status make_error(fm_figure *f, const source *s, take_point *take, const char *axis,
                            fm_err *err)
{
    const fm_report_metric *m = metric_of(s, "dfd");
    size_t n = 0;

    if (!m)
        return FM_OK;
    fm_status st = put_clouds(f, s, take, m, &n, err);
    if (st != FM_OK || n < 10)
        return st;
    f->width = 560;
    f->height = 380;
    put_legend(&f->body, s->model);
    put_axis(&f->body, 'x', axis, "m");
    put_axis(&f->body, 'y',
             "Fr\xC3\xA9"
             "chet distance",
             m->unit);
    fm_buf_puts(&f->body, "set xrange [0:*]\nset yrange [0:*]\nset grid\n");
    plot_clouds(f, s->model, "");
    return FM_OK;
}

static fm_status make_error_length(fm_figure *f, const source *s, fm_err *err)
{
    return make_error(f, s, take_length, "length of the true trace", err);
}

static fm_status make_error_depth(fm_figure *f, const source *s, fm_err *err)
{
    return make_error(f, s, take_depth, "mean depth of the true trace", err);
}

/* On the dashed line depth is right; a model beside it has another scale. */
static fm_status make_depth_scale(fm_figure *f, const source *s, fm_err *err)
{
    size_t n = 0;
    fm_status st = put_clouds(f, s, take_scale, NULL, &n, err);

    if (st != FM_OK || n < 10)
        return st;
    f->width = 560;
    f->height = 420;
    put_legend(&f->body, s->model);
    put_axis(&f->body, 'x', "true mean depth", "m");
    put_axis(&f->body, 'y', "predicted mean depth", "m");
    fm_buf_puts(&f->body, "set xrange [0:*]\nset yrange [0:*]\nset grid\n");
    plot_clouds(f, s->model, "x with lines dt (4,3) lw 1.2 lc rgb '#7f7f7f' notitle, ");
    return FM_OK;
}

/* ---- along the way ---- */

/* Mean share of the object that lies inside others, of each tenth of the way. */
static fm_status make_collision_path(fm_figure *f, const source *s, fm_err *err)
{
    fm_report_model *model = s->model;
    fm_status st = FM_OK;
    bool any = false;

    fm_buf_puts(&f->data, "# run\tway_percent\tmean_percent\tlow\thigh\tn\n");
    for (size_t r = 0; st == FM_OK && r < model->n; r++) {
        const fm_report_run *run = &model->runs[r];
        double *values =
            fm_arena_alloc(&model->arena, run->n_samples ? run->n_samples : 1, sizeof(*values));

        for (size_t b = 0; st == FM_OK && b <= BINS; b++) {
            size_t n = 0;
            estimate e;

            for (size_t i = 0; values && i < run->n_samples; i++) {
                const cJSON *ratios =
                    fm_json_get(fm_json_get(run->samples[i].line, "metrics"), "collision_ratios");
                int size = cJSON_GetArraySize(ratios);
                const cJSON *one =
                    cJSON_GetArrayItem(ratios, (int)lround((double)b / BINS * (size - 1)));

                if (size > 1 && cJSON_IsNumber(one) && isfinite(one->valuedouble))
                    values[n++] = one->valuedouble;
            }
            if (n < 2)
                continue;
            any = true;
            st = estimate_of(values, n, false, &e, err);
            fm_buf_printf(&f->data, "%zu\t%zu\t%.6g\t%.6g\t%.6g\t%zu\n", r, b * 100 / BINS,
                          e.value * 100, e.low * 100, e.high * 100, n);
        }
        if (!values)
            return fm_fail(err, FM_E_NOMEM, "out of memory for the plots");
    }
    if (st != FM_OK || !any)
        return st;
    f->width = 560;
    f->height = 360;
    put_legend(&f->body, model);
    put_axis(&f->body, 'x', "way from start to end", "%");
    put_axis(&f->body, 'y', "object inside others", "%");
    fm_buf_puts(&f->body, "set xrange [0:100]\nset yrange [0:*]\nset grid\nplot ");
    for (size_t r = 0; r < model->n; r++)
        fm_buf_printf(&f->body,
                      "%sDATA using ($1==%zu?$2:NaN):4:5 with filledcurves fs transparent solid "
                      "0.14 noborder lc rgb '#%06x' notitle",
                      r ? ", " : "", r, fm_plot_colour(r));
    for (size_t r = 0; r < model->n; r++)
        fm_buf_printf(&f->body,
                      ", DATA using ($1==%zu?$2:NaN):3 with lines lw 2.4 lc rgb '#%06x' notitle", r,
                      fm_plot_colour(r));
    fm_buf_putc(&f->body, '\n');
    return FM_OK;
}

/* ---- headlines ---- */

typedef struct {
    double value, low, high;
    bool rate;
    const char *unit, *metric;
} headline;

static bool headline_of(const fm_report_run *run, headline *out)
{
    const char *name = fm_report_headline(run);
    const cJSON *a = name ? fm_json_get(fm_json_get(run->results, "aggregates"), name) : NULL;
    const char *role = fm_json_string(a, "role"), *unit = fm_json_string(a, "unit");
    bool rate = role && strcmp(role, "rate") == 0;
    double scale = rate ? 100 : 1, value = fm_json_number(a, "value", NAN) * scale;

    *out = (headline){value,
                      fm_json_number(a, "ci_low", value / scale) * scale,
                      fm_json_number(a, "ci_high", value / scale) * scale,
                      rate,
                      rate   ? "%"
                      : unit ? unit
                             : "",
                      name ? name : ""};
    return isfinite(value);
}

static bool same_panel(const fm_report_run *a, const fm_report_run *b)
{
    return strcmp(a->task, b->task) == 0 && strcmp(a->protocol, b->protocol) == 0;
}

/* The first runs of each task and protocol. */
static size_t find_panels(const fm_report_model *model, size_t *panels)
{
    size_t n = 0;

    for (size_t r = 0; r < model->n; r++) {
        size_t k = 0;

        while (k < n && !same_panel(&model->runs[panels[k]], &model->runs[r]))
            k++;
        if (k == n && n < PANELS_MOST)
            panels[n++] = r;
    }
    return n;
}

static size_t most_in_panel(const fm_report_model *model, const size_t *panels, size_t n)
{
    size_t most = 0;

    for (size_t p = 0; p < n; p++) {
        size_t count = 0;

        for (size_t r = 0; r < model->n; r++)
            count += same_panel(&model->runs[panels[p]], &model->runs[r]);
        most = count > most ? count : most;
    }
    return most;
}

/* A panel a task: the runs below each other, the name of each over its dot. */
static fm_status make_tasks(fm_figure *f, const source *s, fm_err *err)
{
    const fm_report_model *model = s->model;
    size_t panels[PANELS_MOST], n = find_panels(model, panels), columns = n < 3 ? n : 3;

    (void)err;
    if (n < 2)
        return FM_OK;
    size_t rows = (n + columns - 1) / columns;
    f->width = 330 * (int)columns;
    f->height = (int)rows * (90 + 34 * (int)most_in_panel(model, panels, n));
    fm_buf_puts(&f->data, "# panel\trow\tvalue\tlow\thigh\trun\n");
    fm_buf_printf(&f->body, "set multiplot layout %zu,%zu\n", rows, columns);
    for (size_t p = 0; p < n; p++) {
        const fm_report_run *first = &model->runs[panels[p]];
        size_t row = 0;
        headline h;

        fm_buf_puts(&f->body, "unset label\nset title ");
        quote(&f->body, first->task, "@", first->protocol, "");
        fm_buf_puts(&f->body, " noenhanced offset 0,-0.5\n");
        if (headline_of(first, &h))
            put_axis(&f->body, 'x', h.metric, h.unit);
        for (size_t r = 0; r < model->n; r++) {
            if (!same_panel(first, &model->runs[r]) || !headline_of(&model->runs[r], &h))
                continue;
            fm_buf_printf(&f->data, "%zu\t%zu\t%.6g\t%.6g\t%.6g\t%zu\n", p, row, h.value, h.low,
                          h.high, r);
            fm_buf_puts(&f->body, "set label ");
            quote(&f->body, model->runs[r].name, "", "", "");
            fm_buf_printf(&f->body,
                          " at graph 0.015, first %.2f left noenhanced textcolor rgb '#%06x'\n",
                          0.36 - (double)row++, fm_plot_colour(r));
        }
        fm_buf_printf(&f->body, "set yrange [-%zu.4:0.6]\n", row ? row - 1 : 0);
        fm_buf_puts(&f->body, h.rate ? "set xrange [0:100]\nset xtics 25\n"
                                     : "set xrange [0:*]\nset xtics autofreq\n");
        fm_buf_puts(&f->body, "set ytics scale 0 format ''\nset grid x\nplot NaN notitle");
        for (size_t r = 0; r < model->n; r++)
            if (same_panel(first, &model->runs[r]))
                fm_buf_printf(&f->body,
                              ", DATA using ($1==%zu&&$6==%zu?$3:NaN):(-$2):4:5 with xerrorbars "
                              "pt 7 ps 0.8 lw 2.2 lc rgb '#%06x' notitle",
                              p, r, fm_plot_colour(r));
        fm_buf_putc(&f->body, '\n');
    }
    fm_buf_puts(&f->body, "unset multiplot\n");
    return FM_OK;
}

typedef struct {
    const char *created;
    size_t run;
} dated;

static int by_date(const void *a, const void *b)
{
    const dated *x = a, *y = b;
    int order = strcmp(x->created, y->created);

    return order ? order : (x->run > y->run) - (x->run < y->run);
}

/* Of "2026-11-22T13:40:00Z"; 0 where it is none. */
static double seconds_of(const char *created)
{
    struct tm when = {0};
    const char *end = strptime(created, "%Y-%m-%dT%H:%M:%SZ", &when);

    return end && !*end ? (double)timegm(&when) : 0;
}

/* Three runs of a task or more, in the order in which they were made. */
static fm_status make_trend(fm_figure *f, const source *s, fm_err *err)
{
    const fm_report_model *model = s->model;
    size_t panels[PANELS_MOST], n = find_panels(model, panels), lines = 0;
    fm_buf plots = {0}, labels = {0};
    headline h = {0};
    headline shown = {.metric = "", .unit = ""};
    double first = INFINITY, last = -INFINITY;

    fm_buf_puts(&f->data, "# line\tcreated\tvalue\tlow\thigh\trun\n");
    for (size_t p = 0; p < n; p++) {
        dated runs[FM_REPORT_MAX_RUNS];
        size_t count = 0;

        for (size_t r = 0; r < model->n; r++) {
            const char *created = fm_json_string(model->runs[r].manifest, "created");

            if (created && same_panel(&model->runs[panels[p]], &model->runs[r]) &&
                headline_of(&model->runs[r], &h) && strlen(created) == 20)
                runs[count++] = (dated){created, r};
        }
        if (count < 3)
            continue;
        qsort(runs, count, sizeof(*runs), by_date);
        first = fmin(first, seconds_of(runs[0].created));
        last = fmax(last, seconds_of(runs[count - 1].created));
        for (size_t i = 0; i < count; i++) {
            (void)headline_of(&model->runs[runs[i].run], &h);
            /* of a date nothing but digits and its marks: it stands in the file unquoted */
            if (strspn(runs[i].created, "0123456789-:TZ") == 20)
                fm_buf_printf(&f->data, "%zu\t%s\t%.6g\t%.6g\t%.6g\t%zu\n", lines, runs[i].created,
                              h.value, h.low, h.high, runs[i].run);
        }
        /* Lines of different metrics have no name in common. */
        shown = lines && strcmp(shown.metric, h.metric) != 0
                    ? (headline){.metric = "headline", .unit = ""}
                    : h;
        fm_buf_puts(&labels, "set label ");
        quote(&labels, model->runs[panels[p]].task, "@", model->runs[panels[p]].protocol, "");
        fm_buf_printf(&labels,
                      " at graph 0, screen 1.0 - %zu.0 / H left noenhanced textcolor rgb "
                      "'#%06x'\n",
                      14 + 18 * lines, fm_plot_colour(lines));
        fm_buf_printf(&plots,
                      "%sDATA using ($1==%zu?timecolumn(2):NaN):3:4:5 with yerrorlines pt 7 ps 0.8 "
                      "lw 2 lc rgb '#%06x' notitle",
                      lines ? ", " : "", lines, fm_plot_colour(lines));
        lines++;
    }
    if (lines) {
        f->width = 640;
        f->height = 340 + 18 * (int)lines;
        fm_buf_printf(&f->body, "set tmargin at screen 1.0 - %zu.0 / H\n", 18 + 18 * lines);
        fm_buf_append(&f->body, labels.data, labels.size);
        put_axis(&f->body, 'y', shown.metric, shown.unit);
        fm_buf_puts(&f->body, "set rmargin 8\nset xdata time\nset timefmt '%Y-%m-%dT%H:%M:%SZ'\n"
                              "set format x \"%d %b %Y\\n%H:%M\"\n"
                              "set offsets graph 0.04,0.04,0,0\nset grid\n");
        if (shown.rate)
            fm_buf_puts(&f->body, "set yrange [0:100]\n");
        if (last > first)
            fm_buf_printf(&f->body, "set xtics %.0f\n", ceil((last - first) / 4));
        fm_buf_printf(&f->body, "plot %s\n", fm_buf_text(&plots));
    }
    fm_status st = fm_buf_check(&plots, "plot", err);
    if (st == FM_OK && labels.failed)
        st = fm_buf_check(&labels, "plot", err);
    fm_buf_release(&plots);
    fm_buf_release(&labels);
    return st;
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    fm_status (*make)(fm_figure *f, const source *s, fm_err *err);
} figures[] = {
    {"by-category", make_by_category},
    {"by-steps", make_by_steps},
    {"error-length", make_error_length},
    {"error-depth", make_error_depth},
    {"depth-scale", make_depth_scale},
    {"collision-path", make_collision_path},
    {"tasks", make_tasks},
    {"trend", make_trend},
};

fm_status fm_figures_write(const char *dir, fm_report_model *model, const fm_report_metric *metrics,
                           size_t n_metrics, size_t *written, bool *found, fm_err *err)
{
    source s = {model, metrics, n_metrics};
    fm_status st = FM_OK;

    for (size_t i = 0; st == FM_OK && model->n > 0 && i < FM_COUNT_OF(figures); i++) {
        fm_figure f = {.name = figures[i].name};

        st = figures[i].make(&f, &s, err);
        if (st == FM_OK && f.body.size > 0)
            st = fm_figure_write(dir, &f, written, found, err);
        fm_figure_release(&f);
    }
    return st;
}
