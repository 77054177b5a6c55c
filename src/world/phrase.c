/* Owns wording: how a thing is named so that it cannot be taken for another, the instruction, and the
 * key steps that it takes for granted. Judges order and nearness by what the camera sees. */
#include "world/phrase.h"

#include <stdio.h>

#include "base/size.h"
#include "world/render.h"

typedef struct {
    char text[112];
    int steps; /* what it takes to find the thing beyond looking for its kind */
} name;

static bool same_kind(const fm_thing *a, const fm_thing *b)
{
    return a->class == b->class &&
           (a->colour == b->colour || fm_thing_kinds[a->class].flags & FM_THING_UNDYED);
}

static void plain_name(const fm_thing *t, char *out, size_t size)
{
    const fm_thing_kind *kind = &fm_thing_kinds[t->class];

    if (kind->flags & FM_THING_UNDYED)
        snprintf(out, size, "%s", kind->name);
    else
        snprintf(out, size, "%s %s", fm_colours[t->colour].name, kind->name);
}

/* Where a thing stands among those that share its name. */
typedef struct {
    int count;
    int from_left;          /* 0: the leftmost */
    bool order_clear;       /* no other is so close to the same column that left and right blur */
    bool nearest, farthest; /* from the camera, by a clear distance */
} standing;

static bool find_standing(const fm_scene *scene, int index, standing *out)
{
    const fm_thing *t = &scene->things[index];
    double uv[2], own_u, own_far;

    *out = (standing){.count = 1, .order_clear = true, .nearest = true, .farthest = true};
    if (!fm_view_project(&scene->view, t->at, uv))
        return false;
    own_u = uv[0];
    own_far = fm_view_from_world(&scene->view, t->at).z;
    for (int i = 0; i < scene->n_things; i++) {
        const fm_thing *other = &scene->things[i];

        if (i == index || !same_kind(t, other))
            continue;
        /* A twin that hardly shows would make any order a riddle. */
        if (!fm_view_project(&scene->view, other->at, uv) ||
            fm_thing_visibility(scene, i, 2).share < 0.4)
            return false;
        double aside = uv[0] - own_u,
               behind = fm_view_from_world(&scene->view, other->at).z - own_far;
        out->count++;
        out->from_left += aside < 0;
        out->order_clear &= fabs(aside) > 0.045 * scene->view.width;
        out->nearest &= behind > 0.10;
        out->farthest &= behind < -0.10;
    }
    return true;
}

/* "the red can next to the green bowl": by a neighbour whose own name is clear and that is near no
 * other of the kind. */
static bool name_by_neighbour(const fm_scene *scene, int index, const char *kind, name *out)
{
    const fm_thing *t = &scene->things[index];

    for (int i = 0; i < scene->n_things; i++) {
        const fm_thing *near = &scene->things[i];
        char words[48];
        bool clear = near->class != t->class &&
                     fm_thing_plan_distance(near, t->at.x, t->at.y) < t->radius + 0.12;

        for (int k = 0; k < scene->n_things && clear; k++) {
            const fm_thing *other = &scene->things[k];

            clear = (k == i || !same_kind(near, other)) &&
                    (k == index || !same_kind(t, other) ||
                     fm_thing_plan_distance(near, other->at.x, other->at.y) > t->radius + 0.25);
        }
        if (!clear || fm_thing_visibility(scene, i, 2).share < 0.5)
            continue;
        plain_name(near, words, sizeof(words));
        snprintf(out->text, sizeof(out->text), "the %s next to the %s", kind, words);
        out->steps = 2;
        return true;
    }
    return false;
}

static bool name_thing(const fm_scene *scene, int index, fm_rng *rng, name *out)
{
    static const char *const ordinal[] = {"", "second ", "third ", "fourth "};
    standing s;
    char kind[48];

    if (!find_standing(scene, index, &s))
        return false;
    plain_name(&scene->things[index], kind, sizeof(kind));
    out->steps = s.count > 1;
    if (s.count == 1) {
        snprintf(out->text, sizeof(out->text), "the %s", kind);
        return true;
    }
    if (fm_rng_unit(rng) < 0.5 && name_by_neighbour(scene, index, kind, out))
        return true;
    if ((s.nearest || s.farthest) && (!s.order_clear || fm_rng_unit(rng) < 0.4)) {
        snprintf(out->text, sizeof(out->text), "the %s %s the camera", kind,
                 s.nearest ? "closest to" : "farthest from");
        return true;
    }
    if (!s.order_clear || s.count > 4)
        return false;
    bool left = s.count == 2 ? s.from_left == 0 : fm_rng_unit(rng) < 0.5;
    int place = left ? s.from_left : s.count - 1 - s.from_left;
    if (place == 0)
        snprintf(out->text, sizeof(out->text), s.count == 2 ? "the %s on the %s" : "the %smost %s",
                 s.count == 2 ? kind
                 : left       ? "left"
                              : "right",
                 s.count == 2 ? (left ? "left" : "right") : kind);
    else
        snprintf(out->text, sizeof(out->text), "the %s%s from the %s", ordinal[place], kind,
                 left ? "left" : "right");
    return true;
}

