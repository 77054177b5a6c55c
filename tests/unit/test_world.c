/* Scenes with questions: every truth is worked out again by another route than the generator's, from
 * what a caller gets: pixels, depths, boxes and texts. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/size.h"
#include "fathom/reward.h"
#include "fathom/trace.h"
#include "fathom/world.h"

enum { SCENES = 10 };

static fm_world_settings settings_of(unsigned places)
{
    fm_world_settings s = fm_world_default_settings();

    s.places = places;
    s.per_family = 3;
    s.fewest = 4;
    s.noise = false;
    return s;
}

static void make(const fm_world_settings *s, size_t index, fm_world_scene *scene)
{
    fm_err err = {0};

    cr_assert(eq(int, fm_world_scene_make(s, index, scene, &err), FM_OK), "%s", err.text);
}

/* Calls `check` for every question of a family in SCENES scenes of all places. */
static void each_question(fm_world_family family, const fm_world_settings *settings,
                          void (*check)(const fm_world_scene *, const fm_world_question *))
{
    fm_world_scene scene = {0};
    int asked = 0;

    for (size_t i = 0; i < SCENES; i++) {
        make(settings, i, &scene);
        for (int k = 0; k < scene.n_questions; k++)
            if (scene.questions[k].family == family) {
                check(&scene, &scene.questions[k]);
                asked++;
            }
    }
    cr_expect(ge(int, asked, SCENES), "%s", fm_world_family_name(family));
    fm_world_scene_release(&scene);
}

static fm_world_settings only(fm_world_family family)
{
    fm_world_settings s = settings_of(7);

    s.families = 1u << family;
    return s;
}

/* The next object that a text names, of names within names the longer; -1. *at is where its name begins, and
 * *text behind it. */
static int next_named(const fm_world_scene *scene, const char **text, const char **at)
{
    for (const char *p = *text; *p; p++) {
        int best = -1;
        size_t length = 0;

        for (int i = 0; i < scene->n_objects; i++) {
            size_t size = strlen(scene->objects[i].name);

            if (size > length && strncmp(p, scene->objects[i].name, size) == 0) {
                best = i;
                length = size;
            }
        }
        if (best >= 0) {
            *at = p;
            *text = p + length;
            return best;
        }
    }
    return -1;
}

/* All of them, in the text's order. */
static int named_in(const fm_world_scene *scene, const char *text, int out[8])
{
    const char *at;
    int n = 0;

    out[0] = 0;
    for (int i; n < 8 && (i = next_named(scene, &text, &at)) >= 0;)
        out[n++] = i;
    return n;
}

static size_t pixel_of(const fm_world_scene *scene, const double place[3])
{
    int u = (int)lround(place[0] * scene->width), v = (int)lround(place[1] * scene->height);

    return (size_t)v * (size_t)scene->width + (size_t)u;
}

static void unproject(const fm_world_scene *scene, const double place[3], double xyz[3])
{
    fm_camera_back_project(&scene->camera, place[0] * scene->width, place[1] * scene->height,
                           place[2], xyz);
}

/* ---- objects ---- */

Test(world, objects_show_where_they_are_said_to)
{
    const fm_world_settings settings = settings_of(7);
    fm_world_scene scene = {0};

    for (size_t s = 0; s < SCENES; s++) {
        make(&settings, s, &scene);
        cr_assert(ge(int, scene.n_objects, settings.fewest));
        for (int i = 0; i < scene.n_objects; i++) {
            const fm_world_object *o = &scene.objects[i];
            size_t at = pixel_of(&scene, o->centre), n = (size_t)scene.width * (size_t)scene.height;
            int pixels = 0;

            for (size_t k = 0; k < n; k++)
                pixels += scene.ids[k] == i + 1;
            cr_expect(eq(int, pixels, o->pixels), "%s", o->name);
            cr_expect(eq(int, scene.ids[at], i + 1), "%s", o->name);
            cr_expect(epsilon_eq(dbl, (double)scene.depth[at], o->centre[2], 1e-6), "%s", o->name);
            cr_expect(ge(dbl, o->share, FM_WORLD_SEEN_SHARE));
            for (int k = 0; k < i; k++)
                cr_expect(ne(str, (char *)o->name, (char *)scene.objects[k].name));
        }
    }
    fm_world_scene_release(&scene);
}

/* Every pixel of an object lies in its box. */
Test(world, boxes_hold_the_pixels_of_their_objects)
{
    const fm_world_settings settings = settings_of(7);
    fm_world_scene scene = {0};

    for (size_t s = 0; s < SCENES; s++) {
        make(&settings, s, &scene);
        for (int v = 0; v < scene.height; v++)
            for (int u = 0; u < scene.width; u++) {
                size_t at = (size_t)v * (size_t)scene.width + (size_t)u;
                double xyz[3];

                if (!scene.ids[at])
                    continue;
                const fm_world_object *o = &scene.objects[scene.ids[at] - 1];
                fm_camera_back_project(&scene.camera, u, v, (double)scene.depth[at], xyz);
                cr_assert(le(dbl, fm_box_distance(&o->box, xyz), 1e-5), "%s", o->name);
            }
    }
    fm_world_scene_release(&scene);
}

static double x_of(const fm_world_object *o)
{
    return o->box.center[0] / o->box.center[2];
}

