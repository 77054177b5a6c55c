/* Owns the pen: from offsets in a thing's frame to solids in the world's. */
#include "world/pen.h"

fm_v3 fm_shade(fm_v3 colour, double amount)
{
    return amount > 0 ? v3_mix(colour, v3(0.9, 0.9, 0.88), amount) : v3_scale(colour, 1 + amount);
}

fm_material fm_pen_material(const fm_pen *b, fm_texture texture, fm_v3 first, fm_v3 second,
                            double scale, double gloss)
{
    return (fm_material){texture, first, second, scale, gloss, b->thing->seed};
}

fm_material fm_pen_plain(const fm_pen *b, fm_v3 colour, double gloss)
{
    return fm_pen_material(b, FM_TEXTURE_GLAZE, colour, colour, 0.05, gloss);
}

static fm_solid standing(const fm_pen *b, double x, double y, double z0, double height)
{
    const fm_thing *t = b->thing;

    return (fm_solid){.centre = v3(t->at.x + x * t->c - y * t->s, t->at.y + x * t->s + y * t->c,
                                   t->at.z + z0 + height / 2),
                      .half = v3(0, 0, height / 2),
                      .c = t->c,
                      .s = t->s};
}

void fm_pen_box(const fm_pen *b, double x, double y, double z0, double hx, double hy, double height,
                fm_material m)
{
    fm_solid s = standing(b, x, y, z0, height);

    s.kind = FM_SOLID_BOX;
    s.half.x = hx;
    s.half.y = hy;
    s.material = m;
    fm_scene_add(b->scene, b->index, s);
}

void fm_pen_round(const fm_pen *b, double x, double y, double z0, double height, double r0,
                  double r1, double wall, fm_material m)
{
    fm_solid s = standing(b, x, y, z0, height);

    s.kind = FM_SOLID_ROUND;
    s.r0 = r0;
    s.r1 = r1;
    s.wall = wall;
    s.material = m;
    fm_scene_add(b->scene, b->index, s);
}

void fm_pen_sphere(const fm_pen *b, double x, double y, double z0, double r, fm_material m)
{
    fm_solid s = standing(b, x, y, z0, 2 * r);

    s.kind = FM_SOLID_SPHERE;
    s.r0 = r;
    s.material = m;
    fm_scene_add(b->scene, b->index, s);
}
