/* Owns chance: the room, the table, the camera, and what stands where, so that the task is hard in
 * the ways that geometry can make it hard: things of the same kind to be told apart, clutter, and
 * something in the straight way. */
#include "world/render.h"
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

static double between(composer *c, double low, double high)
{
    return fm_rng_range(c->rng, low, high);
}

/* A point in a box. Three draws as arguments of one call would come in an order that each compiler
 * chooses for itself. */
static fm_v3 point_between(composer *c, fm_v3 low, fm_v3 high)
{
    fm_v3 p;

    p.x = between(c, low.x, high.x);
    p.y = between(c, low.y, high.y);
    p.z = between(c, low.z, high.z);
    return p;
}

static bool chance(composer *c, double share)
{
    return fm_rng_unit(c->rng) < share;
}

static int one_of(composer *c, int n)
{
    return (int)fm_rng_below(c->rng, (uint64_t)n);
}

/* ---- room, table, camera, light ---- */

static void add_slab(fm_scene *scene, double x, double y, double z, double hx, double hy, double hz,
                     fm_material m)
{
    fm_scene_add(scene, FM_THING_NONE,
                 (fm_solid){.kind = FM_SOLID_BOX,
                            .centre = v3(x, y, z),
                            .half = v3(hx, hy, hz),
                            .c = 1,
                            .material = m});
}

/* Framed pictures on the back wall. */
static void hang_pictures(composer *c)
{
    fm_scene *s = c->scene;
    double width = s->room.right_x - s->room.left_x;
    int n = (int)fm_rng_below(c->rng, 4);

    for (int i = 0; i < n; i++) {
        double hx = between(c, 0.16, 0.34), hz = between(c, 0.14, 0.28);
        double x = s->room.left_x + width * (i + between(c, 0.35, 0.65)) / n;
        double z = between(c, 0.50, 0.75), y = s->room.back_y;
        fm_v3 a = fm_colours[one_of(c, FM_COLOUR_COUNT)].albedo;
        fm_v3 b = fm_colours[one_of(c, FM_COLOUR_COUNT)].albedo;
        uint32_t seed = (uint32_t)fm_rng_next(c->rng);

        if (x - hx < s->room.left_x + 0.1 || x + hx > s->room.right_x - 0.1)
            continue;
        add_slab(s, x, y - 0.012, z, hx + 0.025, 0.012, hz + 0.025,
                 (fm_material){FM_TEXTURE_WOOD, v3(0.10, 0.06, 0.035), v3(0.07, 0.04, 0.02), 0.05,
                               0.3, seed});
        add_slab(s, x, y - 0.015, z, hx, 0.012, hz,
                 (fm_material){FM_TEXTURE_PAINTING, v3_mix(a, v3(0.3, 0.3, 0.3), 0.5),
                               v3_mix(b, v3(0.5, 0.5, 0.5), 0.5), 1, 0, seed});
    }
}