/* "the leftmost red mug", "the red mug closest to the camera": of all red mugs that can be spoken of. */
static void check_name(const fm_world_scene *scene, const fm_world_object *o)
{
    int twins = 0, left = 0, right = 0, nearer = 0, farther = 0;

    for (int i = 0; i < scene->n_objects; i++) {
        const fm_world_object *p = &scene->objects[i];

        if (p == o || strcmp(p->kind, o->kind) != 0 ||
            (o->colour && strcmp(p->colour, o->colour) != 0))
            continue;
        twins++;
        left += x_of(p) < x_of(o);
        right += x_of(p) > x_of(o);
        nearer += p->box.center[2] < o->box.center[2];
        farther += p->box.center[2] > o->box.center[2];
    }
    const struct {
        const char *words;
        int none; /* that must not be */
    } rules[] = {
        {"leftmost", left},
        {" on the left", left},
        {"rightmost", right},
        {" on the right", right},
        {"closest to the cam", nearer},
        {"farthest from the cam", farther},
    };
    bool alone = true;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (strstr(o->name, rules[i].words)) {
            cr_expect(eq(int, rules[i].none, 0), "%s", o->name);
            alone = false;
        }
    if (alone && !strstr(o->name, " next to ") && !strstr(o->name, " from the "))
        cr_expect(eq(int, twins, 0), "%s", o->name);
}

Test(world, names_single_out_one_thing)
{
    const fm_world_settings settings = settings_of(7);
    fm_world_scene scene = {0};

    for (size_t s = 0; s < SCENES; s++) {
        make(&settings, s, &scene);
        for (int i = 0; i < scene.n_objects; i++)
            check_name(&scene, &scene.objects[i]);
    }
    fm_world_scene_release(&scene);
}

/* ---- relations and comparisons ---- */

/* Do their boxes meet, the one over the other? */
static bool stands_on(const fm_world_object *a, const fm_world_object *b)
{
    double rise = 0, aside = 0;

    for (int k = 0; k < 3; k++)
        rise += (a->box.center[k] - b->box.center[k]) * b->box.rotation[k][2];
    for (int k = 0; k < 3; k++) {
        double d = a->box.center[k] - b->box.center[k] - rise * b->box.rotation[k][2];

        aside += d * d;
    }
    return fabs(rise - (a->box.extent[2] + b->box.extent[2]) / 2) < 0.05 * (1 + b->box.extent[2]) &&
           sqrt(aside) < (b->box.extent[0] + b->box.extent[1]) / 2;
}

/* Does "a RELATION b" hold, by the boxes? Of two relations both. */
static bool holds(const char *words, const fm_world_object *a, const fm_world_object *b)
{
    const struct {
        const char *word;
        bool holds;
    } relations[] = {
        {"left", x_of(a) < x_of(b)},
        {"right", x_of(a) > x_of(b)},
        {"nearer", a->box.center[2] < b->box.center[2]},
        {"farther", a->box.center[2] > b->box.center[2]},
        {"taller", a->box.extent[2] > b->box.extent[2]},
        {"shorter", a->box.extent[2] < b->box.extent[2]},
        {"on top of", stands_on(a, b)},
    };
    int said = 0, held = 0;

    for (size_t i = 0; i < sizeof(relations) / sizeof(relations[0]); i++)
        if (strstr(words, relations[i].word)) {
            said++;
            held += relations[i].holds;
        }
    cr_assert(ge(int, said, 1), "%s", words);
    return held == said;
}

static void check_relation(const fm_world_scene *scene, const fm_world_question *q)
{
    int named[8];

    cr_assert(eq(int, named_in(scene, q->question, named), 2), "%s", q->question);
    const fm_world_object *a = &scene->objects[named[0]], *b = &scene->objects[named[1]];
    if (q->form == FM_WORLD_YESNO) {
        char middle[640];

        snprintf(middle, sizeof(middle), "%s", strstr(q->question, a->name) + strlen(a->name));
        *strstr(middle, b->name) = '\0';
        cr_expect(eq(int, q->yes, holds(middle, a, b)), "%s", q->question);
        cr_expect(eq(str, (char *)q->answer, q->yes ? "Yes" : "No"));
    } else if (q->form == FM_WORLD_CHOICE) {
        cr_assert(q->n_options == 2 || q->n_options == 4);
        for (int i = 0; i < q->n_options; i++)
            cr_expect(eq(int, holds(q->options[i], a, b), i == q->right), "%s %s", q->question,
                      q->options[i]);
        cr_expect(eq(chr, q->answer[0], (char)('A' + q->right)));
    } else {
        char middle[320];

        snprintf(middle, sizeof(middle), "%s", q->answer + strlen(a->name));
        *strstr(middle, b->name) = '\0';
        cr_expect(holds(middle, a, b), "%s", q->answer);
    }
}

Test(world, relations_follow_from_the_boxes)
{
    const fm_world_settings settings = only(FM_WORLD_FAMILY_RELATION);

    each_question(FM_WORLD_FAMILY_RELATION, &settings, check_relation);
}

static double box_distance(const fm_world_object *a, const fm_world_object *b)
{
    double sum = 0;

    for (int k = 0; k < 3; k++)
        sum += (a->box.center[k] - b->box.center[k]) * (a->box.center[k] - b->box.center[k]);
    return sqrt(sum);
}

static void check_comparison(const fm_world_scene *scene, const fm_world_question *q)
{
    const fm_world_object *mark = NULL;
    double best = 0;
    int named[8], first = -1;

    if (strstr(q->question, "closest to"))
        mark = &scene->objects[(named_in(scene, q->question, named), named[0])];
    for (int i = 0; i < q->n_options; i++) {
        cr_assert(eq(int, named_in(scene, q->options[i], named), 1));
        const fm_world_object *o = &scene->objects[named[0]];
        double value = mark                                  ? -box_distance(o, mark)
                       : strstr(q->question, "tallest")      ? o->box.extent[2]
                       : strstr(q->question, "shortest")     ? -o->box.extent[2]
                       : strstr(q->question, "nearest")      ? -o->box.center[2]
                       : strstr(q->question, "from the cam") ? o->box.center[2]
                       : strstr(q->question, "left")         ? -x_of(o)
                                                             : x_of(o);
        if (first < 0 || value > best) {
            best = value;
            first = i;
        }
    }
    cr_expect(eq(int, first, q->right), "%s", q->question);
    /* The reasoning looks at the options in their order, or it would begin with the answer. */
    int looked = 0;
    for (int i = 1; i < q->n_steps && looked < q->n_options; i++)
        looked += q->steps[i].kind == FM_WORLD_REFERRING &&
                  strcmp(q->steps[i].target, q->options[looked]) == 0;
    cr_expect(eq(int, looked, q->n_options), "%s", q->question);
}

