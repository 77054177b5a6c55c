/* Owns names: how a thing is spoken of so that it cannot be taken for another. Judges order and
 * nearness by what the camera sees. */
#include "world/names.h"

#include <stdio.h>

static bool same_kind(const fm_thing *a, const fm_thing *b)
{
    return a->class == b->class &&
           (a->colour == b->colour || fm_thing_kinds[a->class].flags & FM_THING_UNDYED);
}

void fm_name_plain(const fm_thing *t, char *out, size_t size)
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

static bool find_standing(const fm_scene *scene, const fm_visibility *seen, int index,
                          standing *out)
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
        if (!fm_view_project(&scene->view, other->at, uv) || seen[i].share < 0.4)
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
static bool name_by_neighbour(const fm_scene *scene, const fm_visibility *seen, int index,
                              const char *kind, fm_name *out)
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
        if (!clear || seen[i].share < 0.5)
            continue;
        fm_name_plain(near, words, sizeof(words));
        snprintf(out->text, sizeof(out->text), "the %s next to the %s", kind, words);
        out->steps = 2;
        return true;
    }
    return false;
}

bool fm_name_thing(const fm_scene *scene, const fm_visibility *seen, int index, fm_rng *rng,
                   fm_name *out)
{
    static const char *const ordinal[] = {"", "second ", "third ", "fourth "};
    standing s;
    char kind[48];

    if (!find_standing(scene, seen, index, &s))
        return false;
    fm_name_plain(&scene->things[index], kind, sizeof(kind));
    out->steps = s.count > 1;
    if (s.count == 1) {
        snprintf(out->text, sizeof(out->text), "the %s", kind);
        return true;
    }
    if (fm_rng_unit(rng) < 0.5 && name_by_neighbour(scene, seen, index, kind, out))
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
