/* Owns tasks of moving a thing, set in a scene that stands: where to, by which way, in which words, and
 * the true trace. */
#include "world/ask.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "world/composer.h"
#include "world/exact.h"
#include "world/route.h"

typedef enum {
    TASK_ON,      /* on a support, or stacked on something flat */
    TASK_BESIDE,  /* a stated way to one side of a thing */
    TASK_BETWEEN, /* between two things */
    TASK_ABOVE,   /* held a stated way above a thing */
    TASK_SHIFT,   /* a stated way to one side of where it stands */
    TASK_VISIT,   /* over several things in a stated order */
    TASKS
} task_kind;

enum { MOST_MARKS = 3 };

/* What grows with the place, metres. */
typedef struct {
    double size, margin, lift, hover;
    double gap[2]; /* least and most clear way to a landmark */
    double shift[2];
} measures;

static const measures places[] = {
    [FM_WORLD_TABLETOP] = {1, 0.035, 0.08, 0.025, {0.06, 0.20}, {0.15, 0.40}},
    [FM_WORLD_INDOOR] = {2.5, 0.05, 0.12, 0.03, {0.10, 0.60}, {0.40, 1.20}},
    [FM_WORLD_OUTDOOR] = {6, 0.08, 0.20, 0.05, {0.20, 1.50}, {0.80, 2.50}},
};

/* TraceSpatial-Bench's tolerance at both ends. */
static const double NEAR_M = 0.2;

/* How deep something has to reach into the straight way to block it, in radii and heights of the thing:
 * the benchmark forgives a touch. */
static const double DEEP = 0.65;

typedef struct {
    const fm_asker *asker;
    const measures *m;
    fm_world_question *q;
    task_kind kind;
    int target;            /* object; so are: */
    int marks[MOST_MARKS]; /* what the destination is stated by, and what is visited on the way */
    int n_marks;
    bool over_first; /* the way leads over marks[n_marks - 1] before it ends */
    double stated_m; /* gap, height or shift; 0: none */
    char stated[24]; /* as it is said */
    fm_v3 end;       /* where the foot comes to rest */
    int support;     /* thing that it rests on there, or FM_THING_NONE */
    bool held;       /* in the air at the end */
    fm_v3 vias[MOST_MARKS];
    int n_vias;
} errand;

static const char *const sides[] = {"to the left of", "to the right of", "in front of", "behind"};

/* ---- lengths in words ---- */

/* A round length between the two, and how it is said. */
static void state_length(errand *e, double low, double high)
{
    fm_rng *rng = e->asker->rng;
    double luck = fm_rng_unit(rng), m = fm_rng_range(rng, low, high);

    if (luck < 0.15) {
        int inches = fm_exact_floor(m / 0.0254) + 1;

        e->stated_m = inches * 0.0254;
        snprintf(e->stated, sizeof(e->stated), "%d inches", inches);
    } else if (luck < 0.35 || m >= 1) {
        e->stated_m = (fm_exact_floor(m * 20) + 1) * 0.05;
        snprintf(e->stated, sizeof(e->stated), "%.2f m", e->stated_m);
    } else {
        e->stated_m = (fm_exact_floor(m * 100) + 1) * 0.01;
        snprintf(e->stated, sizeof(e->stated), "%.0f cm", e->stated_m * 100);
    }
}

/* ---- where to ---- */

static const fm_thing *thing_of(const errand *e, int object)
{
    return fm_object_thing(e->asker->list, object);
}

static bool bears_something(const fm_scene *s, int thing)
{
    for (int i = 0; i < s->n_things; i++)
        if (s->things[i].on == thing)
            return true;
    return false;
}

/* An object that is none of those chosen yet; -1. */
static int other_object(const errand *e)
{
    const fm_asker *a = e->asker;
    int n = a->list->n, start = fm_one_of(a->rng, n);

    for (int k = 0; k < n; k++) {
        int i = (start + k) % n;
        bool fresh = i != e->target;

        for (int m = 0; m < e->n_marks; m++)
            fresh &= i != e->marks[m];
        if (fresh)
            return i;
    }
    return -1;
}