Test(world, comparisons_follow_from_the_boxes)
{
    fm_world_settings settings = only(FM_WORLD_FAMILY_COMPARISON);

    settings.forms = 1u << FM_WORLD_CHOICE;
    each_question(FM_WORLD_FAMILY_COMPARISON, &settings, check_comparison);
}

static void check_options_said(const fm_world_scene *scene, const fm_world_question *q)
{
    char dotted[2048], bracketed[2048], option[512];

    (void)scene;
    fm_world_prompt(q, FM_WORLD_BRIEF, dotted, sizeof(dotted));
    fm_world_prompt(q, FM_WORLD_BRIEF | FM_WORLD_BRACKETS, bracketed, sizeof(bracketed));
    for (int i = 0; i < q->n_options; i++) {
        snprintf(option, sizeof(option), "\n%c. %s", 'A' + i, q->options[i]);
        cr_expect(ne(ptr, strstr(dotted, option), NULL), "%s", dotted);
        snprintf(option, sizeof(option), "\n(%c) %s", 'A' + i, q->options[i]);
        cr_expect(ne(ptr, strstr(bracketed, option), NULL), "%s", bracketed);
    }
}

Test(world, options_are_lettered_in_either_manner)
{
    fm_world_settings settings = only(FM_WORLD_FAMILY_RELATION);

    settings.forms = 1u << FM_WORLD_CHOICE;
    each_question(FM_WORLD_FAMILY_RELATION, &settings, check_options_said);
}

/* ---- points ---- */

/* "to the left of the red mug, nearer to the camera than the blue bowl and ..." */
static bool meets(const fm_world_scene *scene, const char *words, const fm_world_object *o)
{
    const char *at, *from = words;
    bool all = true;

    for (int i; (i = next_named(scene, &words, &at)) >= 0; from = words) {
        char relation[64];

        snprintf(relation, sizeof(relation), "%.*s", (int)(at - from), from);
        all &= o != &scene->objects[i] && holds(relation, o, &scene->objects[i]);
    }
    return all;
}

static void check_referring(const fm_world_scene *scene, const fm_world_question *q)
{
    int named[8], n = named_in(scene, q->question, named);

    cr_assert(eq(int, q->n_points, 1));
    cr_expect(eq(int, scene->ids[pixel_of(scene, q->points[0])], q->subject + 1), "%s",
              q->question);
    const char *words = strstr(q->question, " that is ");
    if (!words) {
        cr_assert(ge(int, n, 1));
        cr_expect(eq(int, named[0], q->subject), "%s", q->question);
        return;
    }
    char kind[64] = "";
    cr_assert(eq(int, sscanf(q->question, "Point at the %63[^\n]", kind), 1));
    *strstr(kind, " that is ") = '\0';
    for (int i = 0; i < scene->n_objects; i++)
        if (strcmp(kind, "thing") == 0 || strcmp(kind, scene->objects[i].kind) == 0)
            cr_expect(eq(int, meets(scene, words, &scene->objects[i]), i == q->subject), "%s: %s",
                      q->question, scene->objects[i].name);
}

Test(world, what_is_referred_to_is_under_the_point)
{
    const fm_world_settings settings = only(FM_WORLD_FAMILY_REFERRING);

    each_question(FM_WORLD_FAMILY_REFERRING, &settings, check_referring);
}

/* A point of the outline seen from above, in the camera's frame. */
static void outline_point(const fm_world_object *o, int i, int n, double out[3])
{
    double x, y, t = 4.0 * i / n, angle = 2 * acos(-1.0) * i / n;
    int side = (int)t;

    t -= side;
    if (o->round) {
        x = o->box.extent[0] / 2 * cos(angle);
        y = o->box.extent[0] / 2 * sin(angle);
    } else {
        x = o->box.extent[0] * (side == 0 ? t - 0.5 : side == 2 ? 0.5 - t : side == 1 ? 0.5 : -0.5);
        y = o->box.extent[1] * (side == 1 ? t - 0.5 : side == 3 ? 0.5 - t : side == 0 ? -0.5 : 0.5);
    }
    for (int k = 0; k < 3; k++)
        out[k] = o->box.center[k] + o->box.rotation[k][0] * x + o->box.rotation[k][1] * y -
                 o->box.rotation[k][2] * o->box.extent[2] / 2;
}

static void check_placing(const fm_world_scene *scene, const fm_world_question *q)
{
    size_t at = pixel_of(scene, q->points[0]);
    double xyz[3];

    cr_expect(eq(int, scene->ids[at], 0), "%s", q->question);
    cr_expect(lt(dbl, fabs((double)scene->depth[at] - q->points[0][2]), 0.03 * q->points[0][2]));
    unproject(scene, q->points[0], xyz);
    cr_expect(lt(dbl, fm_box_distance(&q->box, xyz), 1e-9));
    /* It is as far from the thing's outline as the question says. */
    int named[8];
    cr_assert(eq(int, named_in(scene, q->question, named), 1));
    double said = q->steps[2].value[0], off = 1e9;
    for (int i = 0; i < 4000; i++) {
        double p[3];

        outline_point(&scene->objects[named[0]], i, 4000, p);
        off = fmin(off, sqrt((p[0] - xyz[0]) * (p[0] - xyz[0]) + (p[1] - xyz[1]) * (p[1] - xyz[1]) +
                             (p[2] - xyz[2]) * (p[2] - xyz[2])));
    }
    cr_expect(epsilon_eq(dbl, off, said, 1e-4 * said), "%s", q->question);
}

