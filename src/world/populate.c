/* Owns scenes that are looked at first and asked about afterwards: things of all sorts, spread over the
 * picture rather than over the ground, so that each has its share of it. */
#include "world/composer.h"
#include "world/sight.h"

#include "base/size.h"

/* Room for a thing and the planner's margin around it, metres. */
static const double GAP_M = 0.045;

typedef struct {
    fm_scene *scene;
    fm_rng *rng;
    fm_window windows[FM_SCENE_THINGS];
    bool easy;
} crowd;

static int64_t area(fm_window w)
{
    return w.x1 > w.x0 && w.y1 > w.y0 ? (int64_t)(w.x1 - w.x0) * (w.y1 - w.y0) : 0;
}

/* Would one of the two hide much of the other? */
static bool hides(fm_window a, fm_window b)
{
    fm_window common = {a.x0 > b.x0 ? a.x0 : b.x0, a.y0 > b.y0 ? a.y0 : b.y0,
                        a.x1 < b.x1 ? a.x1 : b.x1, a.y1 < b.y1 ? a.y1 : b.y1};
    int64_t least = area(a) < area(b) ? area(a) : area(b);

    return area(common) * 3 > least;
}

/* Is the thing, as it stands now, within the ground, the picture, and its own room? */
static bool fits(const crowd *c, const fm_thing *t)
{
    const fm_scene *s = c->scene;

    if (!fm_on_ground(s, t->at.x, t->at.y, t->radius) ||
        !fm_in_picture(&s->view, t->at, t->radius, t->height))
        return false;
    for (int i = 0; i < s->n_things; i++)
        if (i != t->on && !fm_things_apart(t, &s->things[i], GAP_M * (1 + 0.2 * t->radius)))
            return false;
    return true;
}

/* Stand the thing where it was put, unless it and another would hide one another. */
static bool stand(crowd *c, const fm_thing *t)
{
    int index;

    if (!fits(c, t))
        return false;
    index = fm_scene_put(c->scene, t);
    if (index < 0)
        return false;
    c->windows[index] = fm_thing_window(c->scene, index);
    bool seen = area(c->windows[index]) * 500 >= c->scene->view.width * c->scene->view.height;
    for (int i = 0; i < index && seen; i++)
        seen = i == t->on || !hides(c->windows[index], c->windows[i]);
    if (!seen)
        fm_scene_pop(c->scene);
    return seen;
}

/* A point of the ground that is equally likely to be seen in any pixel. */
static bool point_on_ground(crowd *c, fm_v3 *at)
{
    const fm_view *view = &c->scene->view;
    double u = fm_rng_range(c->rng, 0.05, 0.95) * view->width;
    double v = fm_rng_range(c->rng, 0.10, 0.95) * view->height;
    fm_v3 d = fm_view_ray(view, u, v);

    if (d.z > -1e-3)
        return false;
    *at = v3_along(view->eye, view->eye.z / -d.z, d);
    at->z = 0;
    return true;
}

static bool stand_somewhere(crowd *c, fm_thing t)
{
    for (int i = 0; i < 24; i++)
        if (point_on_ground(c, &t.at) && stand(c, &t))
            return true;
    return false;
}

/* On a support that bears nothing yet. */
static bool stand_on(crowd *c, fm_thing t)
{
    const fm_scene *s = c->scene;

    for (int i = 0; i < s->n_things; i++) {
        const fm_thing *under = &s->things[i];
        double room = (under->hx < under->hy ? under->hx : under->hy) - t.radius - 0.01;
        bool free =
            fm_thing_kinds[under->class].flags & FM_THING_SUPPORT && under->on < 0 && room > 0;

        for (int k = 0; k < s->n_things && free; k++)
            free = s->things[k].on != i;
        if (!free)
            continue;
        t.on = i;
        fm_v3 off = fm_point_between(c->rng, v3(-0.6, -0.6, 0), v3(0.6, 0.6, 0));
        t.at = v3_along(v3(under->at.x, under->at.y, fm_thing_top(under)), room, off);
        return stand(c, &t);
    }
    return false;
}

static unsigned wanted(crowd *c)
{
    double luck = fm_rng_unit(c->rng);

    if (c->scene->n_things == 0)
        return FM_THING_MOVABLE;
    return luck < 0.52 ? FM_THING_MOVABLE : luck < 0.80 ? FM_THING_SUPPORT : FM_THING_OBSTACLE;
}

/* The next thing: new, a cousin of one that stands (its kind in another colour), or its twin. */
static fm_thing draw(crowd *c)
{
    const fm_scene *s = c->scene;
    fm_thing_class class = fm_class_with(s->place, wanted(c), c->rng);
    double kin = fm_rng_unit(c->rng);

    if (s->n_things > 0 && kin < 0.30) {
        const fm_thing like = s->things[fm_one_of(c->rng, s->n_things)];

        if (kin < 0.10 && !c->easy) {
            fm_thing t = fm_thing_draw(like.class, like.colour, c->rng);

            t.seed = like.seed;
            fm_thing_turn(&t, fm_rng_range(c->rng, -0.6, 0.6));
            return t;
        }
        class = like.class;
    }
    return fm_thing_fresh(s, class, c->rng);
}

bool fm_scene_populate(fm_scene *scene, int n, bool easy, fm_rng *rng)
{
    crowd c = {.scene = scene, .rng = rng, .easy = easy};

    for (int tries = 0; tries < 6 * n && scene->n_things < n; tries++) {
        fm_thing t = draw(&c);

        if (easy && fm_class_taken(scene, t.class, t.colour))
            continue;
        bool small = fm_thing_kinds[t.class].flags & FM_THING_MOVABLE;
        if (!(small && fm_chance(rng, 0.3) && stand_on(&c, t)))
            (void)!stand_somewhere(&c, t);
    }
    return scene->n_things >= n;
}
