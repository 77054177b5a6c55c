/* What the camera sees of single things. */
#ifndef FM_WORLD_SIGHT_H
#define FM_WORLD_SIGHT_H

#include "world/render.h"

/* The bounds of what the solids of a thing can cover, in whole pixels, clipped to the picture. */
typedef struct {
    int x0, y0, x1, y1; /* half open */
} fm_window;

fm_window fm_solid_window(const fm_view *view, const fm_solid *solid);
fm_window fm_thing_window(const fm_scene *scene, int thing);

/* How much of a thing the camera sees. */
typedef struct {
    int pixels;   /* visible */
    double share; /* of those it would cover if it stood alone */
    int u, v;     /* the visible pixel nearest to the centroid of all visible ones */
    double depth; /* there */
} fm_visibility;

/* Of every thing, from a frame that fm_caster_look() has filled; seen: [n_things]. */
void fm_frame_sight(const fm_frame *frame, const fm_scene *scene, fm_visibility *seen);

#endif