Test(world, free_spots_are_free_and_where_they_shall_be)
{
    const fm_world_settings settings = only(FM_WORLD_FAMILY_PLACING);

    each_question(FM_WORLD_FAMILY_PLACING, &settings, check_placing);
}

/* ---- lengths ---- */

static double outline_gap(const fm_world_object *a, const fm_world_object *b)
{
    enum { N = 240 };
    double least = 1e9;

    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++) {
            double p[3], q[3];

            outline_point(a, i, N, p);
            outline_point(b, k, N, q);
            least = fmin(least, sqrt((p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]) +
                                     (p[2] - q[2]) * (p[2] - q[2])));
        }
    return least;
}

static void check_measuring(const fm_world_scene *scene, const fm_world_question *q)
{
    int named[8], n = named_in(scene, q->question, named);
    const fm_world_object *a = &scene->objects[named[0]],
                          *b = n > 1 ? &scene->objects[named[1]] : a;
    double said, factor;
    char unit[32];

    if (strstr(q->question, "tall"))
        cr_expect(epsilon_eq(dbl, q->length_m, a->box.extent[2], 1e-9), "%s", q->question);
    else if (strstr(q->question, "plane of the camera"))
        cr_expect(
            epsilon_eq(dbl, q->length_m, (double)scene->depth[pixel_of(scene, a->centre)], 1e-6),
            "%s", q->question);
    else if (strstr(q->question, "apart"))
        cr_expect(epsilon_eq(dbl, q->length_m, box_distance(a, b), 1e-9), "%s", q->question);
    else if (strstr(q->question, "gap"))
        cr_expect(epsilon_eq(dbl, q->length_m, outline_gap(a, b), 0.01 + 0.05 * q->length_m),
                  "%s: %g", q->question, outline_gap(a, b));
    else
        cr_expect(epsilon_eq(dbl, q->length_m, fmax(a->box.extent[0], a->box.extent[1]), 1e-9),
                  "%s", q->question);
    cr_assert(eq(int, sscanf(q->answer, "%lf %31s", &said, unit), 2));
    cr_expect(eq(str, unit, (char *)q->unit));
    factor = unit[0] == 'c' ? 0.01 : unit[0] == 'i' ? 0.0254 : unit[0] == 'm' ? 1 : 0.3048;
    cr_expect(epsilon_eq(dbl, said * factor, q->length_m, 0.05 * factor + 1e-9), "%s", q->answer);
    cr_expect(eq(int, q->length_m < 1, factor < 0.1), "%s", q->answer);
}

Test(world, lengths_are_those_of_the_boxes_and_outlines)
{
    fm_world_settings settings = only(FM_WORLD_FAMILY_MEASURING);

    settings.per_family = 6;
    each_question(FM_WORLD_FAMILY_MEASURING, &settings, check_measuring);
}

/* ---- traces ---- */

static bool inside(const fm_world_object *o, const double p[3], double shrink)
{
    double local[3];

    for (int k = 0; k < 3; k++) {
        local[k] = 0;
        for (int c = 0; c < 3; c++)
            local[k] += o->box.rotation[c][k] * (p[c] - o->box.center[c]);
        if (fabs(local[k]) > o->box.extent[k] / 2 - shrink)
            return false;
    }
    double r = o->box.extent[0] / 2 - shrink;
    return !o->round || local[0] * local[0] + local[1] * local[1] < r * r;
}

/* Does the thing fill its box? One can pass below a lamp's shade, or over a seat. */
static bool fills_its_box(const fm_world_object *o)
{
    static const char *const kinds[] = {"lamp",  "tree",  "table", "bench",
                                        "chair", "stool", "plant"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strstr(o->kind, kinds[i]))
            return false;
    return true;
}

/* What is seen of the thing, carried along the trace in small steps, never enters another object. */
static void check_way(const fm_world_scene *scene, const fm_world_question *q)
{
    double first[3], previous[3];

    unproject(scene, q->points[0], first);
    memcpy(previous, first, sizeof(previous));
    for (int i = 1; i < q->n_points; i++) {
        double next[3];

        unproject(scene, q->points[i], next);
        for (int part = 1; part <= 6; part++)
            for (int v = 0; v < scene->height; v += 2)
                for (int u = 0; u < scene->width; u += 2) {
                    size_t at = (size_t)v * (size_t)scene->width + (size_t)u;
                    double p[3];

                    if (scene->ids[at] != q->subject + 1)
                        continue;
                    fm_camera_back_project(&scene->camera, u, v, (double)scene->depth[at], p);
                    for (int k = 0; k < 3; k++)
                        p[k] += previous[k] + (next[k] - previous[k]) * part / 6 - first[k];
                    for (int o = 0; o < scene->n_objects; o++)
                        cr_assert(o == q->subject || !fills_its_box(&scene->objects[o]) ||
                                      !inside(&scene->objects[o], p, 0.002),
                                  "%s: enters %s", q->question, scene->objects[o].name);
                }
        memcpy(previous, next, sizeof(previous));
    }
}

