/**
 * What can be spoken of in a scene: the things that show well enough and have a name of their own, with
 * the numbers that questions about them are answered by. All from the exact geometry.
 */
#ifndef FM_WORLD_OBJECTS_H
#define FM_WORLD_OBJECTS_H

#include "world/names.h"

typedef struct {
    const fm_scene *scene;
    const fm_frame *frame;
    fm_visibility seen[FM_SCENE_THINGS]; /* of each thing */
    int n;
    int thing[FM_WORLD_OBJECTS_MAX]; /* of each object */
    fm_name name[FM_WORLD_OBJECTS_MAX];
} fm_cast_list;

/* Fill the list; borrows scene and frame. */
void fm_objects_find(const fm_scene *scene, const fm_frame *frame, fm_rng *rng, fm_cast_list *out);

/* As the caller of fm_world_scene_make() gets it. */
void fm_object_describe(const fm_cast_list *list, int object, fm_world_object *out);

static inline const fm_thing *fm_object_thing(const fm_cast_list *list, int object)
{
    return &list->scene->things[list->thing[object]];
}

/* x, y in [0, 1] and depth of a point of the world. False where it is not in the picture. */
bool fm_view_place(const fm_view *view, fm_v3 point, double out[3]);

/* A box that stands upright in the world, in the camera's frame. */
fm_box fm_view_box(const fm_view *view, fm_v3 middle, fm_v3 half, double c, double s);

#endif
