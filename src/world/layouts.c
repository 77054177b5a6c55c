/* Owns scenes as files: the layout to train on, that of question suites, and the benchmark's. */
#include "fathom/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/threads.h"
#include "world/ask.h"
#include "world/benchmark.h"
#include "world/records.h"

/* What a worker keeps between scenes. */
typedef struct {
    fm_world_scene scene;
    fm_raster depth, mask;
} desk;

typedef struct {
    fm_world_settings settings;
    desk *desks; /* [jobs] */
} work;

/* ---- pictures ---- */

/* A view of pixels as a raster; it owns nothing. */
static fm_raster rgb_of(const fm_world_scene *scene)
{
    return (fm_raster){scene->width, scene->height, 3, 8, scene->rgb, 0};
}

static fm_raster ids_of(const fm_world_scene *scene)
{
    return (fm_raster){scene->width, scene->height, 1, 8, scene->ids, 0};
}

static fm_status millimetres(const fm_world_scene *scene, fm_raster *out, fm_err *err)
{
    size_t n = (size_t)scene->width * (size_t)scene->height;
    fm_status st = fm_raster_reserve(out, scene->width, scene->height, 1, 16, err);

    for (size_t i = 0; st == FM_OK && i < n; i++)
        ((uint16_t *)out->data)[i] = (uint16_t)((double)scene->depth[i] * 1000 + 0.5);
    return st;
}

static fm_status mask_of(const fm_world_scene *scene, int object, fm_raster *out, fm_err *err)
{
    size_t n = (size_t)scene->width * (size_t)scene->height;
    fm_status st = fm_raster_reserve(out, scene->width, scene->height, 1, 8, err);

    for (size_t i = 0; st == FM_OK && i < n; i++)
        ((uint8_t *)out->data)[i] = scene->ids[i] == object + 1 ? 255 : 0;
    return st;
}

/* "images/000012.png", in `name`; `part` >= 0: "masks/000012_3.png". */
static fm_status write_png(const char *folder, const char *kind, size_t index, int part,
                           const fm_raster *raster, char name[64], fm_err *err)
{
    if (part < 0)
        snprintf(name, 64, "%s/%06zu.png", kind, index);
    else
        snprintf(name, 64, "%s/%06zu_%d.png", kind, index, part);
    return fm_folder_write_png(folder, name, raster, err);
}

/* ---- the layout to train on ---- */

static void put_object(fm_json_writer *w, const fm_world_object *o, int id)
{
    fm_json_open(w, NULL, '{');
    fm_json_put_int(w, "id", id);
    fm_json_put_string(w, "name", o->name);
    fm_json_put_string(w, "kind", o->kind);
    fm_json_put_string(w, "colour", o->colour);
    fm_json_put_int(w, "pixels", o->pixels);
    fm_json_put_number(w, "share", o->share);
    fm_record_point(w, "center_uvd", o->centre, true);
    fm_json_open(w, "box", '{');
    fm_json_put_vector(w, "center", o->box.center, 3);
    fm_json_put_vector(w, "extent", o->box.extent, 3);
    fm_record_rotation(w, "rotation", &o->box);
    fm_json_close(w, '}');
    fm_json_put_bool(w, "round", o->round);
    fm_json_close(w, '}');
}

/* What replies are judged by: `trace` and `key_steps` are those of `fathom reward`. */
static void put_truth(fm_json_writer *w, const fm_world_scene *scene, const fm_world_question *q)
{
    fm_json_open(w, "truth", '{');
    if (q->form == FM_WORLD_CHOICE)
        fm_json_put_int(w, "option", q->right);
    if (q->form == FM_WORLD_YESNO)
        fm_json_put_bool(w, "yes", q->yes);
    if (q->form == FM_WORLD_LENGTH)
        fm_json_put_number(w, "length_m", q->length_m);
    if (q->n_points) {
        fm_json_open(w, "trace", '[');
        for (int i = 0; i < q->n_points; i++)
            fm_record_point(w, NULL, q->points[i], fm_question_deep(q));
        fm_json_close(w, ']');
    }
    if (q->subject >= 0)
        fm_json_put_int(w, "object", q->subject + 1);
    fm_record_key_steps(w, q);
    fm_json_put_number(w, "max_depth", scene->max_depth_m);
    fm_json_put_int(w, "width", scene->width);
    fm_json_put_int(w, "height", scene->height);
    fm_json_close(w, '}');
}

