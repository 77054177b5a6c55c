/* fathom ask: questions to a model on this machine, about pictures or none. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/engine_input.h"
#include "base/files.h"
#include "base/json.h"
#include "base/size.h"
#include "base/text.h"
#include "commands.h"
#include "data.h"
#include "fathom/answers.h"
#include "fathom/reply.h"
#include "interrupt.h"
#include "open_model.h"
#include "report/overlay.h"
#include "terminal.h"

#define SCHEMA "fathom.ask/1"

enum { MOST_WORDS = 256, DRAWN_SIDE = 1024 };

/* One word an option that may be given often. */
typedef struct {
    const char *items[MOST_WORDS];
    size_t n;
} word_list;

typedef struct {
    const cli_args *args;
    cli_model model;
    rt_scene *scene;
    fm_engine_view view;
    fm_camera camera;
    rt_question question; /* all of it but the text */
    word_list images, options, stops;
    bool json, streamed;
    const char *draw;
} asking;

/* ---- what was asked for ---- */

static fm_status collect(const cli_args *args, const char *name, word_list *out, fm_err *err)
{
    for (size_t i = 0; i < args->n; i++) {
        const cli_given *g = &args->given[i];

        if (!g->option || strcmp(g->option->name, name) != 0)
            continue;
        if (out->n == MOST_WORDS)
            return fm_fail(err, FM_E_USAGE, "option '--%s' is given more than %d times", name,
                           (int)MOST_WORDS);
        out->items[out->n++] = g->value;
    }
    return FM_OK;
}

static fm_status read_number(const cli_args *args, const char *name, double low, double high,
                             double *out, fm_err *err)
{
    const char *text = cli_value(args, name);

    if (!fm_text_to_double(text, out) || !(*out >= low && *out <= high))
        return fm_fail(err, FM_E_USAGE, "option '--%s' wants a number from %g to %g, not '%s'",
                       name, low, high, text);
    return FM_OK;
}

/* "fx,fy,cx,cy"; so many numbers, by commas or blanks */
static bool read_list(const char *text, double *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *end;

        text += strspn(text, i > 0 ? ", \t" : " \t");
        errno = 0;
        out[i] = strtod(text, &end);
        if (end == text || errno || !isfinite(out[i]))
            return false;
        text = end;
    }
    return text[strspn(text, " \t")] == '\0';
}

static fm_status read_camera(asking *a, fm_err *err)
{
    const char *text = cli_value(a->args, "intrinsics");
    double k[4];

    if (!text)
        return FM_OK;
    bool read = read_list(text, k, FM_COUNT_OF(k));
    if (read)
        a->camera = (fm_camera){k[0], k[1], k[2], k[3]};
    if (!read || !fm_camera_valid(&a->camera))
        return fm_fail(err, FM_E_USAGE,
                       "option '--intrinsics' wants \"fx,fy,cx,cy\" in pixels, not '%s'", text);
    fm_engine_view_camera(&a->view, &a->camera);
    return FM_OK;
}

static fm_status read_pose(asking *a, fm_err *err)
{
    const char *text = cli_value(a->args, "pose");
    rt_picture *p = &a->view.pictures[0];
    double pose[7];

    if (!text)
        return FM_OK;
    if (!read_list(text, pose, FM_COUNT_OF(pose)))
        return fm_fail(err, FM_E_USAGE,
                       "option '--pose' wants \"qx,qy,qz,qw,tx,ty,tz\" (camera to world, metres), "
                       "not '%s'",
                       text);
    p->has_pose = true;
    memcpy(p->rotation, pose, sizeof(p->rotation));
    memcpy(p->translation, pose + 4, sizeof(p->translation));
    return FM_OK;
}

/* Before anything is asked: a drawing would take the place of what is asked about, or has no place. */
static fm_status check_draw(const asking *a, fm_err *err)
{
    struct stat drawn, image;

    for (size_t i = 0; a->draw && i < a->images.n; i++)
        if (stat(a->draw, &drawn) == 0 && stat(a->images.items[i], &image) == 0 &&
            drawn.st_dev == image.st_dev && drawn.st_ino == image.st_ino)
            return fm_fail(err, FM_E_USAGE, "'--draw %s' is the picture itself", a->draw);
    return a->draw ? fm_file_check_place(a->draw, err) : FM_OK;
}