static void furnish(composer *c)
{
    static const fm_v3 woods[][2] = {{{0.50, 0.31, 0.15}, {0.33, 0.18, 0.08}},
                                     {{0.62, 0.46, 0.28}, {0.48, 0.32, 0.17}},
                                     {{0.24, 0.12, 0.06}, {0.14, 0.065, 0.035}},
                                     {{0.66, 0.62, 0.55}, {0.54, 0.50, 0.43}}};
    static const fm_v3 paints[] = {{0.66, 0.64, 0.58}, {0.50, 0.58, 0.60}, {0.60, 0.55, 0.44},
                                   {0.44, 0.50, 0.42}, {0.62, 0.52, 0.50}, {0.40, 0.44, 0.52}};
    fm_scene *s = c->scene;
    int wood = one_of(c, FM_COUNT_OF(woods)), floor_wood = one_of(c, FM_COUNT_OF(woods));
    uint32_t seed = (uint32_t)fm_rng_next(c->rng);
    fm_material top = {chance(c, 0.5) ? FM_TEXTURE_PLANKS : FM_TEXTURE_WOOD,
                       woods[wood][0],
                       woods[wood][1],
                       0.14,
                       0.35,
                       seed};
    double hx = s->table_hx = between(c, 0.80, 1.10), hy = s->table_hy = between(c, 0.46, 0.62);
    double leg = between(c, 0.025, 0.04), height = between(c, 0.70, 0.78);

    if (top.texture == FM_TEXTURE_WOOD)
        top.scale = 0.09;
    add_slab(s, 0, 0, -0.018, hx, hy, 0.018, top);
    for (int i = 0; i < 4; i++)
        add_slab(s, i & 1 ? hx - 0.07 : 0.07 - hx, i & 2 ? hy - 0.07 : 0.07 - hy,
                 -(height + 0.036) / 2, leg, leg, (height - 0.036) / 2, top);
    s->room.floor_z = -height;
    s->room.back_y = hy + between(c, 0.35, 1.6);
    s->room.left_x = -hx - between(c, 0.5, 2.2);
    s->room.right_x = hx + between(c, 0.5, 2.2);
    s->room.wall = (fm_material){
        FM_TEXTURE_PLASTER, paints[one_of(c, FM_COUNT_OF(paints))], {0, 0, 0}, 1, 0, seed + 1};
    s->room.floor = chance(c, 0.6) ? (fm_material){FM_TEXTURE_PLANKS,
                                                   woods[floor_wood][0],
                                                   woods[floor_wood][1],
                                                   0.16,
                                                   0.25,
                                                   seed + 2}
                                   : (fm_material){FM_TEXTURE_TILES,
                                                   paints[one_of(c, FM_COUNT_OF(paints))],
                                                   {0.30, 0.29, 0.28},
                                                   0.33,
                                                   0.4,
                                                   seed + 3};
    hang_pictures(c);
    s->sun = v3_unit(point_between(c, v3(-0.75, -0.75, 1), v3(0.75, 0.15, 1)));
    s->warmth = v3_mix(v3(1, 0.94, 0.84), v3(0.94, 0.97, 1), fm_rng_unit(c->rng));
    s->seed = seed + 4;
}

static void aim(composer *c, int width, int height)
{
    fm_view *v = &c->scene->view;
    bool upright = width != height && chance(c, 0.25);
    double x = between(c, -0.45, 0.45), front = -c->scene->table_hy;

    v->width = upright ? height : width;
    v->height = upright ? width : height;
    v->eye = point_between(c, v3(x, front - 0.95, 0.62), v3(x, front - 0.45, 1.10));
    fm_v3 look =
        point_between(c, v3(0.25 * x - 0.08, -0.10, 0.04), v3(0.25 * x + 0.08, 0.06, 0.14));
    v->forward = v3_unit(v3_sub(look, v->eye));
    v->right = v3_unit(v3_cross(v->forward, v3(between(c, -0.03, 0.03), 0, 1)));
    v->down = v3_cross(v->forward, v->right);
    /* Half the longer side as a tangent: 53 to 66 degrees across a landscape picture. */
    double wide = between(c, 0.50, 0.65), longer = width > height ? width : height;
    v->lens.fx = longer / (2 * wide);
    v->lens.fy = v->lens.fx * between(c, 0.998, 1.002);
    v->lens.cx = v->width * between(c, 0.49, 0.51) - 0.5;
    v->lens.cy = v->height * between(c, 0.49, 0.51) - 0.5;
}

/* ---- standing things on the table ---- */

static bool on_table(const fm_scene *scene, double x, double y, double radius)
{
    return fabs(x) + radius + 0.02 <= scene->table_hx && fabs(y) + radius + 0.02 <= scene->table_hy;
}

static bool apart(const fm_thing *a, const fm_thing *b, double gap)
{
    return fm_thing_plan_distance(a, b->at.x, b->at.y) >= b->radius + gap ||
           fm_thing_plan_distance(b, a->at.x, a->at.y) >= a->radius + gap;
}

static bool in_picture(const fm_view *view, fm_v3 at, double radius, double height)
{
    double margin = 0.03 * view->width;

    for (int i = 0; i < 4; i++) {
        fm_v3 p = v3_along(at, i & 1 ? radius : -radius, view->right);
        double uv[2];

        p.z += i & 2 ? height : 0;
        if (!fm_view_project(view, p, uv) || uv[0] < margin || uv[1] < margin ||
            uv[0] > view->width - margin || uv[1] > view->height - margin)
            return false;
    }
    return true;
}