static bool add_mark(errand *e)
{
    int object = e->n_marks < MOST_MARKS ? other_object(e) : -1;

    if (object >= 0)
        e->marks[e->n_marks++] = object;
    return object >= 0;
}

static bool add_marks(errand *e, int n)
{
    while (n > 0 && add_mark(e))
        n--;
    return n == 0;
}

static bool rest_on(errand *e, int object)
{
    const fm_thing *under = thing_of(e, object), *t = thing_of(e, e->target);
    unsigned flags = fm_thing_kinds[under->class].flags;
    double half = under->hx < under->hy ? under->hx : under->hy;

    if (!(flags & (FM_THING_SUPPORT | FM_THING_FLAT)) || t->radius > half * 1.25 ||
        bears_something(e->asker->list->scene, e->asker->list->thing[object]) ||
        t->on == e->asker->list->thing[object])
        return false;
    e->end = v3(under->at.x, under->at.y, fm_thing_top(under));
    e->support = e->asker->list->thing[object];
    return true;
}

static bool beside(errand *e, const fm_thing *mark, fm_side side, double gap)
{
    const fm_scene *s = e->asker->list->scene;
    const fm_thing *t = thing_of(e, e->target);
    fm_v3 d = fm_side_direction(&s->view, side);

    e->end = fm_thing_beside(mark, t, d, gap);
    return mark->on < 0 && fm_thing_plain(mark);
}

static bool between(errand *e, const fm_thing *a, const fm_thing *b)
{
    fm_v3 d = v3_sub(b->at, a->at);
    double length = v3_length(v3(d.x, d.y, 0)), free = fm_things_gap(a, b);
    double least = 2 * (thing_of(e, e->target)->radius + e->m->margin);

    if (a->on >= 0 || b->on >= 0 || !fm_thing_plain(a) || !fm_thing_plain(b) || free < least ||
        free > least + 0.5 * e->m->size)
        return false;
    d = v3_scale(v3(d.x, d.y, 0), 1 / length);
    e->end = v3_along(v3(a->at.x, a->at.y, 0),
                      (length + fm_thing_reach(a, d) - fm_thing_reach(b, d)) / 2, d);
    return true;
}

static fm_v3 above(const fm_thing *mark, double height)
{
    return v3(mark->at.x, mark->at.y, mark->at.z + fm_thing_tall(mark) + height);
}

/* ---- words ---- */

static const char *name_of(const errand *e, int object)
{
    return fm_ask_name(e->asker, object);
}

/* FM_SIDE_... for a shift: there is no thing that it is to the left "of". */
static const char *const towards[] = {"to the left of where it stands",
                                      "to the right of where it stands", "nearer to the camera",
                                      "farther from the camera"};

static void set_destination(errand *e, fm_side side)
{
    fm_world_question *q = e->q;
    const char *first = e->n_marks ? name_of(e, e->marks[0]) : "";
    char *out = q->destination;
    const size_t size = sizeof(q->destination);

    switch (e->kind) {
    case TASK_ON:
    case TASK_VISIT:
        snprintf(out, size, "the top of %s",
                 name_of(e, e->marks[e->kind == TASK_ON ? 0 : e->n_marks - 1]));
        if (e->held)
            snprintf(out, size, "the spot %s above %s", e->stated,
                     name_of(e, e->marks[e->n_marks - 1]));
        break;
    case TASK_BESIDE:
        snprintf(out, size, "the spot %s %s %s", e->stated, sides[side], first);
        break;
    case TASK_BETWEEN:
        snprintf(out, size, "the spot between %s and %s", first, name_of(e, e->marks[1]));
        break;
    case TASK_ABOVE:
        snprintf(out, size, "the spot %s above %s", e->stated, first);
        break;
    default:
        snprintf(out, size, "the spot %s %s", e->stated, towards[side]);
    }
}

