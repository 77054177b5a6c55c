/* Owns questions whose answer is one point: a thing that constraints single out, or a free spot. */
#include "world/ask.h"

#include <stdio.h>

#include "base/size.h"
#include "world/composer.h"

/* With depth or without, as the settings admit. */
static bool draw_form(const fm_asker *asker, fm_world_question *q)
{
    bool flat = fm_ask_admits(asker, FM_WORLD_POINT_2D),
         deep = fm_ask_admits(asker, FM_WORLD_POINT);

    q->form = flat && (!deep || fm_chance(asker->rng, 0.3)) ? FM_WORLD_POINT_2D : FM_WORLD_POINT;
    return flat || deep;
}

/* ---- things ---- */

enum { MOST_CONSTRAINTS = 3 };

typedef struct {
    fm_relation relation;
    int to; /* object */
} constraint;

/* Do the constraints single out the object's thing: all hold for it, and of any other that shows, and
 * could be meant, one clearly does not? `kind`: only things of its kind are meant. */
static bool single_out(const fm_asker *asker, int object, bool kind, const constraint *c, int n)
{
    const fm_cast_list *list = asker->list;
    int own = list->thing[object];

    for (int t = 0; t < list->scene->n_things; t++) {
        bool all = true, none = false;

        if (list->seen[t].pixels == 0 ||
            (kind && list->scene->things[t].class != list->scene->things[own].class))
            continue;
        for (int i = 0; i < n; i++) {
            fm_verdict v = fm_relation_holds(list, c[i].relation, t, list->thing[c[i].to]);

            all &= v == FM_YES;
            none |= v == FM_NO;
        }
        if (t == own ? !all : !none)
            return false;
    }
    return true;
}

/* Constraints that hold for the object, each about another; how many were found. */
static int draw_constraints(const fm_asker *asker, int object, int most, constraint *c)
{
    const fm_cast_list *list = asker->list;
    int n = 0;

    for (int tries = 0; tries < 10 && n < most; tries++) {
        constraint one;

        one.relation = (fm_relation)fm_one_of(asker->rng, FM_RELS);
        one.to = fm_ask_object(asker, object, n ? c[0].to : -1);
        bool fresh = one.to >= 0;

        for (int i = 0; i < n; i++)
            fresh &= one.to != c[i].to && one.relation != c[i].relation;
        if (fresh && fm_relation_holds(list, one.relation, list->thing[object],
                                       list->thing[one.to]) == FM_YES)
            c[n++] = one;
    }
    return n;
}

static bool by_constraints(const fm_asker *asker, int object, fm_world_question *q)
{
    constraint c[MOST_CONSTRAINTS];
    int n = draw_constraints(asker, object, 1 + fm_one_of(asker->rng, MOST_CONSTRAINTS), c);
    bool kind = fm_chance(asker->rng, 0.6);
    const fm_thing *t = fm_object_thing(asker->list, object);
    size_t at;

    if (n == 0 || !single_out(asker, object, kind, c, n) ||
        (kind && single_out(asker, object, kind, c, 0)))
        return false;
    at = (size_t)snprintf(q->question, sizeof(q->question), "Point at the %s that is ",
                          kind ? fm_thing_kinds[t->class].name : "thing");
    for (int i = 0; i < n && at < sizeof(q->question); i++) {
        at += (size_t)snprintf(q->question + at, sizeof(q->question) - at, "%s%s %s",
                               i == 0       ? ""
                               : i + 1 == n ? " and "
                                            : ", ",
                               fm_relation_words(c[i].relation), fm_ask_name(asker, c[i].to));
        if (!fm_ask_step_referring(asker, q, c[i].to))
            return false;
    }
    if (at + 2 > sizeof(q->question))
        return false;
    snprintf(q->question + at, sizeof(q->question) - at, ".");
    return true;
}

bool fm_ask_referring(const fm_asker *asker, fm_world_question *q)
{
    int object = fm_ask_object(asker, -1, -1);

    if (object < 0 || !draw_form(asker, q) || !fm_ask_step_scale(asker, q))
        return false;
    if (fm_chance(asker->rng, 0.5)) {
        if (!by_constraints(asker, object, q))
            return false;
    } else {
        snprintf(q->question, sizeof(q->question), "Point at %s.", fm_ask_name(asker, object));
    }
    if (!fm_ask_step_referring(asker, q, object))
        return false;
    const fm_world_step *last = &q->steps[q->n_steps - 1];
    for (int k = 0; k < 3; k++)
        q->points[0][k] = last->value[k];
    q->n_points = 1;
    q->subject = object;
    return true;
}

/* ---- free spots ---- */

/* Is the ground there, free within `radius`, in the picture, and not hidden? */
static bool is_free(const fm_asker *asker, fm_v3 at, double radius, double place[3])
{
    const fm_scene *s = asker->list->scene;
    const fm_frame *frame = asker->list->frame;

    if (!fm_on_ground(s, at.x, at.y, radius) || !fm_view_place(&s->view, at, place))
        return false;
    for (int i = 0; i < s->n_things; i++)
        if (fm_thing_plan_distance(&s->things[i], at.x, at.y) < radius)
            return false;
    int u = (int)(place[0] * frame->width + 0.5), v = (int)(place[1] * frame->height + 0.5);
    double seen = frame->depth[(size_t)v * (size_t)frame->width + (size_t)u];
    return fabs(seen - place[2]) < 0.02 * place[2];
}

bool fm_ask_placing(const fm_asker *asker, fm_world_question *q)
{
    static const char *const sides[] = {"to the left of", "to the right of", "in front of",
                                        "behind"};
    static const char *const grounds[] = {"table", "floor", "ground"};
    const fm_scene *s = asker->list->scene;
    static const int steps_cm[] = {1, 5, 10};
    const double radius = s->place == FM_WORLD_TABLETOP ? 0.02 : 0.06;
    int a = fm_ask_object(asker, -1, -1);
    fm_side side = (fm_side)fm_one_of(asker->rng, 4);
    int cm = steps_cm[s->place] * (5 + fm_one_of(asker->rng, 16));
    const fm_thing spot = {.class = FM_THING_BALL}; /* without extent */
    char gap[48];

    if (a < 0 || !draw_form(asker, q))
        return false;
    const fm_thing *t = fm_object_thing(asker->list, a);
    fm_v3 d = fm_side_direction(&s->view, side), at;
    at = fm_thing_beside(t, &spot, d, cm * 0.01);
    if (t->on >= 0 || !fm_thing_plain(t) || !is_free(asker, at, radius, q->points[0]))
        return false;
    if (cm < 100)
        snprintf(gap, sizeof(gap), "%d cm", cm);
    else
        snprintf(gap, sizeof(gap), "%.1f m", cm / 100.0);
    snprintf(q->destination, sizeof(q->destination), "the spot %s %s %s", gap, sides[side],
             fm_ask_name(asker, a));
    snprintf(q->question, sizeof(q->question), "Point at the free spot on the %s %s %s %s.",
             grounds[s->place], gap, sides[side], fm_ask_name(asker, a));
    q->n_points = 1;
    q->box = fm_view_box(&s->view, at, v3(2 * radius, 2 * radius, radius), t->c, t->s);
    return fm_ask_step_scale(asker, q) && fm_ask_step_referring(asker, q, a) &&
           fm_ask_step_measuring(asker, q, q->destination, cm * 0.01) &&
           fm_ask_step_point(q, q->destination, q->points[0]);
}
