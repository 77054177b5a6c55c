/* Owns a scene from its settings to its questions: chance is drawn until place, camera, things and
 * questions all work out; only then is it painted. */
#include "fathom/world.h"

#include <stdlib.h>

#include "base/size.h"
#include "world/ask.h"
#include "world/composer.h"
#include "world/sensor.h"

/* Attempts for one scene; settings that ask for little need one or two. */
enum { MOST_ATTEMPTS = 400 };

const char *fm_world_family_name(fm_world_family family)
{
    static const char *const names[] = {
#define NAME(code, name, text) name,
        FM_WORLD_FAMILY_MAP(NAME)
#undef NAME
    };

    return (size_t)family < FM_COUNT_OF(names) ? names[family] : "unknown";
}

const char *fm_world_place_name(fm_world_place place)
{
    static const char *const names[] = {"tabletop", "indoor", "outdoor"};

    return (size_t)place < FM_COUNT_OF(names) ? names[place] : "unknown";
}

const char *fm_world_split_name(fm_world_split split)
{
    static const char *const names[] = {"train", "validation", "test"};

    return (size_t)split < FM_COUNT_OF(names) ? names[split] : "unknown";
}

const char *fm_world_form_name(fm_world_form form)
{
    static const char *const names[] = {"choice", "yesno",  "fact", "point2d",
                                        "point",  "length", "path"};

    return (size_t)form < FM_COUNT_OF(names) ? names[form] : "unknown";
}

fm_world_settings fm_world_default_settings(void)
{
    return (fm_world_settings){.split = FM_WORLD_TRAIN,
                               .seed = 1,
                               .width = 128,
                               .height = 128,
                               .places = (1u << FM_WORLD_PLACES) - 1,
                               .families = (1u << FM_WORLD_FAMILIES) - 1,
                               .forms = (1u << FM_WORLD_FORMS) - 1,
                               .per_family = 1,
                               .fewest = 2,
                               .most = 8,
                               .noise = true};
}

/* ---- chance ---- */

/* A scene's own stream. The seed of fm_rng is as good as its state (splitmix64 loses nothing), and its two
 * highest bits are the split: no two splits begin a stream in the same state. */
static void seed_scene(fm_rng *rng, const fm_world_settings *settings, size_t index)
{
    fm_rng mix;

    fm_rng_seed(&mix, settings->seed ^ UINT64_C(0x5ce9e5));
    uint64_t key = fm_rng_next(&mix) ^ ((uint64_t)index * UINT64_C(0xd1342543de82ef95));
    fm_rng_seed(rng, (key >> 2) | ((uint64_t)settings->split << 62));
}

static fm_world_place draw_place(unsigned places, fm_rng *rng)
{
    int n = 0;

    for (int i = 0; i < FM_WORLD_PLACES; i++)
        n += places >> i & 1;
    n = fm_one_of(rng, n);
    for (int i = 0; i < FM_WORLD_PLACES; i++)
        if (places >> i & 1 && n-- == 0)
            return (fm_world_place)i;
    return FM_WORLD_TABLETOP;
}

/* ---- one attempt ---- */

/* s*, and the farthest: of what is within the sensor's range, without its noise. */
static void measure_scene(const fm_scene *scene, const fm_frame *frame, fm_world_scene *out)
{
    double sum = 0, farthest = 0;
    size_t n = 0;

    for (int v = 0; v < frame->height; v++)
        for (int u = 0; u < frame->width; u++) {
            double d = frame->depth[(size_t)v * (size_t)frame->width + (size_t)u];

            if (d > scene->sensor.range_m)
                continue;
            sum += d * v3_length(fm_view_ray(&scene->view, u, v));
            farthest = d > farthest ? d : farthest;
            n++;
        }
    out->scale = n ? sum / (double)n : 0;
    out->max_depth_m = farthest;
}

/* Everything that is thrown away if it does not work out. */
typedef struct {
    fm_scene scene;
    fm_frame frame;
    fm_caster *caster;
    fm_cast_list list;
} attempt;

static fm_status try(attempt *a, const fm_world_settings *settings, fm_rng *rng,
                     fm_world_scene *out, bool *done, fm_err *err)
{
    int n = settings->fewest + fm_one_of(rng, settings->most - settings->fewest + 1);
    fm_status st;

    *done = false;
    fm_scene_furnish(&a->scene, draw_place(settings->places, rng), rng);
    fm_view_aim(&a->scene, settings->width, settings->height, rng);
    if (!fm_scene_populate(&a->scene, n, settings->easy_names, rng))
        return FM_OK;
    fm_caster_free(a->caster);
    a->caster = NULL;
    st = fm_caster_new(&a->caster, &a->scene, err);
    if (st == FM_OK)
        st = fm_caster_look(a->caster, &a->frame, err);
    if (st != FM_OK)
        return st;
    fm_objects_find(&a->scene, &a->frame, rng, &a->list);
    if (a->list.n < settings->fewest)
        return FM_OK;
    out->n_objects = a->list.n;
    for (int i = 0; i < out->n_objects; i++)
        fm_object_describe(&a->list, i, &out->objects[i]);
    measure_scene(&a->scene, &a->frame, out);
    const fm_asker asker = {&a->list, settings, out->scale, rng};
    *done = fm_ask(&asker, out);
    return FM_OK;
}

