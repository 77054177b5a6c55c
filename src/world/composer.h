/**
 * What composing a scene takes: chance, rooms and cameras (setting.c), and things where there is room for
 * them (populate.c, stand.c).
 */
#ifndef FM_WORLD_COMPOSER_H
#define FM_WORLD_COMPOSER_H

#include "world/scene.h"

/* A point in a box. Three draws as arguments of one call would come in an order that each compiler
 * chooses for itself. */
static inline fm_v3 fm_point_between(fm_rng *rng, fm_v3 low, fm_v3 high)
{
    fm_v3 p;

    p.x = fm_rng_range(rng, low.x, high.x);
    p.y = fm_rng_range(rng, low.y, high.y);
    p.z = fm_rng_range(rng, low.z, high.z);
    return p;
}

static inline bool fm_chance(fm_rng *rng, double share)
{
    return fm_rng_unit(rng) < share;
}

static inline int fm_one_of(fm_rng *rng, int n)
{
    return (int)fm_rng_below(rng, (uint64_t)n);
}

/* ---- setting.c ---- */

/* Clear the scene, and make its room, its ground and its light. */
void fm_scene_furnish(fm_scene *scene, fm_world_place place, fm_rng *rng);

/* A camera of any lens, height and pitch that the place admits. */
void fm_view_aim(fm_scene *scene, int width, int height, fm_rng *rng);

/* ---- populate.c ---- */

/* Spread n things over the picture; easy: no two of one kind and colour. False where some of them found
 * no room. */
bool fm_scene_populate(fm_scene *scene, int n, bool easy, fm_rng *rng);

/* ---- stand.c ---- */

bool fm_on_ground(const fm_scene *scene, double x, double y, double radius);

/* Is there a clear `gap` between the two, seen from above? */
bool fm_things_apart(const fm_thing *a, const fm_thing *b, double gap);

/* Does the upright cylinder lie within the picture, but for a margin? */
bool fm_in_picture(const fm_view *view, fm_v3 at, double radius, double height);

/* Does a thing of this class, and colour where it is dyed, stand in the scene? */
bool fm_class_taken(const fm_scene *scene, fm_thing_class class, int colour);

/* A thing of a kind that stands nowhere yet in this colour, slightly turned. */
fm_thing fm_thing_fresh(const fm_scene *scene, fm_thing_class class, fm_rng *rng);

/* A class of those that the place knows, with any of the flags. */
fm_thing_class fm_class_with(fm_world_place place, unsigned flag, fm_rng *rng);

/* As the camera sees it. */
typedef enum { FM_SIDE_LEFT, FM_SIDE_RIGHT, FM_SIDE_FRONT, FM_SIDE_BEHIND } fm_side;

/* A side as a direction on the ground. */
fm_v3 fm_side_direction(const fm_view *view, fm_side side);

/* How far the thing reaches from its centre in a direction of the ground. */
double fm_thing_reach(const fm_thing *thing, fm_v3 direction);

#endif
