/**
 * The way of a thing through a scene: RRT* in the true geometry, smoothed and simplified.
 *
 * What moves is the upright cylinder around the thing; it keeps `margin` to every solid. Sweeps are
 * tested exactly: against boxes and rounds as they are, against spheres as the cylinder around them.
 * Deterministic for a state of chance. Source: Karaman and Frazzoli 2011; step, rewiring radius and goal
 * bias as in arXiv 2512.13660v3, supplement (RRT* of the object-centric traces).
 */
#ifndef FM_WORLD_ROUTE_H
#define FM_WORLD_ROUTE_H

#include "world/scene.h"

enum { FM_ROUTE_LEAST = 6, FM_ROUTE_MOST = 12, FM_ROUTE_STOPS = 5 };

typedef struct {
    const fm_scene *scene;
    int thing;     /* what moves */
    fm_v3 grip;    /* from its foot to the tracked point, which stays in the picture */
    double margin; /* metres */
    double size;   /* of the place: 1 on a table; steps and tolerances grow with it */
    bool flat;     /* along the ground: at one height, which is not tested against the ground */
} fm_route_rules;

/* Does the thing, its foot moved straight from a to b, keep the margin? What it stands on is left out:
 * `except` (a thing, or FM_THING_NONE) and, where `grounded`, the ground. */
bool fm_route_clear(const fm_route_rules *rules, fm_v3 a, fm_v3 b, int except, bool grounded);

/* The first thing that the straight line from a to b hits, but for `except`; FM_THING_NONE: none. */
int fm_route_blocker(const fm_route_rules *rules, fm_v3 a, fm_v3 b, int except);

/* From stop to stop, each a point of the way. feet: positions of the foot, `most` at most. False where
 * no way was found. */
bool fm_route_find(const fm_route_rules *rules, const fm_v3 *stops, int n_stops, int most,
                   fm_rng *rng, fm_v3 *feet, int *n);

/* Split the longest parts until there are FM_ROUTE_LEAST points; feet: [FM_ROUTE_MOST]. */
void fm_route_fill(fm_v3 *feet, int *n);

#endif
