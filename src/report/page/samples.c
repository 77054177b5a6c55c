/*
 * What the script is told about runs and samples. Members have short names because there are many of
 * them; data.js says what each is. Positions are pixels of the picture to a tenth, metres to a
 * millimetre.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "report/page/page.h"

/* Of a reply more than this is not for reading on a page; the run directory has all of it. The answer
 * often stands at the end, so the middle is what is left out. */
#define REPLY_HEAD ((size_t)12 << 10)
#define REPLY_TAIL ((size_t)4 << 10)

static double rounded(double value, double step)
{
    return rint(value * step) / step;
}

static void put_points(fm_json_writer *w, const char *key, const double *points, size_t n, int dim,
                       double step)
{
    fm_json_open(w, key, '[');
    for (size_t i = 0; i < n; i++) {
        double values[3];

        for (int k = 0; k < dim; k++)
            values[k] = rounded(points[i * (size_t)dim + (size_t)k], step);
        fm_json_put_vector(w, NULL, values, (size_t)dim);
    }
    fm_json_close(w, ']');
}

static void put_if(fm_json_writer *w, const char *key, const char *text)
{
    if (text && *text)
        fm_json_put_string(w, key, text);
}

/* ---- the truth ---- */

static void put_shapes(fm_json_writer *w, const fm_shapes *s)
{
    if (s->trace.n > 0)
        put_points(w, "trace", s->trace.points[0], s->trace.n, 2, 10);
    if (s->region.n > 0)
        put_points(w, "region", s->region.points[0], s->region.n, 2, 10);
    if (s->n_outlines > 0) {
        fm_json_open(w, "mask", '[');
        for (size_t i = 0; i < s->n_outlines; i++)
            put_points(w, NULL, s->outlines[i].points[0], s->outlines[i].n, 2, 10);
        fm_json_close(w, ']');
    }
    if (s->n_edges > 0) {
        fm_json_open(w, "edges", '[');
        for (size_t i = 0; i < s->n_edges; i++) {
            const fm_shape_edge *e = &s->edges[i];
            double row[5] = {rounded(e->a[0], 10), rounded(e->a[1], 10), rounded(e->b[0], 10),
                             rounded(e->b[1], 10), e->front};

            fm_json_put_vector(w, NULL, row, 5);
        }
        fm_json_close(w, ']');
    }
}

static void put_space(fm_json_writer *w, const fm_sample *s)
{
    const fm_truth_trace *truth = &s->truth.trace;
    double corners[8][3];

    if (s->kind != FM_ANSWER_TRACE3D || !s->has_camera || truth->n == 0)
        return;
    fm_json_open(w, "space", '{');
    fm_json_put_vector(w, "camera",
                       (double[]){s->camera.fx, s->camera.fy, s->camera.cx, s->camera.cy}, 4);
    put_points(w, "trace", truth->points[0],
               truth->n < FM_SHAPES_MOST_POINTS ? truth->n : FM_SHAPES_MOST_POINTS, 3, 1000);
    if (truth->has_box) {
        fm_box_corners(&truth->box, corners);
        put_points(w, "box", corners[0], 8, 3, 1000);
    }
    fm_json_close(w, '}');
}

static void put_truth(fm_json_writer *w, const fm_sample *s)
{
    fm_buf text = {0};

    if (s->kind == FM_ANSWER_CHOICE && s->truth.choice.options) {
        fm_json_open(w, "options", '[');
        for (size_t i = 0; i < s->truth.choice.n; i++)
            fm_json_put_string(w, NULL, s->truth.choice.options[i]);
        fm_json_close(w, ']');
        fm_json_put_int(w, "right", (int64_t)s->truth.choice.index);
    } else if (s->kind == FM_ANSWER_YESNO) {
        fm_json_put_string(w, "truth", s->truth.yesno.yes ? "yes" : "no");
    } else if (s->kind == FM_ANSWER_QUANTITY) {
        for (size_t i = 0; i < s->truth.quantity.n; i++)
            fm_buf_printf(&text, "%s%.6g", i ? " \xC3\x97 " : "", s->truth.quantity.values[i]);
        fm_buf_printf(&text, " %s", s->truth.quantity.unit ? s->truth.quantity.unit : "");
        fm_json_put_string(w, "truth", fm_buf_text(&text));
    }
    w->out->failed |= text.failed;
    fm_buf_release(&text);
}

/* ---- an answer ---- */

/* Where the text goes on behind its head: at a whole character. */
static size_t character_at(const char *text, size_t at)
{
    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80)
        at--;
    return at;
}

static fm_status put_reply(fm_json_writer *w, const cJSON *line, fm_err *err)
{
    const cJSON *reply = fm_json_get(line, "reply");
    fm_arena arena = {0};
    size_t size = 0;
    char *text = NULL;
    fm_status st = fm_json_get_reply(reply, "text", &arena, &text, &size, err);

    put_if(w, "say", fm_json_string(reply, "detail"));
    if (st == FM_OK && text) {
        bool whole = size <= REPLY_HEAD + REPLY_TAIL;
        size_t head = whole ? size : character_at(text, REPLY_HEAD);
        size_t tail = whole ? size : character_at(text, size - REPLY_TAIL);

        fm_json_put_int(w, "size", (int64_t)size);
        fm_json_put_bytes(w, "text", text, head);
        if (tail > head)
            fm_json_put_int(w, "gap", (int64_t)(tail - head));
        if (tail < size)
            fm_json_put_bytes(w, "tail", text + tail, size - tail);
    }
    fm_arena_release(&arena);
    return st;
}