/* Stand `t` at (x, y) if there is room; its index, or -1. */
static int stand(composer *c, fm_thing t, double x, double y)
{
    fm_scene *s = c->scene;

    t.at = v3(x, y, 0);
    if (!on_table(s, x, y, t.radius))
        return -1;
    for (int i = 0; i < s->n_things; i++)
        if (!apart(&t, &s->things[i], i == c->task->target ? GRIP_GAP_M : GAP_M))
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

    if (!in_picture(&c->scene->view, v3(x, y, 0), t.radius, t.height))
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
        double x = between(c, -1, 1) * c->scene->table_hx;
        double y = between(c, -1, 1) * c->scene->table_hy;
        int index = stand_in_view(c, t, x, y);

        if (index >= 0)
            return index;
    }
    return -1;
}

static bool taken(const fm_scene *scene, fm_thing_class class, int colour)
{
    for (int i = 0; i < scene->n_things; i++)
        if (scene->things[i].class == class &&
            (scene->things[i].colour == colour || fm_thing_kinds[class].flags & FM_THING_UNDYED))
            return true;
    return false;
}

static fm_thing_class class_with(composer *c, unsigned flag)
{
    fm_thing_class class;

    do
        class = (fm_thing_class)one_of(c, FM_THING_CLASSES);
    while (!(fm_thing_kinds[class].flags & flag));
    return class;
}

/* A thing of a kind that stands nowhere yet in this colour. */
static fm_thing fresh_thing(composer *c, fm_thing_class class)
{
    int colour = one_of(c, FM_COLOUR_COUNT);

    for (int i = 0; i < FM_COLOUR_COUNT && taken(c->scene, class, colour); i++)
        colour = (colour + 1) % FM_COLOUR_COUNT;
    fm_thing t = fm_thing_draw(class, colour, c->rng);
    fm_thing_turn(&t, between(c, -0.6, 0.6));
    return t;
}

/* ---- the task ---- */

