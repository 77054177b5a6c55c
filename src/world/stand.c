/* Owns where a thing can stand: on the ground, apart from the others, within the picture. */
#include "world/composer.h"

#include "base/size.h"

bool fm_on_ground(const fm_scene *scene, double x, double y, double radius)
{
    return fabs(x) + radius + 0.02 <= scene->ground_hx &&
           fabs(y) + radius + 0.02 <= scene->ground_hy;
}

bool fm_things_apart(const fm_thing *a, const fm_thing *b, double gap)
{
    return fm_thing_plan_distance(a, b->at.x, b->at.y) >= b->radius + gap ||
           fm_thing_plan_distance(b, a->at.x, a->at.y) >= a->radius + gap;
}

bool fm_in_picture(const fm_view *view, fm_v3 at, double radius, double height)
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

bool fm_class_taken(const fm_scene *scene, fm_thing_class class, int colour)
{
    for (int i = 0; i < scene->n_things; i++)
        if (scene->things[i].class == class &&
            (scene->things[i].colour == colour || fm_thing_kinds[class].flags & FM_THING_UNDYED))
            return true;
    return false;
}

fm_thing fm_thing_fresh(const fm_scene *scene, fm_thing_class class, fm_rng *rng)
{
    int colour = fm_one_of(rng, FM_COLOUR_COUNT);

    for (int i = 0; i < FM_COLOUR_COUNT && fm_class_taken(scene, class, colour); i++)
        colour = (colour + 1) % FM_COLOUR_COUNT;
    fm_thing t = fm_thing_draw(class, colour, rng);
    fm_thing_turn(&t, fm_rng_range(rng, -0.6, 0.6));
    return t;
}

fm_thing_class fm_class_with(fm_world_place place, unsigned flag, fm_rng *rng)
{
    static const int first[] = {[FM_WORLD_TABLETOP] = 0,
                                [FM_WORLD_INDOOR] = FM_THING_SOFA,
                                [FM_WORLD_OUTDOOR] = FM_THING_CAR,
                                [FM_WORLD_PLACES] = FM_THING_CLASSES};
    int class;

    do
        class = first[place] + fm_one_of(rng, first[place + 1] - first[place]);
    while (!(fm_thing_kinds[class].flags & flag));
    return (fm_thing_class) class;
}

fm_v3 fm_side_direction(const fm_view *view, fm_side side)
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

double fm_thing_reach(const fm_thing *t, fm_v3 d)
{
    double x = fabs(d.x * t->c + d.y * t->s), y = fabs(d.y * t->c - d.x * t->s);

    return fm_thing_round(t) ? t->hx : x * t->hx + y * t->hy;
}