static void put_steps(fm_json_writer *w, const fm_world_question *q)
{
    char text[4096];

    fm_world_reasoning(q, text, sizeof(text));
    fm_json_open(w, "steps", '[');
    for (char *line = text, *end; *line; line = end) {
        end = strchr(line, '\n');
        end = end ? end : line + strlen(line);
        fm_json_put_bytes(w, NULL, line, (size_t)(end - line));
        end += *end != '\0';
    }
    fm_json_close(w, ']');
}

static void put_question(fm_json_writer *w, const fm_world_scene *scene, const fm_world_question *q)
{
    char prompt[2048];

    fm_world_prompt(q, 0, prompt, sizeof(prompt));
    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "family", fm_world_family_name(q->family));
    fm_json_put_string(w, "form", fm_world_form_name(q->form));
    if (q->form == FM_WORLD_PATH)
        fm_json_put_string(w, "of", q->end_effector ? "end-effector" : "object");
    fm_json_put_string(w, "question", prompt);
    fm_json_put_string(w, "answer", q->answer);
    put_steps(w, q);
    put_truth(w, scene, q);
    fm_json_close(w, '}');
}

static fm_status make_training(work *job, const char *folder, desk *d, fm_buf *records, fm_err *err)
{
    const fm_world_scene *scene = &d->scene;
    fm_json_writer w = {.out = &records[0]};
    const fm_raster rgb = rgb_of(scene), ids = ids_of(scene);
    char image[64], depth[64], map[64];
    fm_status st = millimetres(scene, &d->depth, err);

    if (st == FM_OK)
        st = write_png(folder, "images", scene->index, -1, &rgb, image, err);
    if (st == FM_OK)
        st = write_png(folder, "depth", scene->index, -1, &d->depth, depth, err);
    if (st == FM_OK)
        st = write_png(folder, "ids", scene->index, -1, &ids, map, err);
    if (st != FM_OK)
        return st;
    fm_json_open(&w, NULL, '{');
    fm_json_put_int(&w, "scene", (int64_t)scene->index);
    fm_json_put_string(&w, "split", fm_world_split_name(job->settings.split));
    fm_json_put_string(&w, "place", fm_world_place_name(scene->place));
    fm_json_put_string(&w, "image", image);
    fm_json_put_string(&w, "depth", depth);
    fm_json_put_string(&w, "ids", map);
    fm_json_put_int(&w, "width", scene->width);
    fm_json_put_int(&w, "height", scene->height);
    fm_record_intrinsics(&w, "intrinsics", &scene->camera, 3);
    fm_json_put_number(&w, "scale", scene->scale);
    fm_json_put_number(&w, "max_depth", scene->max_depth_m);
    fm_json_open(&w, "objects", '[');
    for (int i = 0; i < scene->n_objects; i++)
        put_object(&w, &scene->objects[i], i + 1);
    fm_json_close(&w, ']');
    fm_json_open(&w, "qa", '[');
    for (int i = 0; i < scene->n_questions; i++)
        put_question(&w, scene, &scene->questions[i]);
    fm_json_close(&w, ']');
    fm_json_close(&w, '}');
    return FM_OK;
}

/* ---- the layout of question suites ---- */

enum { UNDERSTANDING, MEASURING, REFERRING };

static int table_of(const fm_world_question *q)
{
    return q->form == FM_WORLD_CHOICE   ? UNDERSTANDING
           : q->form == FM_WORLD_LENGTH ? MEASURING
                                        : REFERRING;
}

static void put_row(const desk *d, int number, const fm_world_question *q, const char *mask,
                    fm_buf *out)
{
    fm_json_writer w = {.out = out};
    char text[1024];

    if (out->size)
        fm_buf_putc(out, '\n');
    fm_json_open(&w, NULL, '{');
    snprintf(text, sizeof(text), "%06zu-%d", d->scene.index, number);
    fm_json_put_string(&w, "id", text);
    snprintf(text, sizeof(text), "images/%06zu.png", d->scene.index);
    fm_json_put_string(&w, "image", text);
    snprintf(text, sizeof(text), "depth/%06zu.png", d->scene.index);
    fm_json_put_string(&w, "depth", text);
    fm_record_intrinsics(&w, "intrinsics", &d->scene.camera, 3);
    fm_json_put_string(&w, "category", fm_world_family_name(q->family));
    fm_json_put_int(&w, "step", q->n_steps);
    /* Options are a column; all else is said as in training. */
    snprintf(text, sizeof(text), "%s", q->question);
    if (q->form != FM_WORLD_CHOICE)
        fm_world_prompt(q, 0, text, sizeof(text));
    fm_json_put_string(&w, "question", text);
    switch (table_of(q)) {
    case UNDERSTANDING:
        fm_json_open(&w, "options", '[');
        for (int i = 0; i < q->n_options; i++)
            fm_json_put_string(&w, NULL, q->options[i]);
        fm_json_close(&w, ']');
        fm_json_put_string(&w, "answer", q->answer);
        break;
    case MEASURING:
        fm_json_put_number(&w, "answer_value", q->length_m);
        fm_json_put_string(&w, "answer_unit", "m");
        fm_json_put_string(&w, "unit", q->unit);
        break;
    default:
        fm_json_put_string(&w, "object", d->scene.objects[q->subject].name);
        fm_json_put_string(&w, "mask", mask);
    }
    fm_json_close(&w, '}');
}

