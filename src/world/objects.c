/* Owns the choice of what can be spoken of, and its description. */
#include "world/objects.h"

#include <stdio.h>

/* Least part of the picture that a thing has to fill: 16 pixels of 128 x 128. */
static const double LEAST_PART = 0.001;

void fm_objects_find(const fm_scene *scene, const fm_frame *frame, fm_rng *rng, fm_cast_list *out)
{
    double least = LEAST_PART * frame->width * frame->height;

    *out = (fm_cast_list){.scene = scene, .frame = frame};
    fm_frame_sight(frame, scene, out->seen);
    for (int i = 0; i < scene->n_things && out->n < FM_WORLD_OBJECTS_MAX; i++)
        if (out->seen[i].pixels >= least && out->seen[i].share >= FM_WORLD_SEEN_SHARE &&
            fm_name_thing(scene, out->seen, i, rng, &out->name[out->n]))
            out->thing[out->n++] = i;
}

bool fm_view_place(const fm_view *view, fm_v3 point, double out[3])
{
    double uv[2];

    if (!fm_view_project(view, point, uv))
        return false;
    out[0] = uv[0] / view->width;
    out[1] = uv[1] / view->height;
    out[2] = fm_view_from_world(view, point).z;
    return uv[0] >= 0 && uv[1] >= 0 && uv[0] <= view->width - 1 && uv[1] <= view->height - 1;
}

fm_box fm_view_box(const fm_view *view, fm_v3 middle, fm_v3 half, double c, double s)
{
    const fm_v3 axes[3] = {v3(c, s, 0), v3(-s, c, 0), v3(0, 0, 1)};
    fm_v3 p = fm_view_from_world(view, middle);
    fm_box box = {.center = {p.x, p.y, p.z}, .extent = {2 * half.x, 2 * half.y, 2 * half.z}};

    for (int k = 0; k < 3; k++) {
        box.rotation[0][k] = v3_dot(axes[k], view->right);
        box.rotation[1][k] = v3_dot(axes[k], view->down);
        box.rotation[2][k] = v3_dot(axes[k], view->forward);
    }
    return box;
}

void fm_object_describe(const fm_cast_list *list, int object, fm_world_object *out)
{
    const fm_thing *t = fm_object_thing(list, object);
    const fm_visibility *seen = &list->seen[list->thing[object]];
    const fm_thing_kind *kind = &fm_thing_kinds[t->class];

    *out = (fm_world_object){.kind = kind->name,
                             .colour =
                                 kind->flags & FM_THING_UNDYED ? NULL : fm_colours[t->colour].name,
                             .pixels = seen->pixels,
                             .share = seen->share,
                             .round = fm_thing_round(t)};
    snprintf(out->name, sizeof(out->name), "%s", list->name[object].text);
    out->centre[0] = (double)seen->u / list->frame->width;
    out->centre[1] = (double)seen->v / list->frame->height;
    out->centre[2] = seen->depth;
    out->box = fm_view_box(&list->scene->view, fm_thing_middle(t),
                           v3_scale(v3_sub(t->high, t->low), 0.5), t->c, t->s);
}
