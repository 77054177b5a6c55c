/* What the camera sees of single things: by rays cast for the purpose, or read off a frame. */
#ifndef FM_WORLD_SIGHT_H
#define FM_WORLD_SIGHT_H

#include "world/render.h"

/* The bounds of what the solids of a thing can cover, in whole pixels, clipped to the picture. */
typedef struct {
    int x0, y0, x1, y1; /* half open */
} fm_window;

fm_window fm_solid_window(const fm_view *view, const fm_solid *solid);
fm_window fm_thing_window(const fm_scene *scene, int thing);

/* The thing that pixel (u, v) shows, or FM_THING_NONE for table and room; *depth along the axis. */
int fm_scene_seen(const fm_scene *scene, double u, double v, double *depth);

/* How much of a thing the camera sees. */
typedef struct {
    int pixels;   /* visible */
    double share; /* of those it would cover if it stood alone */
    int u, v;     /* the visible pixel nearest to the centroid of all visible ones */
    double depth; /* there */
} fm_visibility;

/* Judged on every `step`-th pixel in both directions; counts are in these samples. */
fm_visibility fm_thing_visibility(const fm_scene *scene, int thing, int step);

/* The same of every thing at once, from a frame that fm_caster_look() has filled; seen: [n_things]. */
void fm_frame_sight(const fm_frame *frame, const fm_scene *scene, fm_visibility *seen);

#endif