static void check_trace(const fm_world_scene *scene, const fm_world_question *q)
{
    const double *last = q->points[q->n_points - 1];
    double xyz[3];

    cr_expect(ge(int, q->n_points, 6));
    cr_expect(le(int, q->n_points, 12));
    for (int i = 0; i < q->n_points; i++)
        cr_expect(q->points[i][0] >= 0 && q->points[i][0] < 1 && q->points[i][1] >= 0 &&
                      q->points[i][1] < 1 && q->points[i][2] > 0,
                  "%s", q->question);
    for (int i = 1; i < q->n_points; i++)
        cr_expect(gt(dbl,
                     fabs(q->points[i][0] - q->points[i - 1][0]) +
                         fabs(q->points[i][1] - q->points[i - 1][1]) +
                         fabs(q->points[i][2] - q->points[i - 1][2]),
                     0));
    unproject(scene, last, xyz);
    cr_expect(lt(dbl, fm_box_distance(&q->box, xyz), 1e-9), "%s", q->question);
    cr_expect(ne(ptr, strstr(q->question, q->target), NULL), "%s", q->question);
    if (q->end_effector)
        return;
    cr_expect(eq(int, scene->ids[pixel_of(scene, q->points[0])], q->subject + 1), "%s",
              q->question);
    check_way(scene, q);
}

Test(world, traces_in_the_picture_lead_from_the_thing_to_the_box)
{
    const fm_world_settings settings = only(FM_WORLD_FAMILY_TRACE_2D);

    each_question(FM_WORLD_FAMILY_TRACE_2D, &settings, check_trace);
}

Test(world, traces_in_space_touch_nothing)
{
    const fm_world_settings settings = only(FM_WORLD_FAMILY_TRACE_3D);

    each_question(FM_WORLD_FAMILY_TRACE_3D, &settings, check_trace);
}

Test(world, lifting_gives_the_way_in_the_picture)
{
    const fm_world_settings settings = only(FM_WORLD_FAMILY_LIFTING);
    fm_world_scene scene = {0};
    char prompt[2048], first[32];

    make(&settings, 1, &scene);
    const fm_world_question *q = &scene.questions[0];
    cr_assert(lt(sz, fm_world_prompt(q, 0, prompt, sizeof(prompt)), sizeof(prompt) - 1));
    snprintf(first, sizeof(first), "[(%.0f, %.0f), ", floor(q->points[0][0] * 1000 + 0.5),
             floor(q->points[0][1] * 1000 + 0.5));
    cr_expect(ne(ptr, strstr(prompt, first), NULL), "%s", prompt);
    fm_world_scene_release(&scene);
}

/* What is said in metres lies where the truth does; what is said of the picture alone stays. */
Test(world, points_in_space_are_those_of_the_truth)
{
    fm_world_settings settings = settings_of(1u << FM_WORLD_TABLETOP);
    fm_world_scene scene = {0};
    int in_space = 0;

    for (size_t s = 0; s < 4; s++) {
        make(&settings, s, &scene);
        for (int k = 0; k < scene.n_questions; k++) {
            fm_world_question q = scene.questions[k];
            bool deep = q.form == FM_WORLD_POINT ||
                        (q.form == FM_WORLD_PATH && q.family != FM_WORLD_FAMILY_TRACE_2D);
            char prompt[2048], steps[4096];
            double xyz[3], said[3];

            fm_world_ask_in_space(&scene, &q);
            fm_world_prompt(&q, 0, prompt, sizeof(prompt));
            fm_world_reasoning(&q, steps, sizeof(steps));
            cr_expect(eq(int, strstr(prompt, "z forward") != NULL, deep), "%s", prompt);
            cr_expect(eq(int, strcmp(q.answer, scene.questions[k].answer) != 0, deep), "%s",
                      q.answer);
            if (!deep)
                continue;
            unproject(&scene, q.points[0], xyz);
            cr_assert(
                eq(int, sscanf(q.answer, "[(%lf, %lf, %lf)", &said[0], &said[1], &said[2]), 3),
                "%s", q.answer);
            for (int i = 0; i < 3; i++)
                cr_expect(epsilon_eq(dbl, said[i], xyz[i], 0.00051), "%s", q.answer);
            in_space++;
        }
    }
    cr_expect(gt(int, in_space, 4));
    fm_world_scene_release(&scene);
}

/* ---- the scorers of replies ---- */

/* The metric that scores models, on the depth that they see, passes the truth. */
Test(world, the_benchmarks_metric_passes_the_true_traces)
{
    fm_world_settings settings = only(FM_WORLD_FAMILY_TRACE_3D);
    fm_trace_grader *grader = fm_trace_grader_new();
    fm_world_scene scene = {0};
    fm_raster depth = {0}, mask = {0};
    int graded = 0;

    cr_assert(ne(ptr, grader, NULL));
    settings.places = 3; /* its depths end at 5 m: no yard */
    settings.width = 320;
    settings.height = 240;
    settings.noise = true;
    for (size_t s = 0; s < 8; s++) {
        fm_err err = {0};

        make(&settings, s, &scene);
        size_t n = (size_t)scene.width * (size_t)scene.height;
        cr_assert(
            eq(int, fm_raster_reserve(&depth, scene.width, scene.height, 1, 16, &err), FM_OK));
        cr_assert(eq(int, fm_raster_reserve(&mask, scene.width, scene.height, 1, 8, &err), FM_OK));
        for (size_t i = 0; i < n; i++)
            ((uint16_t *)depth.data)[i] = (uint16_t)lround((double)scene.depth[i] * 1000);
        for (int k = 0; k < scene.n_questions; k++) {
            const fm_world_question *q = &scene.questions[k];
            double points[FM_WORLD_POINTS_MAX][3];
            fm_trace_answer answer = {0};
            fm_trace3d_score score;

            if (q->end_effector)
                continue;
            for (size_t i = 0; i < n; i++)
                ((uint8_t *)mask.data)[i] = scene.ids[i] == q->subject + 1 ? 255 : 0;
            for (int i = 0; i < q->n_points; i++)
                unproject(&scene, q->points[i], points[i]);
            const fm_trace_truth truth = {.points = points,
                                          .n = (size_t)q->n_points,
                                          .camera = scene.camera,
                                          .has_box = true,
                                          .box = q->box,
                                          .width = scene.width,
                                          .height = scene.height};
            const fm_trace_scene3d rasters = {.depth = &depth, .mask = &mask};
            cr_assert(eq(int,
                         fm_answers_parse_trace(FM_ANSWERS_TUPLES, q->answer, strlen(q->answer),
                                                &answer, &err),
                         FM_OK));
            cr_assert(eq(int,
                         fm_trace_grade_3d(grader, FM_TRACE_PAPER, FM_ANSWERS_TUPLES, &answer,
                                           &truth, &rasters, &score, &err),
                         FM_OK),
                      "%s", err.text);
            /* Of large things at a distance its filters may leave a piece that is far from the start. */
            bool passes = scene.place == FM_WORLD_TABLETOP ? score.success == FM_TRUE
                                                           : score.end_ok == FM_TRUE;
            cr_expect(passes && score.max_collision_ratio < 0.15,
                      "scene %zu '%s': start %d end %d ratio %g", s, q->question, score.start_ok,
                      score.end_ok, score.max_collision_ratio);
            fm_trace_answer_release(&answer);
            graded++;
        }
    }
    cr_expect(ge(int, graded, 12));
    fm_raster_release(&depth);
    fm_raster_release(&mask);
    fm_world_scene_release(&scene);
    fm_trace_grader_free(grader);
}

