/* Owns the scenes of the suite's items: what stands where around one task, so that it is hard in the
 * ways that geometry can make it hard: things of the same kind to be told apart, clutter, and
 * something in the straight way. */
#include "world/composer.h"
#include "world/sight.h"
#include "world/task.h"

#include "base/size.h"
#include "world/exact.h"

typedef struct {
    fm_scene *scene;
    fm_task *task;
    fm_rng *rng;
    double goal_radius; /* room to be kept free around task->at */
} composer;

/* Least clear distance between things; around target and goal there has to be room for a gripper,
 * and for the planner's margin. */
static const double GAP_M = 0.025, GRIP_GAP_M = 0.055;

/* ---- standing things on the table ---- */

/* Stand `t` at (x, y) if there is room; its index, or -1. */
static int stand(composer *c, fm_thing t, double x, double y)
{
    fm_scene *s = c->scene;

    t.at = v3(x, y, 0);
    if (!fm_on_ground(s, x, y, t.radius))
        return -1;
    for (int i = 0; i < s->n_things; i++)
        if (!fm_things_apart(&t, &s->things[i], i == c->task->target ? GRIP_GAP_M : GAP_M))
            return -1;
    if (c->goal_radius > 0 &&
        fm_thing_plan_distance(&t, c->task->at.x, c->task->at.y) < c->goal_radius + GRIP_GAP_M)
        return -1;
    return fm_scene_put(s, &t);
}

/* Do target and landmarks stay visible? What hides them is taken away again. */
static bool all_seen(const composer *c)
{
    const fm_scene *s = c->scene;
    int step = 1 + s->view.width / 64;

    if (c->task->target >= 0 && fm_thing_visibility(s, c->task->target, step).share < 0.75)
        return false;
    for (int i = 0; i < 2; i++)
        if (c->task->landmarks[i] >= 0 &&
            fm_thing_visibility(s, c->task->landmarks[i], step).share < 0.55)
            return false;
    return true;
}

static int stand_in_view(composer *c, fm_thing t, double x, double y)
{
    int index;

    if (!fm_in_picture(&c->scene->view, v3(x, y, 0), t.radius, t.height))
        return -1;
    index = stand(c, t, x, y);
    if (index >= 0 && !all_seen(c)) {
        fm_scene_pop(c->scene);
        return -1;
    }
    return index;
}

/* Somewhere on the table; -1 where `tries` places would not do. */
static int stand_somewhere(composer *c, fm_thing t, int tries)
{
    for (int i = 0; i < tries; i++) {
        double x = fm_rng_range(c->rng, -1, 1) * c->scene->ground_hx;
        double y = fm_rng_range(c->rng, -1, 1) * c->scene->ground_hy;
        int index = stand_in_view(c, t, x, y);

        if (index >= 0)
            return index;
    }
    return -1;
}

/* ---- the task ---- */

/* Two places on the table, both in view and far enough apart that no single point is near both. */
static bool choose_ends(composer *c, double radius, double height, fm_v3 *from, fm_v3 *to)
{
    const fm_scene *s = c->scene;
    const fm_v3 high = v3(0.9 * s->ground_hx, 0.85 * s->ground_hy, 0), low = v3_scale(high, -1);

    for (int i = 0; i < 60; i++) {
        fm_v3 a = fm_point_between(c->rng, low, high);
        fm_v3 b = fm_point_between(c->rng, low, high);
        double d = v3_length(v3_sub(a, b));

        if (d < 0.62 || d > 1.35 || !fm_on_ground(s, a.x, a.y, radius) ||
            !fm_on_ground(s, b.x, b.y, 0.13) || !fm_in_picture(&s->view, a, radius, height) ||
            !fm_in_picture(&s->view, b, 0.12, 0.16))
            continue;
        *from = a;
        *to = b;
        return true;
    }
    return false;
}

