/* Owns the wording of an item: the instruction, and the key steps that it takes for granted. */
#include "world/phrase.h"

#include <stdio.h>

#include "base/size.h"
#include "world/names.h"
#include "world/sight.h"

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
    fm_name first, second;

    if (!fm_name_thing(scene, NULL, task->landmarks[0], rng, &first))
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
    if (!fm_name_thing(scene, NULL, task->landmarks[1], rng, &second))
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
    fm_name target, guard;

    out->steps = 1;
    out->n_key_steps = 0;
    if (!fm_name_thing(scene, NULL, task->target, rng, &target))
        return false;
    add_step(out, FM_WORLD_SCALE, "Scene");
    add_place(scene, task->target, target.text, out);
    add_length(out, target.text, scene->things[task->target].height);
    if (!name_goal(scene, task, rng, out))
        return false;
    out->steps += target.steps;
    snprintf(out->target, sizeof(out->target), "%s", target.text);
    if (plan->way != FM_WAY_FREE && fm_rng_unit(rng) < 0.85 &&
        fm_name_thing(scene, NULL, task->guard, rng, &guard)) {
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
