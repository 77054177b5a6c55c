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

/* A reply and what of it is shown: [0, head) and [tail, size). */
typedef struct {
    const char *text; /* NULL: there is none */
    size_t size, head, tail;
} shown_reply;

static fm_status load_reply(const cJSON *line, fm_arena *arena, shown_reply *out, fm_err *err)
{
    size_t size = 0;
    char *text = NULL;
    fm_status st = fm_json_get_reply(fm_json_get(line, "reply"), "text", arena, &text, &size, err);

    *out = (shown_reply){text, size, size, size};
    if (st == FM_OK && text && size > REPLY_HEAD + REPLY_TAIL) {
        out->head = character_at(text, REPLY_HEAD);
        out->tail = character_at(text, size - REPLY_TAIL);
    }
    return st;
}

static fm_status put_reply(fm_json_writer *w, const cJSON *line, fm_err *err)
{
    fm_arena arena = {0};
    shown_reply reply;
    fm_status st = load_reply(line, &arena, &reply, err);

    put_if(w, "say", fm_json_string(fm_json_get(line, "reply"), "detail"));
    if (st == FM_OK && reply.text) {
        fm_json_put_int(w, "size", (int64_t)reply.size);
        fm_json_put_bytes(w, "text", reply.text, reply.head);
        if (reply.tail > reply.head)
            fm_json_put_int(w, "gap", (int64_t)(reply.tail - reply.head));
        if (reply.tail < reply.size)
            fm_json_put_bytes(w, "tail", reply.text + reply.tail, reply.size - reply.tail);
    }
    fm_arena_release(&arena);
    return st;
}

/* How many UTF-16 units the text makes in the page: a broken byte is one U+FFFD there. */
static double units(const char *text, size_t size)
{
    double n = 0;

    for (size_t i = 0, length; i < size; i += length ? length : 1) {
        length = fm_utf8_sequence(text + i, size - i);
        n += length == 4 ? 2 : 1;
    }
    return n;
}

/* The parts that were read, from bytes of the reply to units of what is shown of it: of a part in the gap
 * nothing is left. */
static fm_status put_read(fm_json_writer *w, const cJSON *line, fm_err *err)
{
    const cJSON *parts = fm_json_get(fm_json_get(line, "answer"), "read"), *part;
    fm_arena arena = {0};
    shown_reply reply;
    fm_status st = cJSON_IsArray(parts) ? load_reply(line, &arena, &reply, err) : FM_OK;

    if (st == FM_OK && cJSON_IsArray(parts) && reply.text) {
        fm_json_open(w, "read", '[');
        cJSON_ArrayForEach(part, parts)
        {
            double at[2];

            if (!fm_json_vector(part, at, 2) ||
                !(at[0] >= 0 && at[0] <= at[1] && at[1] <= (double)reply.size))
                continue;
            for (int k = 0; k < 2; k++) {
                size_t byte = (size_t)at[k];
                size_t head = byte < reply.head ? byte : reply.head;

                at[k] = units(reply.text, head);
                if (byte > reply.tail)
                    at[k] += units(reply.text + reply.tail, byte - reply.tail);
            }
            fm_json_put_vector(w, NULL, at, 2);
        }
        fm_json_close(w, ']');
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

/* Stages of the trace and steps of the reasoning, and the first that made it fail. */
static void put_steps(fm_json_writer *w, const fm_report_sample *sample)
{
    if (sample->n_steps == 0)
        return;
    put_if(w, "cause", sample->cause);
    fm_json_open(w, "steps", '[');
    for (size_t i = 0; i < sample->n_steps; i++) {
        const fm_report_step *step = &sample->steps[i];

        fm_json_open(w, NULL, '{');
        fm_json_put_string(w, "name", step->name);
        fm_json_put_string(w, "kind", step->kind);
        fm_json_put_string(w, "verdict", step->verdict);
        put_if(w, "why", step->why);
        if (isfinite(step->value))
            fm_json_put_number(w, "value", rounded(step->value, 10000));
        fm_json_close(w, '}');
    }
    fm_json_close(w, ']');
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
    if (st == FM_OK)
        st = put_read(w, sample->line, err);
    put_if(w, "answer", fm_json_string(fm_json_get(sample->line, "answer"), "text"));
    put_steps(w, sample);
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
        fm_json_put_string(w, "rules", run->rules);
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