static bool goal_on(composer *c, fm_v3 to)
{
    fm_task *task = c->task;
    const fm_thing *target = &c->scene->things[task->target];
    fm_thing t = fm_thing_fresh(c->scene,
                                fm_class_with(FM_WORLD_TABLETOP, FM_THING_SUPPORT, c->rng), c->rng);
    int support = stand_in_view(c, t, to.x, to.y);

    if (support < 0)
        return false;
    t = c->scene->things[support];
    task->goal = FM_GOAL_ON;
    task->landmarks[0] = support;
    task->at = v3(to.x, to.y, fm_thing_top(&t));
    task->c = t.c;
    task->s = t.s;
    double most_x = t.hx * 0.8 < 0.14 ? t.hx * 0.8 : 0.14, least = target->radius + 0.01;
    double most_y = t.hy * 0.8 < 0.14 ? t.hy * 0.8 : 0.14;
    task->hx = most_x > least ? most_x : least;
    task->hy = most_y > least ? most_y : least;
    return true;
}

static fm_thing landmark_thing(composer *c)
{
    fm_thing_class class;

    do
        class = fm_class_with(FM_WORLD_TABLETOP,
                              fm_chance(c->rng, 0.5) ? FM_THING_MOVABLE : FM_THING_SUPPORT, c->rng);
    while (class == c->scene->things[c->task->target].class);
    fm_thing t = fm_thing_fresh(c->scene, class, c->rng);
    fm_thing_turn(&t, fm_rng_range(c->rng, -0.15, 0.15));
    return t;
}

static void free_goal(composer *c, fm_v3 to)
{
    const fm_thing *target = &c->scene->things[c->task->target];
    fm_v3 right = v3_unit(v3(c->scene->view.right.x, c->scene->view.right.y, 0));

    c->task->at = to;
    c->task->c = right.x;
    c->task->s = right.y;
    c->task->hx = c->task->hy = target->radius + 0.035;
    c->goal_radius = target->radius;
}

static bool goal_beside(composer *c, fm_v3 to)
{
    fm_task *task = c->task;
    const fm_thing *target = &c->scene->things[task->target];
    fm_thing t = landmark_thing(c);

    task->goal = FM_GOAL_BESIDE;
    task->side = (fm_side)fm_one_of(c->rng, 4);
    task->metric = fm_chance(c->rng, 0.5);
    task->gap_cm = task->metric ? 8 + fm_one_of(c->rng, 8) : 7;
    free_goal(c, to);
    fm_v3 d = fm_side_direction(&c->scene->view, task->side);
    double out = fm_thing_reach(&t, d) + target->radius + task->gap_cm * 0.01;
    task->landmarks[0] = stand_in_view(c, t, to.x - out * d.x, to.y - out * d.y);
    return task->landmarks[0] >= 0;
}

static bool goal_between(composer *c, fm_v3 to)
{
    fm_task *task = c->task;
    const fm_thing *target = &c->scene->things[task->target];
    fm_v3 d = fm_side_direction(&c->scene->view, FM_SIDE_RIGHT);
    double turn_s, turn_c;

    fm_exact_sincos(fm_rng_range(c->rng, -0.5, 0.5), &turn_s, &turn_c);
    d = v3(d.x * turn_c - d.y * turn_s, d.x * turn_s + d.y * turn_c, 0);
    task->goal = FM_GOAL_BETWEEN;
    free_goal(c, to);
    for (int i = 0; i < 2; i++) {
        fm_thing t = landmark_thing(c);
        double out = fm_thing_reach(&t, d) + target->radius + fm_rng_range(c->rng, 0.065, 0.09);

        out = i ? out : -out;
        task->landmarks[i] = stand_in_view(c, t, to.x + out * d.x, to.y + out * d.y);
        if (task->landmarks[i] < 0)
            return false;
    }
    return true;
}

static bool set_goal(composer *c, fm_v3 to)
{
    double kind = fm_rng_unit(c->rng);

    if (kind < 0.50)
        return goal_on(c, to);
    c->task->push = fm_chance(c->rng, 0.45);
    return kind < 0.78 ? goal_beside(c, to) : goal_between(c, to);
}

/* Something in the straight way, turned so that the side which the way crosses is also one that the
 * camera sees: a depth camera knows of no other. */