static fm_status make_questions(const char *folder, desk *d, fm_buf *records, fm_err *err)
{
    const fm_world_scene *scene = &d->scene;
    const fm_raster rgb = rgb_of(scene);
    char name[64];
    fm_status st = millimetres(scene, &d->depth, err);

    if (st == FM_OK)
        st = write_png(folder, "images", scene->index, -1, &rgb, name, err);
    if (st == FM_OK)
        st = write_png(folder, "depth", scene->index, -1, &d->depth, name, err);
    for (int i = 0; st == FM_OK && i < scene->n_questions; i++) {
        const fm_world_question *q = &scene->questions[i];

        if (q->form == FM_WORLD_POINT_2D) {
            st = mask_of(scene, q->subject, &d->mask, err);
            if (st == FM_OK)
                st = write_png(folder, "masks", scene->index, i, &d->mask, name, err);
        }
        if (st == FM_OK)
            put_row(d, i, q, name, &records[table_of(q)]);
    }
    return st;
}

/* ---- the benchmark's layout ---- */

static fm_status make_item(const char *folder, desk *d, fm_buf *record, fm_err *err)
{
    const fm_world_scene *scene = &d->scene;
    const fm_raster rgb = rgb_of(scene);
    fm_status st = millimetres(scene, &d->depth, err);

    if (st == FM_OK)
        st = mask_of(scene, scene->questions[0].subject, &d->mask, err);
    return st == FM_OK ? fm_benchmark_write(folder, scene, &rgb, &d->depth, &d->mask, record, err)
                       : st;
}

/* ---- all of them ---- */

static fm_status make_scene(work *job, size_t index, int worker, fm_err *err)
{
    return fm_world_scene_make(&job->settings, index, &job->desks[worker].scene, err);
}

static fm_status one_for_training(void *context, const char *folder, size_t index, int worker,
                                  fm_buf *records, fm_err *err)
{
    work *job = context;
    fm_status st = make_scene(job, index, worker, err);

    return st == FM_OK ? make_training(job, folder, &job->desks[worker], records, err) : st;
}

static fm_status one_of_questions(void *context, const char *folder, size_t index, int worker,
                                  fm_buf *records, fm_err *err)
{
    work *job = context;
    fm_status st = make_scene(job, index, worker, err);

    return st == FM_OK ? make_questions(folder, &job->desks[worker], records, err) : st;
}

static fm_status one_of_benchmark(void *context, const char *folder, size_t index, int worker,
                                  fm_buf *records, fm_err *err)
{
    work *job = context;
    fm_status st = make_scene(job, index, worker, err);

    return st == FM_OK ? make_item(folder, &job->desks[worker], &records[0], err) : st;
}

static const struct {
    const char *name;
    unsigned families, forms; /* that there is room for */
    fm_folder_plan plan;      /* .count and what follows: unless somebody wishes otherwise */
    int width, height, fewest;
} layouts[] = {
    [FM_WORLD_TRAINING] = {"training",
                           ~0u,
                           ~0u,
                           {.count = 32,
                            .tables = {"scenes.jsonl"},
                            .folders = {"images", "depth", "ids"},
                            .make = one_for_training},
                           128,
                           128,
                           2},
    [FM_WORLD_QUESTIONS] = {"questions",
                            1u << FM_WORLD_FAMILY_RELATION | 1u << FM_WORLD_FAMILY_COMPARISON |
                                1u << FM_WORLD_FAMILY_MEASURING | 1u << FM_WORLD_FAMILY_REFERRING,
                            1u << FM_WORLD_CHOICE | 1u << FM_WORLD_LENGTH | 1u << FM_WORLD_POINT_2D,
                            {.count = 100,
                             .tables = {"understanding.jsonl", "measuring.jsonl",
                                        "referring.jsonl"},
                             .folders = {"images", "depth", "masks"},
                             .make = one_of_questions},
                            320,
                            240,
                            3},
    [FM_WORLD_BENCHMARK] =
        {"benchmark",
         1u << FM_WORLD_FAMILY_TRACE_3D,
         1u << FM_WORLD_PATH,
         {.count = 32, .tables = {FM_BENCHMARK_TABLE}, .arrays = true, .make = one_of_benchmark},
         480,
         360,
         4},
};