/* ---- reasoning ---- */

static fm_step_kind kind_of(fm_world_key_kind kind)
{
    return kind == FM_WORLD_SCALE       ? FM_STEP_SCALE
           : kind == FM_WORLD_REFERRING ? FM_STEP_REFERRING
                                        : FM_STEP_MEASURING;
}

Test(world, true_reasoning_earns_the_full_reward)
{
    const fm_world_settings settings = settings_of(7);
    fm_arena arena = {0};
    fm_world_scene scene = {0};
    bool seen_steps[FM_WORLD_STEPS_MAX + 1] = {false};

    for (size_t s = 0; s < SCENES; s++) {
        make(&settings, s, &scene);
        for (int k = 0; k < scene.n_questions; k++) {
            const fm_world_question *q = &scene.questions[k];
            fm_key_step keys[FM_WORLD_STEPS_MAX];
            double points[FM_WORLD_POINTS_MAX][3];
            char reasoning[2048], reply[3072];
            fm_reward reward;
            fm_err err = {0};

            cr_assert(ge(int, q->n_steps, 2));
            seen_steps[q->n_steps] = true;
            for (int i = 0; i < q->n_steps; i++) {
                keys[i] =
                    (fm_key_step){.kind = kind_of(q->steps[i].kind), .target = q->steps[i].target};
                memcpy(keys[i].value, q->steps[i].value, sizeof(keys[i].value));
            }
            memcpy(points, q->points, sizeof(points));
            cr_assert(
                lt(sz, fm_world_reasoning(q, reasoning, sizeof(reasoning)), sizeof(reasoning) - 1));
            snprintf(reply, sizeof(reply), "<think>%s</think><answer>%s</answer>", reasoning,
                     q->answer);
            const fm_reward_truth truth = {.trace = q->n_points ? points : NULL,
                                           .n_trace = (size_t)q->n_points,
                                           .max_depth_m = scene.max_depth_m,
                                           .width = scene.width,
                                           .height = scene.height,
                                           .keys = keys,
                                           .n_keys = (size_t)q->n_steps};
            const fm_span text = {reply, strlen(reply)};
            cr_assert(
                eq(int, fm_reward_judge(&fm_reward_robotracer, text, &truth, &arena, &reward, &err),
                   FM_OK));
            cr_expect(eq(dbl, reward.r_of, 1));
            cr_expect(eq(dbl, reward.r_pf, 1), "%s", reasoning);
            cr_expect(eq(dbl, reward.r_acc, 1), "%s", reasoning);
            if (q->form == FM_WORLD_PATH && q->family != FM_WORLD_FAMILY_TRACE_2D)
                cr_expect(gt(dbl, reward.total, 3.49), "%s: %g", q->answer, reward.total);
            fm_arena_reset(&arena);
        }
    }
    for (int n = 2; n <= 7; n++)
        cr_expect(seen_steps[n], "%d steps", n);
    fm_world_scene_release(&scene);
    fm_arena_release(&arena);
}

/* What a conclusion weighs, as its words tell. */
typedef struct {
    int number;    /* of a place: 0 x, 2 depth; -1: a length that was measured */
    bool the_more; /* is the winner the one that has more of it? */
} weighing;

static weighing weighing_of(const char *words)
{
    static const struct {
        const char *words;
        weighing by;
    } known[] = {
        {"to the left", {0, false}},  {"to the right", {0, true}},   {"nearer to", {2, false}},
        {"nearest to", {2, false}},   {"farther from", {2, true}},   {"farthest from", {2, true}},
        {"taller than", {-1, true}},  {"is tallest", {-1, true}},    {"shorter than", {-1, false}},
        {"is shortest", {-1, false}}, {"is closest to", {-1, false}}};
    size_t first = 0, at = SIZE_MAX;

    for (size_t i = 0; i < FM_COUNT_OF(known); i++) {
        const char *found = strstr(words, known[i].words);

        if (found && (size_t)(found - words) < at) {
            at = (size_t)(found - words);
            first = i;
        }
    }
    cr_assert(ne(sz, at, SIZE_MAX), "%s", words);
    return known[first].by;
}

