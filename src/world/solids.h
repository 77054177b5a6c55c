/* Rays against single solids. Pure functions. */
#ifndef FM_WORLD_SOLIDS_H
#define FM_WORLD_SOLIDS_H

#include "world/scene.h"

/* The first point at which the ray from `o` along `d` (the solid's own frame, any length) enters the
 * solid beyond `least`, as a multiple of d. A ray that starts within the material does not hit it.
 */
bool fm_solid_hit(const fm_solid *solid, fm_v3 o, fm_v3 d, double least, double *t);

/* Outward normal at a point of the surface, both in the solid's own frame. */
fm_v3 fm_solid_normal(const fm_solid *solid, fm_v3 p);

/* The colour of the surface at p with normal n, both in the solid's own frame. */
fm_v3 fm_material_colour(const fm_material *material, fm_v3 p, fm_v3 n, fm_v3 half);

#endif