static bool choose(errand *e, fm_side *side)
{
    const fm_asker *a = e->asker;
    const fm_thing *t = thing_of(e, e->target);

    *side = (fm_side)fm_one_of(a->rng, 4);
    switch (e->kind) {
    case TASK_ON:
        return add_mark(e) && rest_on(e, e->marks[0]);
    case TASK_BESIDE:
        state_length(e, e->m->gap[0], e->m->gap[1]);
        e->q->push = t->on < 0 && fm_chance(a->rng, 0.35);
        return add_mark(e) && beside(e, thing_of(e, e->marks[0]), *side, e->stated_m);
    case TASK_BETWEEN:
        e->q->push = t->on < 0 && fm_chance(a->rng, 0.35);
        return add_marks(e, 2) && between(e, thing_of(e, e->marks[0]), thing_of(e, e->marks[1]));
    case TASK_ABOVE:
        state_length(e, e->m->gap[0], e->m->gap[1]);
        e->held = true;
        if (!add_mark(e) || bears_something(a->list->scene, a->list->thing[e->marks[0]]))
            return false;
        e->end = above(thing_of(e, e->marks[0]), e->stated_m);
        return true;
    case TASK_SHIFT:
        state_length(e, e->m->shift[0], e->m->shift[1]);
        e->q->push = fm_chance(a->rng, 0.6);
        e->end = v3_along(t->at, e->stated_m, fm_side_direction(&a->list->scene->view, *side));
        return t->on < 0;
    default: /* TASK_VISIT */
        state_length(e, e->m->gap[0], e->m->gap[1]);
        e->held = true;
        if (!add_marks(e, 2 + fm_one_of(a->rng, 2)))
            return false;
        for (int i = 0; i < e->n_marks; i++) {
            if (bears_something(a->list->scene, a->list->thing[e->marks[i]]))
                return false;
            e->vias[e->n_vias++] = above(thing_of(e, e->marks[i]), e->stated_m);
        }
        e->end = e->vias[--e->n_vias];
        return true;
    }
}

/* A detour over one more thing. */
static void add_detour(errand *e)
{
    const fm_asker *a = e->asker;
    int before = e->n_marks;

    if (e->kind == TASK_VISIT || e->q->push || !fm_chance(a->rng, 0.25) || !add_mark(e))
        return;
    int object = e->marks[before];
    if (bears_something(a->list->scene, a->list->thing[object])) {
        e->n_marks--;
        return;
    }
    e->vias[e->n_vias++] = above(thing_of(e, object), e->m->margin + 0.06 * e->m->size);
    e->over_first = true;
}

/* ---- the way ---- */

/* Up, from stop to stop, down. feet: [FM_ROUTE_MOST]. */
static bool find_way(const errand *e, fm_v3 grip, fm_v3 *feet, int *n)
{
    const fm_cast_list *list = e->asker->list;
    const fm_thing *t = thing_of(e, e->target);
    const fm_route_rules rules = {.scene = list->scene,
                                  .thing = list->thing[e->target],
                                  .grip = grip,
                                  .margin = e->m->margin,
                                  .size = e->m->size,
                                  .flat = e->q->push};
    const fm_v3 up = v3(0, 0, e->q->push ? e->m->hover : e->m->lift);
    fm_v3 stops[FM_ROUTE_STOPS], last = e->held ? e->end : v3_add(e->end, v3(0, 0, e->m->hover));
    int n_stops = 0, most = FM_ROUTE_MOST - 2 - e->q->end_effector;

    if (!fm_on_ground(list->scene, e->end.x, e->end.y, t->radius * 0.5))
        return false;
    stops[n_stops++] = v3_add(t->at, up);
    for (int i = 0; i < e->n_vias; i++)
        stops[n_stops++] = e->vias[i];
    stops[n_stops++] = e->held ? e->end : v3_add(e->end, up);
    if (!fm_route_clear(&rules, t->at, stops[0], t->on, true) ||
        !fm_route_clear(&rules, stops[n_stops - 1], last, e->support, true) ||
        !fm_route_find(&rules, stops, n_stops, most, e->asker->rng, feet + 1, n))
        return false;
    feet[0] = t->at;
    (*n)++;
    if (!e->held && !e->q->push)
        feet[(*n)++] = last;
    fm_route_fill(feet, n);
    return true;
}

/* The first thing in the straight way of what is left of the target when `deep` of its radius and height
 * is taken off all around and below; FM_THING_NONE. */