static bool set_guard(composer *c)
{
    fm_scene *s = c->scene;
    fm_v3 a = s->things[c->task->target].at, b = c->task->at;
    fm_v3 way = v3_unit(v3(b.x - a.x, b.y - a.y, 0));

    for (int i = 0; i < 12; i++) {
        fm_thing t = fm_thing_fresh(
            c->scene,
            fm_chance(c->rng, 0.45) ? FM_THING_PANEL
                                    : fm_class_with(FM_WORLD_TABLETOP, FM_THING_OBSTACLE, c->rng),
            c->rng);
        double along = fm_rng_range(c->rng, 0.36, 0.64),
               off = fm_rng_range(c->rng, -0.3, 0.3) * t.hx;
        fm_v3 at = v3_along(a, along, v3(b.x - a.x, b.y - a.y, 0));

        at = v3_along(at, off, v3(-way.y, way.x, 0));
        fm_v3 sight = v3_unit(v3(at.x - s->view.eye.x, at.y - s->view.eye.y, 0));
        fm_v3 face = v3_unit(v3_along(sight, v3_dot(sight, way) > 0 ? 1 : -1, way));
        /* `face` halves the angle between way and sight; local y is the panel's thin side. */
        t.c = face.y;
        t.s = -face.x;
        c->task->guard = stand_in_view(c, t, at.x, at.y);
        if (c->task->guard >= 0)
            return true;
    }
    return false;
}

/* Others of the target's kind, in its colour and in others, and in the same way for the goal. */
static void set_distractors(composer *c)
{
    const fm_thing target = c->scene->things[c->task->target];
    int twins = fm_one_of(c->rng, 10), cousins = 1 + fm_one_of(c->rng, 2);

    twins = twins < 4 ? 0 : twins < 7 ? 1 : twins < 9 ? 2 : 3;
    for (int i = 0; i < twins + cousins; i++) {
        fm_thing t = i < twins ? fm_thing_draw(target.class, target.colour, c->rng)
                               : fm_thing_fresh(c->scene, target.class, c->rng);

        fm_thing_turn(&t, fm_rng_range(c->rng, -3, 3));
        if (i < twins)
            t.seed = target.seed;
        (void)!stand_somewhere(c, t, 12);
    }
    if (c->task->goal == FM_GOAL_ON && fm_chance(c->rng, 0.6))
        (void)!stand_somewhere(
            c, fm_thing_fresh(c->scene, c->scene->things[c->task->landmarks[0]].class, c->rng), 12);
}

static void set_clutter(composer *c)
{
    int n = 2 + fm_one_of(c->rng, 5);

    for (int i = 0; i < n; i++) {
        unsigned flag = fm_chance(c->rng, 0.72)  ? FM_THING_MOVABLE
                        : fm_chance(c->rng, 0.6) ? FM_THING_SUPPORT
                                                 : FM_THING_OBSTACLE;
        fm_thing_class class = fm_class_with(FM_WORLD_TABLETOP, flag, c->rng);
        fm_thing t = fm_thing_fresh(c->scene, class, c->rng);

        if (class == c->scene->things[c->task->target].class ||
            fm_class_taken(c->scene, class, t.colour))
            continue;
        (void)!stand_somewhere(c, t, 10);
    }
}

bool fm_task_compose(fm_scene *scene, fm_task *task, int width, int height, fm_rng *rng)
{
    composer c = {.scene = scene, .task = task, .rng = rng};
    fm_v3 from, to;

    *task = (fm_task){.target = FM_THING_NONE,
                      .landmarks = {FM_THING_NONE, FM_THING_NONE},
                      .guard = FM_THING_NONE};
    fm_scene_furnish(scene, FM_WORLD_TABLETOP, rng);
    fm_view_aim(scene, width, height, rng);
    fm_thing target =
        fm_thing_fresh(scene, fm_class_with(FM_WORLD_TABLETOP, FM_THING_MOVABLE, rng), rng);
    fm_thing_turn(&target, fm_rng_range(rng, -3, 3));
    if (!choose_ends(&c, target.radius, target.height, &from, &to))
        return false;
    task->target = stand(&c, target, from.x, from.y);
    if (task->target < 0 || !set_goal(&c, to))
        return false;
    c.goal_radius = c.goal_radius > 0 ? c.goal_radius : target.radius;
    if (fm_chance(rng, 0.85) && !set_guard(&c))
        return false;
    set_distractors(&c);
    set_clutter(&c);
    return true;
}