static fm_status read_view(asking *a, fm_err *err)
{
    const char *depth = cli_value(a->args, "depth");
    fm_status st = collect(a->args, "image", &a->images, err);

    if (st == FM_OK)
        st = check_draw(a, err);
    for (size_t i = 0; st == FM_OK && i < a->images.n; i++)
        st = fm_engine_view_add(&a->view, a->images.items[i], err);
    if (st == FM_OK && a->images.n == 0)
        for (size_t i = 0; i < 4; i++) {
            static const char *const needy[] = {"depth", "intrinsics", "pose", "draw"};

            if (cli_value(a->args, needy[i]))
                return fm_fail(err, FM_E_USAGE, "option '--%s' wants a picture: --image FILE",
                               needy[i]);
        }
    if (st == FM_OK && depth)
        st = fm_engine_view_depth(&a->view, depth, err);
    if (st == FM_OK)
        st = read_camera(a, err);
    return st == FM_OK ? read_pose(a, err) : st;
}

static fm_status read_form(asking *a, fm_err *err)
{
    static const char *const names[] = {[RT_FORM_FREE] = "free",
                                        [RT_FORM_TRACE2D] = "trace2d",
                                        [RT_FORM_TRACE3D] = "trace3d",
                                        [RT_FORM_CHOICE] = "choice"};
    const char *name = cli_value(a->args, "form");
    size_t form = 0;

    while (form < FM_COUNT_OF(names) && strcmp(names[form], name) != 0)
        form++;
    if (form == FM_COUNT_OF(names))
        return fm_fail(err, FM_E_USAGE,
                       "option '--form' wants free, trace2d, trace3d or choice, not '%s'", name);
    if (form == RT_FORM_CHOICE && a->options.n == 0)
        return fm_fail(err, FM_E_USAGE, "'--form choice' wants its options: --option TEXT, often");
    a->question.form = (rt_form)form;
    return FM_OK;
}

static fm_status read_question(asking *a, fm_err *err)
{
    rt_question *q = &a->question;
    uint64_t tokens = 0, top_k = 0;
    fm_status st = collect(a->args, "option", &a->options, err);

    if (st == FM_OK)
        st = collect(a->args, "stop", &a->stops, err);
    if (st == FM_OK)
        st = read_form(a, err);
    if (st == FM_OK)
        st = cli_number(a->args, "max-tokens", 1, 1 << 20, &tokens, err);
    if (st == FM_OK)
        st = cli_number(a->args, "top-k", 0, 1 << 20, &top_k, err);
    if (st == FM_OK)
        st = cli_number(a->args, "seed", 0, UINT64_MAX, &q->seed, err);
    if (st == FM_OK)
        st = read_number(a->args, "temperature", 0, 100, &q->temperature, err);
    if (st == FM_OK)
        st = read_number(a->args, "top-p", 0, 1, &q->top_p, err);
    q->system = cli_value(a->args, "system");
    q->beginning = cli_value(a->args, "begin");
    q->options = a->options.items;
    q->n_options = a->options.n;
    q->stops = a->stops.items;
    q->n_stops = a->stops.n;
    q->max_answer_tokens = (int)tokens;
    q->top_k = (int)top_k;
    return st;
}

/* ---- answers ---- */

static void put_answer_line(fm_buf *out, const rt_answer *a)
{
    if (a->has_scale)
        fm_buf_printf(out, "scale %.3f · ", a->scale);
    fm_buf_printf(out, "%d tokens in", a->prompt_tokens);
    if (a->reused_tokens > 0)
        fm_buf_printf(out, " (%d known)", a->reused_tokens);
    fm_buf_printf(out, ", %d out", a->answer_tokens);
    if (a->reused_tokens == 0 && a->vision_s > 0)
        fm_buf_printf(out, " · pictures %.2f s", a->vision_s);
    if (a->reused_tokens == 0 && a->spatial_s > 0)
        fm_buf_printf(out, ", space %.2f s", a->spatial_s);
    fm_buf_printf(out, " · reading %.2f s, writing %.2f s", a->prefill_s, a->decode_s);
    if (a->decode_s > 0)
        fm_buf_printf(out, " (%.1f tokens/s)", a->answer_tokens / a->decode_s);
    if (a->finish != RT_FINISH_STOP)
        fm_buf_puts(out, a->finish == RT_FINISH_LENGTH ? " · cut at the limit" : " · ended early");
}