/* Two places on the table, both in view and far enough apart that no single point is near both. */
static bool choose_ends(composer *c, double radius, double height, fm_v3 *from, fm_v3 *to)
{
    const fm_scene *s = c->scene;
    const fm_v3 high = v3(0.9 * s->table_hx, 0.85 * s->table_hy, 0), low = v3_scale(high, -1);

    for (int i = 0; i < 60; i++) {
        fm_v3 a = point_between(c, low, high);
        fm_v3 b = point_between(c, low, high);
        double d = v3_length(v3_sub(a, b));

        if (d < 0.62 || d > 1.35 || !on_table(s, a.x, a.y, radius) ||
            !on_table(s, b.x, b.y, 0.13) || !in_picture(&s->view, a, radius, height) ||
            !in_picture(&s->view, b, 0.12, 0.16))
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
    fm_thing t = fresh_thing(c, class_with(c, FM_THING_SUPPORT));
    int support = stand_in_view(c, t, to.x, to.y);

    if (support < 0)
        return false;
    t = c->scene->things[support];
    task->goal = FM_GOAL_ON;
    task->landmarks[0] = support;
    /* A rim stands higher than what it surrounds; the foot comes to rest inside it. */
    task->at = v3(to.x, to.y, t.height);
    if (t.class == FM_THING_TRAY || t.class == FM_THING_PLATE)
        task->at.z = 0.010;
    task->c = t.c;
    task->s = t.s;
    double most_x = t.hx * 0.8 < 0.14 ? t.hx * 0.8 : 0.14, least = target->radius + 0.01;
    double most_y = t.hy * 0.8 < 0.14 ? t.hy * 0.8 : 0.14;
    task->hx = most_x > least ? most_x : least;
    task->hy = most_y > least ? most_y : least;
    return true;
}

static fm_v3 side_direction(const fm_view *view, fm_side side)
{
    fm_v3 right = v3_unit(v3(view->right.x, view->right.y, 0)), away = v3(-right.y, right.x, 0);

    switch (side) {
    case FM_SIDE_LEFT:
        return v3_scale(right, -1);
    case FM_SIDE_RIGHT:
        return right;
    case FM_SIDE_FRONT:
        return v3_scale(away, -1);
    case FM_SIDE_BEHIND:
        break;
    }
    return away;
}

/* How far the thing reaches from its centre in a direction of the plane. */
static double reach_towards(const fm_thing *t, fm_v3 d)
{
    double x = fabs(d.x * t->c + d.y * t->s), y = fabs(d.y * t->c - d.x * t->s);

    if (t->radius <= t->hx + 0.03 && t->hx - t->hy < 1e-9 && t->hy - t->hx < 1e-9 &&
        t->class != FM_THING_STAND && t->class != FM_THING_BLOCK && t->class != FM_THING_SPEAKER)
        return t->hx;
    return x * t->hx + y * t->hy;
}

static fm_thing landmark_thing(composer *c)
{
    fm_thing_class class;

    do
        class = class_with(c, chance(c, 0.5) ? FM_THING_MOVABLE : FM_THING_SUPPORT);
    while (class == c->scene->things[c->task->target].class);
    fm_thing t = fresh_thing(c, class);
    fm_thing_turn(&t, between(c, -0.15, 0.15));
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
    task->side = (fm_side)one_of(c, 4);
    task->metric = chance(c, 0.5);
    task->gap_cm = task->metric ? 8 + one_of(c, 8) : 7;
    free_goal(c, to);
    fm_v3 d = side_direction(&c->scene->view, task->side);
    double out = reach_towards(&t, d) + target->radius + task->gap_cm * 0.01;
    task->landmarks[0] = stand_in_view(c, t, to.x - out * d.x, to.y - out * d.y);
    return task->landmarks[0] >= 0;
}

static bool goal_between(composer *c, fm_v3 to)
{
    fm_task *task = c->task;
    const fm_thing *target = &c->scene->things[task->target];
    fm_v3 d = side_direction(&c->scene->view, FM_SIDE_RIGHT);
    double turn_s, turn_c;

    fm_exact_sincos(between(c, -0.5, 0.5), &turn_s, &turn_c);
    d = v3(d.x * turn_c - d.y * turn_s, d.x * turn_s + d.y * turn_c, 0);
    task->goal = FM_GOAL_BETWEEN;
    free_goal(c, to);
    for (int i = 0; i < 2; i++) {
        fm_thing t = landmark_thing(c);
        double out = reach_towards(&t, d) + target->radius + between(c, 0.065, 0.09);

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
    c->task->push = chance(c, 0.45);
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
        fm_thing t =
            fresh_thing(c, chance(c, 0.45) ? FM_THING_PANEL : class_with(c, FM_THING_OBSTACLE));
        double along = between(c, 0.36, 0.64), off = between(c, -0.3, 0.3) * t.hx;
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
    int twins = one_of(c, 10), cousins = 1 + one_of(c, 2);

    twins = twins < 4 ? 0 : twins < 7 ? 1 : twins < 9 ? 2 : 3;
    for (int i = 0; i < twins + cousins; i++) {
        fm_thing t = i < twins ? fm_thing_draw(target.class, target.colour, c->rng)
                               : fresh_thing(c, target.class);

        fm_thing_turn(&t, between(c, -3, 3));
        if (i < twins)
            t.seed = target.seed;
        (void)!stand_somewhere(c, t, 12);
    }
    if (c->task->goal == FM_GOAL_ON && chance(c, 0.6))
        (void)!stand_somewhere(c, fresh_thing(c, c->scene->things[c->task->landmarks[0]].class),
                               12);
}

static void set_clutter(composer *c)
{
    int n = 2 + one_of(c, 5);

    for (int i = 0; i < n; i++) {
        unsigned flag = chance(c, 0.72)  ? FM_THING_MOVABLE
                        : chance(c, 0.6) ? FM_THING_SUPPORT
                                         : FM_THING_OBSTACLE;
        fm_thing_class class = class_with(c, flag);
        fm_thing t = fresh_thing(c, class);

        if (class == c->scene->things[c->task->target].class || taken(c->scene, class, t.colour))
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
    scene->n_solids = scene->n_things = 0;
    furnish(&c);
    aim(&c, width, height);
    fm_thing target = fresh_thing(&c, class_with(&c, FM_THING_MOVABLE));
    fm_thing_turn(&target, between(&c, -3, 3));
    if (!choose_ends(&c, target.radius, target.height, &from, &to))
        return false;
    task->target = stand(&c, target, from.x, from.y);
    if (task->target < 0 || !set_goal(&c, to))
        return false;
    c.goal_radius = c.goal_radius > 0 ? c.goal_radius : target.radius;
    if (chance(&c, 0.85) && !set_guard(&c))
        return false;
    set_distractors(&c);
    set_clutter(&c);
    return true;
}