static int straight_hits(const errand *e, double deep)
{
    const fm_cast_list *list = e->asker->list;
    const fm_thing *t = thing_of(e, e->target);
    const fm_route_rules rules = {
        .scene = list->scene, .thing = list->thing[e->target], .margin = -deep * t->radius};
    fm_v3 up = v3(0, 0, e->m->hover + deep * t->height);

    return fm_route_blocker(&rules, v3_add(t->at, up), v3_add(e->end, up), e->support);
}

/* The same as an object that can be named, of a way that leads nowhere else; -1. */
static int in_the_way(const errand *e)
{
    const fm_cast_list *list = e->asker->list;
    int thing = e->n_vias ? FM_THING_NONE : straight_hits(e, 0);

    for (int i = 0; i < list->n && thing >= 0; i++) {
        bool mark = false;

        for (int k = 0; k < e->n_marks; k++)
            mark |= e->marks[k] == i;
        if (list->thing[i] == thing && !mark)
            return i;
    }
    return -1;
}

/* Does the way pass above the thing, where it is nearest to it seen from above? */
static bool passes_over(const fm_thing *thing, const fm_v3 *feet, int n)
{
    double least = 1e9;
    bool over = false;

    for (int i = 1; i < n; i++)
        for (int k = 0; k <= 8; k++) {
            fm_v3 p = v3_mix(feet[i - 1], feet[i], k / 8.0);
            double d = fm_thing_plan_distance(thing, p.x, p.y);

            if (d < least) {
                least = d;
                over = p.z >= thing->at.z + fm_thing_tall(thing);
            }
        }
    return over;
}

/* ---- the question ---- */

static bool take_steps(errand *e)
{
    const fm_asker *a = e->asker;
    fm_world_question *q = e->q;

    if (!fm_ask_step_scale(a, q) || !fm_ask_step_referring(a, q, e->target) ||
        !fm_ask_step_measuring(a, q, name_of(e, e->target), fm_thing_tall(thing_of(e, e->target))))
        return false;
    for (int i = 0; i < e->n_marks; i++)
        if (!fm_ask_step_referring(a, q, e->marks[i]))
            return false;
    return e->stated_m <= 0 || fm_ask_step_measuring(a, q, q->destination, e->stated_m);
}

static bool say(errand *e, int guard, bool over)
{
    fm_world_question *q = e->q;
    const char *target = name_of(e, e->target), *to = q->destination;
    char detour[FM_WORLD_NAME_BYTES + 48] = "", order[3 * FM_WORLD_NAME_BYTES] = "";
    size_t at = 0;
    int n;

    if (e->over_first)
        snprintf(detour, sizeof(detour), ", carry it over %s",
                 name_of(e, e->marks[e->n_marks - 1]));
    else if (guard >= 0)
        snprintf(detour, sizeof(detour), ", %s %s",
                 q->push ? "steer it around"
                 : over  ? "lift it over"
                         : "carry it around",
                 name_of(e, guard));
    for (int i = 0; e->kind == TASK_VISIT && i + 1 < e->n_marks && at < sizeof(order); i++)
        at += (size_t)snprintf(order + at, sizeof(order) - at, "%s%s", i ? ", then over " : "over ",
                               name_of(e, e->marks[i]));
    if (e->kind == TASK_VISIT)
        n = snprintf(q->question, sizeof(q->question),
                     "Carry %s %s, %s above each, and hold it at %s.", target, order, e->stated,
                     to);
    else if (q->push)
        n = snprintf(q->question, sizeof(q->question), "Push %s to %s%s.", target, to, detour);
    else if (e->kind == TASK_ON)
        n = snprintf(q->question, sizeof(q->question), "Pick up %s%s, and put it on %s.", target,
                     detour, name_of(e, e->marks[0]));
    else
        n = snprintf(q->question, sizeof(q->question), "Pick up %s%s, and %s %s.", target, detour,
                     e->held ? "hold it at" : "put it down on", to);
    return n > 0 && (size_t)n < sizeof(q->question);
}

/* From the feet to points of the picture. */
static bool write_points(const errand *e, fm_v3 grip, const fm_v3 *feet, int n)
{
    const fm_view *view = &e->asker->list->scene->view;
    fm_world_question *q = e->q;

    if (q->end_effector && !fm_view_place(view, v3_add(v3_add(feet[0], grip), v3(0, 0, e->m->lift)),
                                          q->points[q->n_points++]))
        return false;
    for (int i = 0; i < n; i++)
        if (!fm_view_place(view, v3_add(feet[i], grip), q->points[q->n_points++]))
            return false;
    return true;
}

