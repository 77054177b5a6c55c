/**
 * The pen that things are drawn with: it adds solids in a thing's own frame. (x, y) is the offset of a
 * solid's centre in that frame, z0 the height of its foot over the thing's.
 */
#ifndef FM_WORLD_PEN_H
#define FM_WORLD_PEN_H

#include "world/scene.h"

typedef struct {
    fm_scene *scene;
    int index;
    const fm_thing *thing;
    fm_v3 dye;
} fm_pen;

/* A colour lightened (amount > 0, towards white) or darkened (amount < 0). */
fm_v3 fm_shade(fm_v3 colour, double amount);

fm_material fm_pen_material(const fm_pen *b, fm_texture texture, fm_v3 first, fm_v3 second,
                            double scale, double gloss);
fm_material fm_pen_plain(const fm_pen *b, fm_v3 colour, double gloss);

void fm_pen_box(const fm_pen *b, double x, double y, double z0, double hx, double hy, double height,
                fm_material m);
/* A frustum of radius r0 below and r1 above; hollow and open above where wall > 0. */
void fm_pen_round(const fm_pen *b, double x, double y, double z0, double height, double r0,
                  double r1, double wall, fm_material m);
void fm_pen_sphere(const fm_pen *b, double x, double y, double z0, double r, fm_material m);

#endif
