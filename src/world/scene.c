/* Owns the bookkeeping of a scene: its solids, its things, where they are and what the camera makes
 * of a point. What a thing of each class looks like is in things.c. */
#include "world/scene.h"

#include "base/size.h"
#include "world/exact.h"
#include "world/things.h"

static double rectangle_distance(double x, double y, double hx, double hy)
{
    double dx = fabs(x) - hx, dy = fabs(y) - hy;

    dx = dx > 0 ? dx : 0;
    dy = dy > 0 ? dy : 0;
    return sqrt(dx * dx + dy * dy);
}

double fm_thing_plan_distance(const fm_thing *thing, double x, double y)
{
    double dx = x - thing->at.x, dy = y - thing->at.y;

    return rectangle_distance(dx * thing->c + dy * thing->s, dy * thing->c - dx * thing->s,
                              thing->hx, thing->hy);
}

bool fm_thing_round(const fm_thing *thing)
{
    const fm_thing_kind *kind = &fm_thing_kinds[thing->class];

    return kind->hy[1] <= 0 && !(kind->flags & FM_THING_SQUARE);
}

double fm_thing_top(const fm_thing *thing)
{
    bool rimmed = thing->class == FM_THING_TRAY || thing->class == FM_THING_PLATE;

    return thing->at.z + (rimmed ? 0.010 : thing->height);
}

void fm_thing_turn(fm_thing *thing, double angle)
{
    fm_exact_sincos(angle, &thing->s, &thing->c);
}

void fm_scene_add(fm_scene *scene, int thing, fm_solid solid)
{
    if (scene->n_solids >= FM_SCENE_SOLIDS)
        return; /* fm_scene_put() has made sure that this cannot happen */
    solid.thing = thing;
    if (solid.kind != FM_SOLID_BOX) {
        double r = solid.r0 > solid.r1 ? solid.r0 : solid.r1;

        solid.half.x = solid.half.y = r;
        if (solid.kind == FM_SOLID_SPHERE)
            solid.half.z = r;
    }
    solid.reach = solid.kind == FM_SOLID_SPHERE ? solid.r0
                  : solid.kind == FM_SOLID_ROUND
                      ? sqrt(solid.half.x * solid.half.x + solid.half.z * solid.half.z)
                      : v3_length(solid.half);
    scene->solids[scene->n_solids++] = solid;
}

double fm_thing_tall(const fm_thing *thing)
{
    return thing->high.z;
}

fm_v3 fm_thing_middle(const fm_thing *thing)
{
    fm_v3 m = v3_mix(thing->low, thing->high, 0.5);

    return v3(thing->at.x + m.x * thing->c - m.y * thing->s,
              thing->at.y + m.x * thing->s + m.y * thing->c, thing->at.z + m.z);
}

/* A thing's solids are turned as it is. */
static void find_bounds(const fm_scene *scene, fm_thing *t)
{
    double low[3] = {1e9, 1e9, 1e9}, high[3] = {-1e9, -1e9, -1e9};

    for (int i = 0; i < t->n_solids; i++) {
        const fm_solid *s = &scene->solids[t->first_solid + i];
        fm_v3 at = fm_solid_turn(s, v3_sub(s->centre, t->at));
        const double middle[3] = {at.x, at.y, at.z}, half[3] = {s->half.x, s->half.y, s->half.z};

        for (int k = 0; k < 3; k++) {
            low[k] = middle[k] - half[k] < low[k] ? middle[k] - half[k] : low[k];
            high[k] = middle[k] + half[k] > high[k] ? middle[k] + half[k] : high[k];
        }
    }
    t->low = v3(low[0], low[1], low[2]);
    t->high = v3(high[0], high[1], high[2]);
}

int fm_scene_put(fm_scene *scene, const fm_thing *thing)
{
    int index = scene->n_things;

    if (index >= FM_SCENE_THINGS || scene->n_solids + FM_THING_MOST_SOLIDS > FM_SCENE_SOLIDS)
        return -1;
    scene->things[index] = *thing;
    scene->things[index].first_solid = scene->n_solids;
    fm_thing_build(scene, index);
    scene->things[index].n_solids = scene->n_solids - scene->things[index].first_solid;
    find_bounds(scene, &scene->things[index]);
    scene->n_things++;
    return index;
}

void fm_scene_pop(fm_scene *scene)
{
    scene->n_things--;
    scene->n_solids = scene->things[scene->n_things].first_solid;
}

fm_v3 fm_view_from_world(const fm_view *view, fm_v3 point)
{
    fm_v3 d = v3_sub(point, view->eye);

    return v3(v3_dot(d, view->right), v3_dot(d, view->down), v3_dot(d, view->forward));
}

bool fm_view_project(const fm_view *view, fm_v3 point, double uv[2])
{
    fm_v3 p = fm_view_from_world(view, point);

    if (p.z < 1e-3)
        return false;
    uv[0] = p.x * view->lens.fx / p.z + view->lens.cx;
    uv[1] = p.y * view->lens.fy / p.z + view->lens.cy;
    return true;
}