static void put_path(fm_json_writer *w, const cJSON *line, const fm_page_picture *picture)
{
    fm_arena arena = {0};
    double(*points)[3];
    size_t n = fm_shapes_answer(line, &arena, &points);

    if (n > 0)
        fm_json_open(w, "path", '[');
    for (size_t i = 0; i < n; i++) {
        double row[3] = {rounded(points[i][0] * picture->width, 10),
                         rounded(points[i][1] * picture->height, 10), rounded(points[i][2], 1000)};

        fm_json_put_vector(w, NULL, row, isnan(points[i][2]) ? 2 : 3);
    }
    if (n > 0)
        fm_json_close(w, ']');
    fm_arena_release(&arena);
}

/* Numbers to six figures: the page is for reading, samples.jsonl for computing. */
static void put_metrics(fm_json_writer *w, const cJSON *line)
{
    const cJSON *item;

    fm_json_open(w, "m", '{');
    cJSON_ArrayForEach(item, fm_json_get(line, "metrics"))
    {
        double size = cJSON_IsNumber(item) ? fabs(item->valuedouble) : 0;

        if (size > 1e-12 && size < 1e12)
            fm_json_put_number(w, item->string,
                               rounded(item->valuedouble, pow(10, 5 - floor(log10(size)))));
        else
            fm_json_put_tree(w, item->string, item);
    }
    fm_json_close(w, '}');
}

static fm_status put_answer(fm_json_writer *w, const fm_page *page, const fm_page_entry *entry,
                            size_t run, const fm_page_picture *picture, fm_err *err)
{
    const fm_report_sample *sample = entry->of[run];
    fm_status st = FM_OK;

    if (!sample) {
        fm_json_put_null(w, NULL);
        return st;
    }
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "s", fm_json_string(sample->line, "status"));
    put_if(w, "why", fm_json_string(sample->line, "reason"));
    put_metrics(w, sample->line);
    /* Protocols of one run have the same reply: it is there once, in the first. */
    if (page->model->runs[run].group == run)
        st = put_reply(w, sample->line, err);
    put_path(w, sample->line, picture);
    fm_json_close(w, '}');
    return st;
}

/* ---- all of it ---- */

fm_status fm_page_make_json(const fm_page *page, fm_page_entry *entry,
                            const fm_page_picture *picture, const fm_raster *mask, fm_err *err)
{
    const fm_sample *s = entry->shown->has_sample ? &entry->shown->sample : NULL;
    fm_json_writer w = {.out = &entry->json};
    fm_arena arena = {0};
    fm_shapes shapes = {0};
    fm_status st = FM_OK;

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "id", entry->shown->id);
    put_if(&w, "trouble", picture->trouble);
    put_if(&w, "link", fm_buf_text(&picture->link));
    if (picture->width > 0)
        fm_json_put_vector(&w, "size", (double[]){picture->width, picture->height}, 2);
    if (s) {
        put_if(&w, "category", s->category);
        put_if(&w, "source", s->source);
        if (s->steps > 0)
            fm_json_put_int(&w, "steps", s->steps);
        put_if(&w, "ask", s->instruction);
        put_truth(&w, s);
        put_space(&w, s);
    }
    if (s && picture->width > 0) {
        st = fm_shapes_make(s, picture->width, picture->height, mask, &arena, &shapes, err);
        put_shapes(&w, &shapes);
    }
    fm_json_open(&w, "of", '[');
    for (size_t r = 0; st == FM_OK && r < page->model->n; r++)
        st = put_answer(&w, page, entry, r, picture, err);
    fm_json_close(&w, ']');
    fm_json_close(&w, '}');
    fm_arena_release(&arena);
    return st == FM_OK ? fm_buf_check(&entry->json, "a sample of the page", err) : st;
}

void fm_page_put_runs(fm_json_writer *w, const fm_page *page)
{
    const fm_report_model *model = page->model;
    char colour[8];

    fm_json_open(w, "runs", '[');
    for (size_t r = 0; r < model->n; r++) {
        const fm_report_run *run = &model->runs[r];

        snprintf(colour, sizeof(colour), "#%06x", fm_plot_colour(r));
        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "name", run->name);
        fm_json_put_string(w, "protocol", run->protocol);
        fm_json_put_string(w, "colour", colour);
        fm_json_put_string(w, "primary", fm_json_string(run->results, "primary"));
        fm_json_put_int(w, "group", (int64_t)run->group);
        fm_json_close(w, '}');
    }
    fm_json_close(w, ']');
    fm_json_put_bool(w, "several", !fm_report_same_name(model));
    fm_json_open(w, "metrics", '[');
    for (size_t m = 0; m < page->n_metrics; m++) {
        const fm_report_metric *metric = &page->metrics[m];

        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "name", metric->name);
        fm_json_put_string(w, "unit", metric->unit);
        fm_json_put_bool(w, "rate", metric->rate);
        fm_json_put_int(w, "better", metric->better);
        fm_json_close(w, '}');
    }
    fm_json_close(w, ']');
    fm_json_open(w, "outcomes", '{');
#define PUT_OUTCOME(code, text, group, meaning) fm_json_put_int(w, text, FM_OUTCOME_##group);
    FM_SAMPLE_STATUS_MAP(PUT_OUTCOME)
#undef PUT_OUTCOME
    fm_json_close(w, '}');
}