/* From the foot to what is tracked: the visible point in the middle of the thing, or where the fingers
 * hold it, the middle of its top. */
static fm_v3 grip_of(const errand *e)
{
    const fm_cast_list *list = e->asker->list;
    const fm_visibility *seen = &list->seen[list->thing[e->target]];
    const fm_view *view = &list->scene->view;
    const fm_thing *t = thing_of(e, e->target);

    if (e->q->end_effector)
        return v3(0, 0, fm_thing_tall(t));
    return v3_sub(v3_along(view->eye, seen->depth, fm_view_ray(view, seen->u, seen->v)), t->at);
}

/* An object that can be moved and bears nothing; -1. */
static int draw_target(const fm_asker *a)
{
    const fm_cast_list *list = a->list;
    int start = list->n ? fm_one_of(a->rng, list->n) : 0;

    for (int k = 0; k < list->n; k++) {
        int i = (start + k) % list->n;

        if (fm_thing_kinds[fm_object_thing(list, i)->class].flags & FM_THING_MOVABLE &&
            !bears_something(list->scene, list->thing[i]))
            return i;
    }
    return -1;
}

/* Would the thing pass for moved, left where it is? */
static bool near_already(const errand *e)
{
    const fm_world_question *q = e->q;
    const double *p = q->points[0];
    const fm_frame *frame = e->asker->list->frame;
    double xyz[3];

    fm_camera_back_project(&e->asker->list->scene->view.lens, p[0] * frame->width,
                           p[1] * frame->height, p[2], xyz);
    return fm_box_distance(&q->box, xyz) < NEAR_M;
}

bool fm_ask_trace(const fm_asker *asker, fm_world_question *q)
{
    const fm_scene *s = asker->list->scene;
    errand e = {.asker = asker, .m = &places[s->place], .q = q, .support = FM_THING_NONE};
    fm_v3 feet[FM_ROUTE_MOST + 1], grip;
    fm_side side;
    int n = 0;

    q->form = FM_WORLD_PATH;
    if (!fm_ask_admits(asker, q->form))
        return false;
    e.target = draw_target(asker);
    e.kind = (task_kind)fm_one_of(asker->rng, TASKS);
    q->end_effector = fm_chance(asker->rng, 0.25) && !asker->settings->no_end_effector;
    if (e.target < 0 || !choose(&e, &side))
        return false;
    set_destination(&e, side);
    add_detour(&e);
    if (q->end_effector && q->push)
        return false;
    const fm_thing *t = thing_of(&e, e.target);
    if (v3_length(v3_sub(e.end, t->at)) < 0.12 * e.m->size ||
        (asker->settings->hard_ways && straight_hits(&e, DEEP) < 0))
        return false;
    grip = grip_of(&e);
    if (!find_way(&e, grip, feet, &n) || !write_points(&e, grip, feet, n) || !take_steps(&e))
        return false;
    int guard = in_the_way(&e);
    bool over = guard >= 0 && passes_over(thing_of(&e, guard), feet, n);
    if (guard >= 0 && !fm_ask_step_referring(asker, q, guard))
        guard = -1;
    (void)fm_ask_step_point(q, q->destination,
                            q->points[q->n_points - 1]); /* where there is room */
    double half = t->radius + 0.035 * e.m->size, tall = t->height + 0.05 * e.m->size;
    double low = e.end.z - (e.held ? 0.02 * e.m->size : 0);
    fm_v3 right = v3_unit(v3(s->view.right.x, s->view.right.y, 0));
    q->box = fm_view_box(&s->view, v3(e.end.x, e.end.y, low + tall / 2), v3(half, half, tall / 2),
                         right.x, right.y);
    if (asker->settings->hard_ways && near_already(&e))
        return false;
    q->subject = e.target;
    snprintf(q->target, sizeof(q->target), "%s", name_of(&e, e.target));
    return say(&e, guard, over);
}