/* ---- what the wording takes for granted, as key steps ---- */

static fm_world_key_step *add_step(fm_world_item *out, fm_world_key_kind kind, const char *target)
{
    if (out->n_key_steps == FM_WORLD_KEY_STEPS_MAX)
        return NULL;
    fm_world_key_step *step = &out->key_steps[out->n_key_steps++];
    step->kind = kind;
    snprintf(step->target, sizeof(step->target), "%s", target);
    step->value[0] = step->value[1] = step->value[2] = 0;
    return step;
}

static void add_length(fm_world_item *out, const char *target, double metres)
{
    fm_world_key_step *step = add_step(out, FM_WORLD_MEASURING, target);

    if (step)
        step->value[0] = metres;
}

static void add_place(const fm_scene *scene, int index, const char *target, fm_world_item *out)
{
    fm_world_key_step *step = add_step(out, FM_WORLD_REFERRING, target);

    if (!step)
        return;
    fm_visibility seen = fm_thing_visibility(scene, index, 1);
    step->value[0] = (double)seen.u / scene->view.width;
    step->value[1] = (double)seen.v / scene->view.height;
    step->value[2] = seen.depth;
}

static bool name_goal(const fm_scene *scene, const fm_task *task, fm_rng *rng, fm_world_item *out)
{
    static const char *const sides[] = {"to the left of", "to the right of", "in front of",
                                        "behind"};
    name first, second;

    if (!name_thing(scene, task->landmarks[0], rng, &first))
        return false;
    out->steps += 1 + first.steps;
    add_place(scene, task->landmarks[0], first.text, out);
    switch (task->goal) {
    case FM_GOAL_ON:
        snprintf(out->destination, sizeof(out->destination), "the top of %s", first.text);
        return true;
    case FM_GOAL_BESIDE:
        out->steps += 1 + task->metric;
        if (task->metric)
            snprintf(out->destination, sizeof(out->destination), "the spot %d cm %s %s",
                     task->gap_cm, sides[task->side], first.text);
        else
            snprintf(out->destination, sizeof(out->destination), "the spot just %s %s",
                     sides[task->side], first.text);
        if (task->metric)
            add_length(out, out->destination, task->gap_cm / 100.0);
        return true;
    case FM_GOAL_BETWEEN:
        break;
    }
    if (!name_thing(scene, task->landmarks[1], rng, &second))
        return false;
    out->steps += 1 + second.steps;
    add_place(scene, task->landmarks[1], second.text, out);
    snprintf(out->destination, sizeof(out->destination), "the spot between %s and %s", first.text,
             second.text);
    return true;
}

bool fm_task_phrase(const fm_scene *scene, const fm_task *task, const fm_plan *plan, fm_rng *rng,
                    fm_world_item *out)
{
    static const char *const frames[][2] = {{"Pick up", ", and move it to"},
                                            {"Take", " and put it down on"},
                                            {"Pick up", " and place it on"},
                                            {"Grasp", " and carry it to"}};
    static const char *const slides[][2] = {{"Push", " to"}, {"Pull", " to"}};
    char way[176] = "";
    name target, guard;

    out->steps = 1;
    out->n_key_steps = 0;
    if (!name_thing(scene, task->target, rng, &target))
        return false;
    add_step(out, FM_WORLD_SCALE, "Scene");
    add_place(scene, task->target, target.text, out);
    add_length(out, target.text, scene->things[task->target].height);
    if (!name_goal(scene, task, rng, out))
        return false;
    out->steps += target.steps;
    snprintf(out->target, sizeof(out->target), "%s", target.text);
    if (plan->way != FM_WAY_FREE && fm_rng_unit(rng) < 0.85 &&
        name_thing(scene, task->guard, rng, &guard)) {
        /* The planner keeps FM_PLAN_MARGIN_M, so that a stated 3 cm are true. */
        bool metric = fm_rng_unit(rng) < 0.4, over = plan->way == FM_WAY_OVER;

        snprintf(way, sizeof(way), ", %s %s",
                 metric ? (over ? "keeping at least 3 cm above" : "keeping at least 3 cm away from")
                        : (over ? "lifting it over" : "passing around"),
                 guard.text);
        out->steps += 1 + guard.steps + metric;
        add_place(scene, task->guard, guard.text, out);
    }
    out->steps = out->steps > 8 ? 8 : out->steps;
    out->category = task->push ? "Push&Pull" : "Pick&Place";
    /* Towards the camera a thing is pulled. */
    fm_v3 from = fm_view_from_world(&scene->view, scene->things[task->target].at);
    bool nearer = fm_view_from_world(&scene->view, task->at).z < from.z - 0.2;
    const char *const *frame =
        task->push ? slides[nearer] : frames[fm_rng_below(rng, FM_COUNT_OF(frames))];
    int n = snprintf(out->instruction, sizeof(out->instruction), "%s %s%s %s%s.", frame[0],
                     out->target, frame[1], out->destination, way);
    return n > 0 && (size_t)n < sizeof(out->instruction);
}