static void tell(const rt_answer *answer)
{
    cli_style style = cli_style_for(stderr);
    fm_buf line = {0};

    fm_buf_puts(&line, cli_faint(&style));
    put_answer_line(&line, answer);
    fm_buf_puts(&line, cli_plain(&style));
    cli_line_print(&line);
    fm_buf_release(&line);
}

static void put_points(fm_json_writer *w, const asking *a, const fm_trace_answer *trace)
{
    const rt_picture *p = a->view.n > 0 ? &a->view.pictures[0] : NULL;
    bool space = p && p->has_intrinsics && trace->columns == 3;

    fm_json_open(w, "points", '[');
    for (size_t i = 0; i < trace->n; i++)
        fm_json_put_vector(w, NULL, trace->points[i], (size_t)trace->columns);
    fm_json_close(w, ']');
    if (!space)
        return;
    fm_json_open(w, "xyz_m", '[');
    for (size_t i = 0; i < trace->n; i++) {
        const double *point = trace->points[i];
        double xyz[3];

        fm_camera_back_project(&a->camera, point[0] * p->width, point[1] * p->height, point[2],
                               xyz);
        fm_json_put_vector(w, NULL, xyz, 3);
    }
    fm_json_close(w, ']');
}

static fm_status print_json(const asking *a, const char *text, const rt_answer *answer,
                            const fm_trace_answer *trace, fm_err *err)
{
    static const char *const finishes[] = {[RT_FINISH_STOP] = "stop",
                                           [RT_FINISH_LENGTH] = "length",
                                           [RT_FINISH_CANCELLED] = "cancelled"};
    fm_buf out = {0};
    fm_json_writer w = {.out = &out};

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", SCHEMA);
    fm_json_put_string(&w, "question", text);
    fm_json_put_string(&w, "answer", answer->text);
    fm_json_put_string(&w, "finish", finishes[answer->finish]);
    if (answer->has_scale)
        fm_json_put_number(&w, "scale", answer->scale);
    if (trace->shape == FM_TRACE_POINTS)
        put_points(&w, a, trace);
    if (answer->log_probabilities)
        fm_json_put_vector(&w, "log_probabilities", answer->log_probabilities, a->options.n);
    fm_json_put_int(&w, "prompt_tokens", answer->prompt_tokens);
    fm_json_put_int(&w, "reused_tokens", answer->reused_tokens);
    fm_json_put_int(&w, "answer_tokens", answer->answer_tokens);
    fm_json_put_number(&w, "vision_s", answer->vision_s);
    fm_json_put_number(&w, "spatial_s", answer->spatial_s);
    fm_json_put_number(&w, "prefill_s", answer->prefill_s);
    fm_json_put_number(&w, "decode_s", answer->decode_s);
    fm_json_close(&w, '}');
    fm_buf_putc(&out, '\n');
    fm_status st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

/* As it is where a program reads it; on a terminal nothing but its line breaks has any effect. */
static void put_shown(fm_buf *out, const char *text, size_t size)
{
    if (!cli_style_for(stdout).terminal) {
        fm_buf_append(out, text, size);
        return;
    }
    for (const char *end = text; size > 0; size -= (size_t)(end - text), text = end) {
        const char *broken = memchr(text, '\n', size);

        end = broken ? broken + 1 : text + size;
        fm_text_for_terminal(out, text, (size_t)(broken ? broken - text : end - text));
        if (broken)
            fm_buf_putc(out, '\n');
    }
}

/* The text as far as it was not shown while it came. */
static fm_status print_text(const asking *a, const rt_answer *answer, fm_err *err)
{
    fm_buf out = {0};

    if (!a->streamed)
        put_shown(&out, answer->text, answer->size);
    fm_buf_putc(&out, '\n');
    for (size_t i = 0; answer->log_probabilities && i < a->options.n; i++) {
        fm_buf_printf(&out, "  %8.3f  ", answer->log_probabilities[i]);
        fm_text_for_terminal(&out, a->options.items[i], strlen(a->options.items[i]));
        fm_buf_putc(&out, '\n');
    }
    fm_status st = cli_print(&out, err);
    fm_buf_release(&out);
    return st;
}

/* ---- the trace on its picture ---- */

static cJSON *line_of(const fm_trace_answer *trace)
{
    cJSON *line = cJSON_CreateObject(), *answer = cJSON_AddObjectToObject(line, "answer");
    cJSON *points = cJSON_AddArrayToObject(answer, "points");

    for (size_t i = 0; i < trace->n; i++)
        cJSON_AddItemToArray(points, cJSON_CreateDoubleArray(trace->points[i], trace->columns));
    return line;
}

static fm_status draw(const asking *a, const fm_trace_answer *trace, fm_err *err)
{
    fm_overlay overlay = {0};
    fm_report_sample drawn = {.id = "", .line = line_of(trace), .has_sample = true};

    drawn.sample = (fm_sample){.id = "",
                               .kind = FM_ANSWER_TRACE3D,
                               .image_path = a->images.items[0],
                               .has_camera = a->view.pictures[0].has_intrinsics,
                               .camera = a->camera};
    fm_status st = fm_overlay_draw(&overlay, &drawn, DRAWN_SIDE, err);
    if (st == FM_OK)
        st = fm_raster_save_png(&overlay.picture, a->draw, err);
    fm_overlay_release(&overlay);
    cJSON_Delete(drawn.line);
    return st;
}

static fm_status show(const asking *a, const char *text, const rt_answer *answer, fm_err *err)
{
    fm_trace_answer trace = {0};
    const fm_span said = fm_reply_after_think((fm_span){answer->text, answer->size});
    fm_status st = fm_answers_parse_trace(FM_ANSWERS_TUPLES, said.text, said.size, &trace, err);

    if (st == FM_OK)
        st = a->json ? print_json(a, text, answer, &trace, err) : print_text(a, answer, err);
    if (st == FM_OK && fflush(stdout) != 0) /* it may be a program that waits for it */
        st = fm_fail(err, FM_E_IO, "cannot write to standard output: %s", strerror(errno));
    if (st == FM_OK && !a->json)
        tell(answer);
    if (st == FM_OK && a->draw && trace.shape == FM_TRACE_POINTS)
        st = draw(a, &trace, err);
    else if (st == FM_OK && a->draw)
        cli_notice(NULL, "the answer holds no points: nothing is drawn");
    fm_trace_answer_release(&trace);
    return st;
}

/* ---- asking ---- */

static bool hear(void *context, size_t question, const char *text, size_t size)
{
    const asking *a = context;
    fm_buf out = {0};
    bool shown = true;

    (void)question;
    if (a->streamed) {
        put_shown(&out, text, size);
        shown = cli_print(&out, NULL) == FM_OK && fflush(stdout) == 0;
        fm_buf_release(&out);
    }
    return shown && !cli_interrupted;
}

static fm_status ask_one(asking *a, const char *text, fm_err *err)
{
    rt_listener listener = {hear, a};
    rt_answer answer = {0};
    rt_err inner = {0};

    a->question.text = text;
    fm_status st = fm_engine_status(rt_ask(a->scene, &a->question, 1, &listener, &answer, &inner),
                                    &inner, err);
    if (st == FM_OK)
        st = show(a, text, &answer, err);
    rt_answer_release(&answer);
    return cli_unless_interrupted(st, err);
}

enum { BLOCK_BYTES = 4096, MOST_LINE_BYTES = 1 << 20 };

/* Standard input, a line at a time. */
typedef struct {
    char block[BLOCK_BYTES]; /* what was read last, of which [at, n) is left */
    size_t at, n;
    fm_buf line; /* without its end, and terminated */
    size_t number;
    bool ended;
} line_reader;

/* A signal ends the waiting, in the midst of a line as well. */
static fm_status read_block(line_reader *r, fm_err *err)
{
    struct pollfd in[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                          {.fd = cli_interrupt_pipe(), .events = POLLIN}};
    ssize_t n = -1;

    while (!cli_interrupted && poll(in, FM_COUNT_OF(in), -1) < 0 && errno == EINTR)
        ;
    if (!cli_interrupted)
        n = read(STDIN_FILENO, r->block, sizeof(r->block));
    if (cli_interrupted)
        return fm_fail(err, FM_E_INTERRUPTED, "interrupted");
    if (n < 0)
        return fm_fail(err, FM_E_IO, "cannot read questions from standard input: %s",
                       strerror(errno));
    r->at = 0;
    r->n = (size_t)n;
    r->ended = n == 0;
    return FM_OK;
}

/* False: there is none, or st says why. */
static bool next_line(line_reader *r, fm_status *st, fm_err *err)
{
    const char *end = NULL;

    fm_buf_clear(&r->line);
    r->number++;
    while (!end && !r->ended) {
        if (r->at == r->n && (*st = read_block(r, err)) != FM_OK)
            return false;
        const char *from = r->block + r->at;

        end = memchr(from, '\n', r->n - r->at);
        size_t some = end ? (size_t)(end - from) : r->n - r->at;
        fm_buf_append(&r->line, from, some);
        r->at += some + (end != NULL);
        if (r->line.size > MOST_LINE_BYTES)
            *st =
                fm_fail(err, FM_E_INPUT, "standard input:%zu: a question of over a MiB", r->number);
        else
            *st = fm_buf_check(&r->line, "a question", err);
        if (*st != FM_OK)
            return false;
    }
    if (!end && r->line.size == 0)
        return false;
    if (r->line.size > 0 && r->line.data[r->line.size - 1] == '\r')
        r->line.data[--r->line.size] = '\0';
    return true;
}

/* A question a line, as long as there are any. */
static fm_status ask_lines(asking *a, fm_err *err)
{
    line_reader reader = {.n = 0};
    fm_status st = FM_OK;

    while (st == FM_OK && next_line(&reader, &st, err)) {
        const char *line = fm_buf_text(&reader.line);

        if (strlen(line) < reader.line.size)
            st = fm_fail(err, FM_E_INPUT, "standard input:%zu: a question with a NUL byte",
                         reader.number);
        else if (line[strspn(line, " \t")])
            st = ask_one(a, line, err);
    }
    fm_buf_release(&reader.line);
    return st;
}

static fm_status ask_all(asking *a, fm_err *err)
{
    size_t n = cli_operands(a->args);
    fm_status st = FM_OK;

    for (size_t i = 1; i < n && st == FM_OK; i++)
        st = ask_one(a, cli_operand(a->args, i), err);
    return n == 1 && st == FM_OK ? ask_lines(a, err) : st;
}

/* Nobody should believe that depth was looked at where it was not. */
static void tell_unused(const asking *a)
{
    const rt_picture *p = &a->view.pictures[0];
    rt_description about;

    rt_model_describe(a->model.model, &about);
    if (!p->depth_m || about.depth || (about.spatial && p->has_intrinsics))
        return;
    cli_notice(NULL, about.spatial ? "depth is not looked at without --intrinsics"
                                   : "depth is not looked at: the model takes none");
}

static fm_status open_scene(asking *a, fm_err *err)
{
    rt_err inner = {0};
    fm_status st = cli_model_open(&a->model, a->args, cli_operand(a->args, 0), err);

    if (st != FM_OK)
        return st;
    tell_unused(a);
    st = fm_engine_status(
        rt_scene_new(&a->scene, a->model.model, a->view.pictures, a->view.n, &inner), &inner, err);
    return cli_unless_interrupted(st, err);
}

static fm_status ask_run(const cli_args *args, fm_err *err)
{
    asking a = {.args = args, .json = cli_has(args, "json"), .draw = cli_value(args, "draw")};

    a.streamed = !a.json && cli_style_for(stdout).terminal;
    cli_catch_interrupt();
    fm_status st = read_view(&a, err);
    if (st == FM_OK)
        st = read_question(&a, err);
    if (st == FM_OK)
        st = open_scene(&a, err);
    if (st == FM_OK)
        st = ask_all(&a, err);
    rt_scene_free(a.scene);
    cli_model_close(&a.model);
    fm_engine_view_release(&a.view);
    return st;
}

static const char *const description[] = {
    "Asks a model (robotracer-nano, which comes along, a folder, or a GGUF file) and prints its "
    "answers. Without a QUESTION, each "
    "line "
    "of the standard input is one. Pictures are looked at once; every question after the first "
    "costs "
    "its own words alone.",
    "Answers go to stdout, what they took to stderr. --json writes an object a line (schema "
    "fathom.ask/1), with the points of a trace, and where the camera is known, their places in "
    "metres.",
    NULL,
};

static const cli_option options_table[] = {
    {.name = "image",
     .letter = 'i',
     .argument = "FILE",
     .help = "picture to ask about; may be given again",
     .group = "what it sees",
     .kind = CLI_FILE,
     .repeats = true},
    {.name = "depth",
     .argument = "FILE",
     .help = "depth map of the first picture: 16-bit PNG in millimetres",
     .kind = CLI_FILE},
    {.name = "intrinsics", .argument = "\"FX,FY,CX,CY\"", .help = "its camera, in pixels"},
    {.name = "pose",
     .argument = "\"Q,T\"",
     .help = "its pose, camera to world: qx,qy,qz,qw,tx,ty,tz"},
    {.name = "form",
     .argument = "F",
     .fallback = "free",
     .help =
         "what can be generated at all: free (anything), trace2d, trace3d, or choice (an option)",
     .words = "free trace2d trace3d choice",
     .group = "the answer",
     .kind = CLI_WORDS},
    {.name = "option",
     .argument = "TEXT",
     .help = "an option; how likely each is gets told",
     .repeats = true},
    {.name = "begin", .argument = "TEXT", .help = "the answer is made to begin with this"},
    {.name = "system", .argument = "TEXT", .help = "system message (default: the model's own)"},
    {.name = "stop", .argument = "TEXT", .help = "the answer ends before this", .repeats = true},
    {.name = "max-tokens", .argument = "N", .fallback = "512", .help = "most tokens of an answer"},
    {.name = "temperature",
     .argument = "T",
     .fallback = "0",
     .help = "0: the likeliest token each time; above it, tokens are drawn"},
    {.name = "top-p", .argument = "P", .fallback = "1", .help = "draw from this share"},
    {.name = "top-k", .argument = "K", .fallback = "0", .help = "draw from so many; 0: from all"},
    {.name = "seed", .argument = "N", .fallback = "0", .help = "of what is drawn"},
    CLI_MODEL_OPTIONS("the engine"),
    {.name = "draw",
     .argument = "FILE",
     .help = "the answer's points on the first picture, as PNG",
     .group = "output",
     .kind = CLI_FILE},
    {.name = "json", .help = "as JSON, a line an answer"},
    {0},
};

static const cli_example examples[] = {
    {"fathom ask robotracer-nano \"Where is the red mug?\" -i desk.png", "about a picture"},
    {"fathom ask robotracer-nano \"Point the 3D visual trace ...\" -i desk.png --depth "
     "desk_depth.png "
     "--intrinsics 600,600,320,240 --form trace3d --draw trace.png",
     "a trace in space, and drawn"},
    {0},
};

const cli_command cli_command_ask = {
    .name = "ask",
    .summary = "ask a model on this machine",
    .operands = "MODEL [QUESTION...]",
    .operand_kind = CLI_FOLDER,
    .min_operands = 1,
    .max_operands = -1,
    .description = description,
    .options = options_table,
    .examples = examples,
    .run = ask_run,
};