/* ---- the finished scene ---- */

static fm_status reserve(fm_world_scene *out, int width, int height, fm_err *err)
{
    size_t n = (size_t)width * (size_t)height;

    out->width = width;
    out->height = height;
    if (n <= out->capacity)
        return FM_OK;
    free(out->rgb);
    free(out->depth);
    free(out->ids);
    out->rgb = malloc(n * 3);
    out->depth = malloc(n * sizeof(*out->depth));
    out->ids = malloc(n);
    out->capacity = out->rgb && out->depth && out->ids ? n : 0;
    return out->capacity ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for a scene");
}

static void write_ids(const attempt *a, uint8_t *ids)
{
    size_t n = (size_t)a->frame.width * (size_t)a->frame.height;
    uint8_t of_thing[FM_SCENE_THINGS] = {0};

    for (int i = 0; i < a->list.n; i++)
        of_thing[a->list.thing[i]] = (uint8_t)(i + 1);
    for (size_t i = 0; i < n; i++) {
        int hit = a->frame.solid[i], thing = hit < 0 ? FM_THING_NONE : a->scene.solids[hit].thing;

        ids[i] = thing < 0 ? 0 : of_thing[thing];
    }
}

static fm_status finish(attempt *a, const fm_world_settings *settings, fm_world_scene *out,
                        fm_err *err)
{
    fm_status st = fm_caster_paint(a->caster, &a->frame, err);

    if (st == FM_OK)
        st = reserve(out, a->frame.width, a->frame.height, err);
    if (st != FM_OK)
        return st;
    out->place = a->scene.place;
    out->camera = a->scene.view.lens;
    fm_sensor_expose(&a->frame, a->scene.seed, out->rgb);
    fm_sensor_measure(&a->frame, &a->scene.sensor, settings->noise ? &a->scene.seed : NULL,
                      out->depth);
    write_ids(a, out->ids);
    return FM_OK;
}

static fm_status check(const fm_world_settings *s, fm_err *err)
{
    const int w = s->width, h = s->height;

    if (w < FM_WORLD_MIN_SIDE || h < FM_WORLD_MIN_SIDE || w > FM_WORLD_MAX_SIDE ||
        h > FM_WORLD_MAX_SIDE || w > 3 * h || h > 3 * w)
        return fm_fail(err, FM_E_USAGE,
                       "size %dx%d is out of bounds: sides of %d to %d, at most 3 to 1", w, h,
                       FM_WORLD_MIN_SIDE, FM_WORLD_MAX_SIDE);
    if (s->fewest < 1 || s->most < s->fewest || s->most > FM_WORLD_OBJECTS_MAX)
        return fm_fail(err, FM_E_USAGE, "%d to %d things are out of bounds: 1 to %d", s->fewest,
                       s->most, FM_WORLD_OBJECTS_MAX);
    if ((unsigned)s->split >= FM_WORLD_SPLITS || !(s->places & ((1u << FM_WORLD_PLACES) - 1)) ||
        s->per_family < 1 || s->per_family > FM_WORLD_QUESTIONS_MAX / FM_WORLD_FAMILIES)
        return fm_fail(err, FM_E_USAGE,
                       "no such split, no place, or too many questions of a family");
    return FM_OK;
}

fm_status fm_world_scene_make(const fm_world_settings *settings, size_t index, fm_world_scene *out,
                              fm_err *err)
{
    fm_status st = check(settings, err);
    bool done = false;
    attempt *a;
    fm_rng rng;

    if (st != FM_OK)
        return st;
    a = calloc(1, sizeof(*a));
    if (!a)
        return fm_fail(err, FM_E_NOMEM, "no memory for a scene");
    seed_scene(&rng, settings, index);
    out->index = index;
    for (int i = 0; i < MOST_ATTEMPTS && st == FM_OK && !done; i++)
        st = try(a, settings, &rng, out, &done, err);
    if (st == FM_OK && !done)
        st = fm_fail(
            err, FM_E_USAGE,
            "no scene of %d to %d things with a question of each family was found for index "
            "%zu: ask for more things or fewer families",
            settings->fewest, settings->most, index);
    if (st == FM_OK)
        st = finish(a, settings, out, err);
    fm_frame_release(&a->frame);
    fm_caster_free(a->caster);
    free(a);
    return st;
}

void fm_world_scene_release(fm_world_scene *scene)
{
    if (!scene)
        return;
    free(scene->rgb);
    free(scene->depth);
    free(scene->ids);
    *scene = (fm_world_scene){0};
}