/* The n-th number that steps say of what is weighed. The mark that things are close to is not. */
static double weight_said(const fm_world_question *q, weighing by, int n)
{
    fm_world_key_kind kind = by.number < 0 ? FM_WORLD_MEASURING : FM_WORLD_REFERRING;

    for (int i = 0; i < q->n_steps; i++)
        if (q->steps[i].kind == kind && n-- == 0)
            return q->steps[i].value[by.number < 0 ? 0 : by.number];
    cr_expect(false, "a step is missing: %s", q->conclusion);
    return NAN;
}

/* Up to the next number, which it returns. */
static double next_number(const char **at)
{
    char *end;

    *at += strcspn(*at, "0123456789");
    double value = strtod(*at, &end);
    *at = end;
    return value;
}

/* The next "0.438 > 0.141" is of the a-th and the b-th thing; whether the sign is right, and which it is. */
static char check_pair(const fm_world_question *q, weighing by, const char **at, int a, int b)
{
    double first = next_number(at);
    char sign = (*at)[1];
    double second = next_number(at);

    cr_expect(lt(dbl, fabs(first - weight_said(q, by, a)), 5.1e-4), "%s", q->conclusion);
    cr_expect(lt(dbl, fabs(second - weight_said(q, by, b)), 5.1e-4), "%s", q->conclusion);
    cr_expect(eq(chr, sign, first < second ? '<' : '>'), "%s", q->conclusion);
    return sign;
}

/* Returns how many relations it has. */
static int check_related(const fm_world_question *q)
{
    const char *at = q->conclusion, *words = strchr(at, ':') + 2, *options = strchr(words, '\n');
    size_t length = strcspn(words, ".");
    int n = 0, option = 0;

    for (const char *word = words; word && at < words; n++) {
        weighing by = weighing_of(word);

        cr_expect(eq(int, by.the_more, check_pair(q, by, &at, 0, 1) == '>'), "%s", q->conclusion);
        at += strspn(at, ",: ");
        word = strstr(word, " and ");
    }
    cr_expect(eq(ptr, (void *)at, (void *)words), "%s", q->conclusion);
    if (q->form == FM_WORLD_FACT)
        cr_expect(ne(ptr, memmem(q->answer, strlen(q->answer), words, length), NULL), "%s",
                  q->conclusion);
    cr_expect(eq(int, options != NULL, q->form == FM_WORLD_CHOICE));
    for (; options; options = strchr(options + 1, '\n'), option++) {
        char line[256], holds[128];
        const char *both = strstr(q->options[option], " and ");
        size_t first = both ? (size_t)(both - q->options[option]) : strlen(q->options[option]);

        snprintf(holds, sizeof(holds), "%.*s", (int)length, words);
        bool right = strncmp(holds, q->options[option], first) == 0;
        int end = snprintf(line, sizeof(line), "\n%c. %.*s: %s", 'A' + option, (int)first,
                           q->options[option], right ? "yes" : "no");
        if (right && both) {
            right = strcmp(holds + first, both) == 0;
            snprintf(line + end, sizeof(line) - (size_t)end, ", %s: %s", both + strlen(" and "),
                     right ? "yes" : "no");
        }
        cr_expect(eq(int, strncmp(options, line, strlen(line)), 0), "%s", q->conclusion);
        cr_expect(eq(sz, strcspn(options + 1, "\n"), strlen(line) - 1), "%s", q->conclusion);
        cr_expect(eq(int, right, option == q->right));
    }
    if (q->form == FM_WORLD_CHOICE)
        cr_expect(eq(int, option, q->right + 1)); /* as far as the right one */
    return n;
}

/* Returns how many were held against the best so far. */
static int check_compared(const fm_world_question *q)
{
    const char *at = q->conclusion;
    weighing by = weighing_of(q->question);
    int n = 0, best = 0;

    while (strstr(at, " < ") || strstr(at, " > ")) {
        char sign = check_pair(q, by, &at, best, ++n);

        best = by.the_more == (sign == '<') ? n : best;
        if (q->form == FM_WORLD_CHOICE)
            cr_expect(eq(chr, at[2], (char)('A' + best)), "%s", q->conclusion);
    }
    if (q->form == FM_WORLD_CHOICE) {
        cr_expect(eq(int, n + 1, q->n_options), "%s", q->conclusion);
        cr_expect(eq(int, best, q->right), "%s", q->conclusion);
        cr_expect(eq(chr, at[5], (char)('A' + best)), "%s", q->conclusion);
    } else {
        size_t size = strlen(q->answer) - 1;

        cr_expect(
            eq(str, (char *)q->conclusion + strlen(q->conclusion) - size, (char *)q->answer + 1));
    }
    return n;
}

Test(world, what_is_concluded_follows_from_the_steps)
{
    fm_world_settings settings = settings_of(1u << FM_WORLD_TABLETOP);
    fm_world_scene scene = {0};
    int relations = 0, rivals = 0;

    settings.families = 1u << FM_WORLD_FAMILY_RELATION | 1u << FM_WORLD_FAMILY_COMPARISON;
    settings.per_family = 6;
    settings.easy_names = true;
    for (size_t s = 0; s < 12; s++) {
        make(&settings, s, &scene);
        for (int k = 0; k < scene.n_questions; k++) {
            const fm_world_question *q = &scene.questions[k];

            if (q->family == FM_WORLD_FAMILY_RELATION)
                relations += check_related(q);
            else
                rivals += check_compared(q);
        }
    }
    cr_expect(gt(int, relations, 60));
    cr_expect(gt(int, rivals, 60));
    fm_world_scene_release(&scene);
}

/* ---- the same everywhere, and what settings do ---- */

