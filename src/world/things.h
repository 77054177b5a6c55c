/* The catalogue of things: how each class is put together from solids. */
#ifndef FM_WORLD_THINGS_H
#define FM_WORLD_THINGS_H

#include "world/scene.h"

enum { FM_THING_MOST_SOLIDS = 12 };

/* Append the solids of scene->things[index], which stands where it says. */
void fm_thing_build(fm_scene *scene, int index);

#endif
