/* A task in words. */
#ifndef FM_WORLD_PHRASE_H
#define FM_WORLD_PHRASE_H

#include "fathom/world.h"
#include "world/plan.h"

/* Fill the texts, the number of reasoning steps and the key steps of `out`; the scale's value is left
 * open (world.c). False where some thing cannot be named
 * in such a way that a viewer of the picture knows which one is meant. */
bool fm_task_phrase(const fm_scene *scene, const fm_task *task, const fm_plan *plan, fm_rng *rng,
                    fm_world_item *out);

#endif