static void hash_scene(fm_hash *hash, const fm_world_scene *scene)
{
    size_t n = (size_t)scene->width * (size_t)scene->height;
    char text[4096];

    fm_hash_update(hash, scene->rgb, n * 3);
    fm_hash_update(hash, scene->ids, n);
    for (size_t i = 0; i < n; i++) {
        int mm = (int)lround((double)scene->depth[i] * 65536);

        snprintf(text, sizeof(text), "%d", mm);
        fm_hash_update(hash, text, strlen(text));
    }
    snprintf(text, sizeof(text), "%a %a %a %a %a", scene->camera.fx, scene->camera.cx,
             scene->camera.cy, scene->scale, scene->max_depth_m);
    fm_hash_update(hash, text, strlen(text));
    for (int i = 0; i < scene->n_questions; i++) {
        const fm_world_question *q = &scene->questions[i];

        fm_hash_update(hash, text, fm_world_prompt(q, 0, text, sizeof(text)));
        fm_hash_update(hash, text, fm_world_reasoning(q, text, sizeof(text)));
        fm_hash_update(hash, q->answer, strlen(q->answer));
        for (int k = 0; k < q->n_points; k++) {
            snprintf(text, sizeof(text), "%a %a %a", q->points[k][0], q->points[k][1],
                     q->points[k][2]);
            fm_hash_update(hash, text, strlen(text));
        }
    }
}

static void hash_of(const fm_world_settings *settings, size_t from, size_t to,
                    char out[FM_HASH_TEXT_BYTES])
{
    fm_hash *hash = fm_hash_new();
    fm_world_scene scene = {0};

    for (size_t i = from; i < to; i++) {
        make(settings, i, &scene);
        hash_scene(hash, &scene);
    }
    fm_hash_finish(hash, out);
    fm_world_scene_release(&scene);
}

/* Compiler, optimisation level and library must not show. Where a change is meant, raise
 * FM_WORLD_VERSION and put the new hash here. */
Test(world, pixels_numbers_and_words_are_the_golden_ones)
{
    fm_world_settings settings = fm_world_default_settings();
    char text[FM_HASH_TEXT_BYTES];

    settings.per_family = 2;
    hash_of(&settings, 0, 12, text);
    cr_expect(eq(str, text, "104662dfc5f8eeeccb71afb9073ee6c362cf8f1ac722eaedffa7bc8a84644150"));
}

Test(world, a_scene_depends_on_settings_and_index_alone)
{
    fm_world_settings settings = fm_world_default_settings();
    char a[FM_HASH_TEXT_BYTES], b[FM_HASH_TEXT_BYTES];

    settings.width = settings.height = 64;
    hash_of(&settings, 5, 6, a);
    hash_of(&settings, 5, 6, b);
    cr_expect(eq(str, a, b));
    settings.split = FM_WORLD_TEST;
    hash_of(&settings, 5, 6, b);
    cr_expect(ne(str, a, b));
    settings.split = FM_WORLD_TRAIN;
    settings.seed++;
    hash_of(&settings, 5, 6, b);
    cr_expect(ne(str, a, b));
}

Test(world, asks_what_the_settings_want_and_nothing_else)
{
    fm_world_settings settings = settings_of(1u << FM_WORLD_INDOOR);
    fm_world_scene scene = {0};

    settings.families = 1u << FM_WORLD_FAMILY_RELATION | 1u << FM_WORLD_FAMILY_TRACE_3D;
    settings.forms = 1u << FM_WORLD_YESNO | 1u << FM_WORLD_PATH;
    settings.easy_names = true;
    for (size_t i = 0; i < 4; i++) {
        bool found[FM_WORLD_FAMILIES] = {false};

        make(&settings, i, &scene);
        cr_expect(eq(int, scene.place, FM_WORLD_INDOOR));
        for (int k = 0; k < scene.n_questions; k++) {
            found[scene.questions[k].family] = true;
            cr_expect(scene.questions[k].form == FM_WORLD_YESNO ||
                      scene.questions[k].form == FM_WORLD_PATH);
        }
        cr_expect(found[FM_WORLD_FAMILY_RELATION] && found[FM_WORLD_FAMILY_TRACE_3D]);
        cr_expect(not(found[FM_WORLD_FAMILY_MEASURING]));
        /* "the red mug" and no more. */
        for (int k = 0; k < scene.n_objects; k++)
            cr_expect(eq(ptr, strstr(scene.objects[k].name, " from "), NULL), "%s",
                      scene.objects[k].name);
    }
    fm_world_scene_release(&scene);
}

Test(world, one_thing_alone_can_be_asked_for)
{
    fm_world_settings settings = fm_world_default_settings();
    fm_world_scene scene = {0};

    settings.fewest = settings.most = 1;
    settings.families = 1u << FM_WORLD_FAMILY_REFERRING;
    make(&settings, 0, &scene);
    cr_expect(eq(int, scene.n_objects, 1));
    cr_expect(eq(int, scene.n_questions, 1));
    fm_world_scene_release(&scene);
}

Test(world, settings_out_of_bounds_are_refused)
{
    fm_world_settings bad[8];
    fm_world_scene scene = {0};

    for (size_t i = 0; i < 8; i++)
        bad[i] = fm_world_default_settings();
    bad[0].width = 31;
    bad[1].height = 5000;
    bad[2].width = 400, bad[2].height = 100;
    bad[3].fewest = 0;
    bad[4].most = FM_WORLD_OBJECTS_MAX + 1;
    bad[5].places = 0;
    bad[6].per_family = 9;
    /* A relation takes two. */
    bad[7].fewest = bad[7].most = 1;
    bad[7].families = 1u << FM_WORLD_FAMILY_RELATION;
    for (size_t i = 0; i < 8; i++) {
        fm_err err = {0};

        cr_expect(eq(int, fm_world_scene_make(&bad[i], 0, &scene, &err), FM_E_USAGE), "case %zu",
                  i);
        cr_expect(gt(sz, strlen(err.text), 0));
    }
    fm_world_scene_release(&scene);
}