const char *fm_world_layout_name(fm_world_layout layout)
{
    return (size_t)layout < FM_COUNT_OF(layouts) ? layouts[layout].name : "unknown";
}

/* Everything that the data follows from. */
static void write_stamp(const fm_world_settings *s, fm_world_layout layout, size_t count,
                        fm_buf *out)
{
    fm_json_writer w = {.out = out, .pretty = true};
    char seed[24];

    /* As text: a JSON number does not hold 64 bits. */
    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)s->seed);
    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "generator", "fathom world");
    fm_json_put_string(&w, "layout", layouts[layout].name);
    fm_json_put_int(&w, "version", FM_WORLD_VERSION);
    fm_json_put_string(&w, "split", fm_world_split_name(s->split));
    fm_json_put_string(&w, "seed", seed);
    fm_json_put_int(&w, "count", (int64_t)count);
    fm_json_put_int(&w, "width", s->width);
    fm_json_put_int(&w, "height", s->height);
    fm_json_put_int(&w, "places", s->places);
    fm_json_put_int(&w, "families", s->families);
    fm_json_put_int(&w, "forms", s->forms);
    fm_json_put_int(&w, "per_family", s->per_family);
    fm_json_put_int(&w, "fewest", s->fewest);
    fm_json_put_int(&w, "most", s->most);
    fm_json_put_bool(&w, "noise", s->noise);
    fm_json_put_bool(&w, "easy_names", s->easy_names);
    fm_json_put_bool(&w, "no_end_effector", s->no_end_effector);
    fm_json_put_bool(&w, "hard_ways", s->hard_ways);
    fm_json_close(&w, '}');
    fm_buf_putc(out, '\n');
}

/* Leave what the layout has room for. */
static void narrow(fm_world_settings *s, fm_world_layout layout)
{
    s->families &= layouts[layout].families;
    s->forms &= layouts[layout].forms;
    if (layout == FM_WORLD_BENCHMARK) {
        s->no_end_effector = true;
        s->per_family = 1;
    }
}

fm_world_settings fm_world_layout_settings(fm_world_layout layout, size_t *count)
{
    fm_world_settings s = fm_world_default_settings();

    *count = layouts[layout].plan.count;
    s.width = layouts[layout].width;
    s.height = layouts[layout].height;
    s.fewest = layouts[layout].fewest;
    s.hard_ways = layout == FM_WORLD_BENCHMARK;
    if (layout != FM_WORLD_TRAINING) {
        s.split = FM_WORLD_TEST;
        s.places = 1u << FM_WORLD_TABLETOP;
    }
    narrow(&s, layout);
    return s;
}

fm_status fm_world_scenes_write(const fm_world_settings *settings, fm_world_layout layout,
                                size_t count, int jobs, const char *dir, fm_err *err)
{
    work job = {.settings = *settings};
    fm_folder_plan plan = layouts[layout].plan;
    fm_buf stamp = {0};
    fm_status st;

    narrow(&job.settings, layout);
    if (count < 1 || count > FM_WORLD_MAX_COUNT)
        return fm_fail(err, FM_E_USAGE, "%zu scenes asked for: 1 to %d can be had", count,
                       FM_WORLD_MAX_COUNT);
    if (!job.settings.families || !job.settings.forms)
        return fm_fail(err, FM_E_USAGE, "the layout '%s' has none of these families of questions",
                       layouts[layout].name);
    plan.jobs = jobs < 1 ? fm_threads_available() : jobs;
    plan.count = count;
    plan.context = &job;
    write_stamp(&job.settings, layout, count, &stamp);
    st = fm_buf_check(&stamp, "the stamp", err);
    plan.stamp = fm_buf_text(&stamp);
    job.desks = calloc((size_t)plan.jobs, sizeof(*job.desks));
    if (st == FM_OK && !job.desks)
        st = fm_fail(err, FM_E_NOMEM, "no memory for %d scenes", plan.jobs);
    if (st == FM_OK)
        st = fm_folder_generate(&plan, dir, err);
    for (int i = 0; job.desks && i < plan.jobs; i++) {
        fm_world_scene_release(&job.desks[i].scene);
        fm_raster_release(&job.desks[i].depth);
        fm_raster_release(&job.desks[i].mask);
    }
    free(job.desks);
    fm_buf_release(&stamp);
    return st;
}
